"""The cycle model: every row of the published rules, counted by hand."""

from __future__ import annotations

from typing import Any

import pytest
from tinydeploy.simulate.code_watch import PAGE_BYTES
from tinydeploy.simulate.cycles import analyse
from tinydeploy.simulate.registers import Reg

ENTRY_AND_RETURN = 2 + 1  # the first block is a taken change of flow; `bx lr`

# r0 = 0, r1 = r7 = address of a word that holds its own address, r2 = 4, r3 = 3
BY_HAND = [
    ("nop", 1),
    ("adds r0, #1; muls r0, r2, r0; smlad r0, r0, r2, r2; ssat r0, #8, r0", 4),
    ("umull r0, r2, r2, r2; clz r0, r0; sxtb16 r0, r0", 3),
    ("udiv r0, r2, r3; sdiv r0, r2, r3", 12),
    # loads
    ("ldr r0, [r1]", 2),
    ("ldrsb r0, [r1, #1]", 2),
    ("ldr r0, [r1], #4", 2),
    ("ldr r0, [r1]; ldr r4, [r1, #4]", 2 + 1),
    ("ldr r0, [r1]; ldr r4, [r1, #4]; ldrh r5, [r1, #8]", 2 + 1 + 1),
    ("ldr r1, [r7]; ldr r0, [r1]", 2 + 2),
    ("ldr r4, [r1]; ldr r0, [r1, r2]", 2 + 1),
    ("movs r4, #4; ldr r0, [r1, r4]", 1 + 2),
    ("ldr r0, [r1]; nop; ldr r4, [r1]", 2 + 1 + 2),
    ("ldrd r4, r5, [r1]; ldr r0, [r1]", 3 + 2),
    # stores
    ("str r0, [r1, #4]", 1),
    ("strb r0, [r1, #4]!", 1),
    ("str r0, [r1], #4", 1),
    ("str r0, [r1, r2]", 2),
    ("str r0, [r1, r2, lsl #2]", 2),
    ("ldr r0, [r7]; str r0, [r1, r2]", 2 + 1),
    ("str r0, [r1, #4]; ldr r0, [r1]", 1 + 2),
    ("strd r0, r2, [r1, #8]", 3),
    # several words
    ("push {r4-r7}; pop {r4-r7}", 5 + 5),
    ("ldm r1, {r4, r5}", 3),
    ("stm r1!, {r2, r3, r4}; subs r1, #12", 4 + 1),
    # floating point
    ("vldr s0, [r1]; vldr s1, [r1]", 2 + 2),
    ("vldr d0, [r1]", 3),
    ("vstr s0, [r1, #4]", 2),
    ("vldr s0, [r1]; ldr r0, [r1]", 2 + 2),
    ("vpush {s16-s19}; vpop {s16-s19}", 5 + 5),
    ("vpush {d8, d9}; vpop {d8, d9}", 5 + 5),
    ("vmov s0, r0; vmov r0, s0; vmov.f32 s1, s0", 3),
    ("vmov r4, r5, d0; vmov d0, r4, r5", 2 + 2),
    ("vadd.f32 s0, s1, s2; vmul.f32 s0, s1, s2; vcvt.f32.s32 s0, s0; vcmp.f32 s0, s1", 4),
    ("vfma.f32 s0, s1, s2; vmla.f32 s0, s1, s2; vnmls.f32 s0, s1, s2", 9),
    ("vdiv.f32 s0, s1, s2; vsqrt.f32 s0, s1", 28),
    # changes of flow
    ("b 1f; nop; 1: nop", 1 + 2 + 1),
    ("b 1f; 1: nop", 1 + 1),  # goes on where it ends: not a change of flow
    ("cmp r0, r0; bne 1f; 1: nop", 1 + 1 + 1),
    ("cmp r0, r0; beq 1f; nop; 1: nop", 1 + 1 + 2 + 1),
    ("cbnz r0, 1f; 1: nop", 1 + 1),
    ("movs r4, #3; 1: subs r4, #1; bne 1b", 1 + 3 * 2 + 2 * 2),
    ("mov r6, lr; bl 1f; b 2f; 1: bx lr; 2: mov lr, r6", 1 + 1 + 2 + 1 + 2 + 1 + 2 + 1),
    (
        "adr r4, 1f; adds r4, #1; str r4, [r1]; ldr pc, [r1]; .align 2; 1: nop",
        1 + 1 + 1 + 2 + 2 + 1,
    ),
    ("tbb [pc, r0]; .byte 1, 1; 1: nop", 2 + 2 + 1),
    # IT: what fails costs 1
    ("cmp r0, r0; ite eq; addeq r4, #1; addne r4, #1", 4),
    ("cmp r0, r0; it eq; ldreq r4, [r1]", 1 + 1 + 2),
    ("cmp r0, r0; it ne; ldrne r4, [r1]", 1 + 1 + 1),
    ("cmp r0, r0; itt eq; ldreq r4, [r1]; ldreq r5, [r1]", 2 + 2 + 1),
    ("cmp r0, r0; itt ne; ldrne r4, [r1]; ldrne r5, [r1]", 2 + 1 + 1),
    ("cmp r0, r0; ite eq; ldreq r4, [r1]; ldrne r5, [r1]", 2 + 2 + 1),
    ("cmp r0, r0; ite ne; ldrne r4, [r1]; ldreq r5, [r1]", 2 + 1 + 2),
    ("cmp r0, r0; it eq; ldreq r4, [r1]; ldr r5, [r1]", 2 + 2 + 1),
    ("cmp r0, r0; it ne; ldrne r4, [r1]; ldr r5, [r1]", 2 + 1 + 2),
    ("cmp r0, r0; it eq; ldreq r1, [r7]; ldr r5, [r1]", 2 + 2 + 2),
    ("cmp r0, r0; it ne; udivne r4, r2, r3", 2 + 1),
    ("cmp r0, r0; it eq; udiveq r4, r2, r3", 2 + 6),
    ("cmp r0, r0; it lt; pushlt {r4-r7}", 2 + 1),
    ("cmp r0, r2; it lt; strlt r0, [r1, r2]", 2 + 2),
    ("cmp r0, r2; it hi; vdivhi.f32 s0, s1, s2", 2 + 1),
    ("cmp r0, r2; it ls; vdivls.f32 s0, s1, s2", 2 + 14),
    ("cmp r0, r0; itt eq; cmpeq r0, r2; ldreq r4, [r1]", 2 + 1 + 1),  # the flags change inside
]


def _run(lab: Any, snippet: str, native: bool) -> tuple[int, int]:
    machine = lab.machine(snippet + "; bx lr", native=native)
    machine.write(lab.data, lab.data.to_bytes(4, "little") * 64)
    machine.set_reg(Reg.R7, lab.data)
    machine.call(lab.flash.origin, 0, lab.data, 4, 3, stack=lab.stack)
    return machine.cycles - ENTRY_AND_RETURN, machine.instructions - 1


@pytest.mark.parametrize(("snippet", "cycles"), BY_HAND, ids=[row[0] for row in BY_HAND])
def test_hand_counted(lab: Any, snippet: str, cycles: int) -> None:
    compiled = _run(lab, snippet, native=True)
    assert compiled[0] == cycles
    assert _run(lab, snippet, native=False) == compiled


def test_block_that_starts_inside_an_it_block(lab: Any) -> None:
    """A block cut at a page boundary: ITSTATE comes from the CPU, not from an IT instruction."""
    code = lab.assemble("ldr r4, [r1]; nop")[:4]
    block = analyse(code, 0x10000, it_state=0x08)  # EQ, one instruction left
    assert (block.cycles, block.instructions) == (2, 2)
    assert [watch.cycles for watch in block.watches] == [1]


CUT = [
    "ldr r4, [r1]; ldr r5, [r1]",
    "ldr r1, [r7]; ldr r0, [r1]",
    "ldr r4, [r1]; str r0, [r1, r2]",
    "ldr r4, [r1]; adds r5, #1",
    "cmp r0, r0; it eq; ldreq r4, [r1]; ldr r5, [r1]",
    "cmp r0, r0; it ne; ldrne r4, [r1]; ldr r5, [r1]",
]


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("snippet", CUT)
def test_a_page_border_changes_nothing(lab: Any, snippet: str, native: bool) -> None:
    """Unicorn cuts blocks there, the core does not: what is moved costs the same at each place."""
    cycles = _run(lab, snippet, native)[0]
    for border in range(0, len(lab.assemble(snippet)) + 1, 2):
        moved = f"b 1f; .space {PAGE_BYTES - 2 - border}; 1: {snippet}"
        assert _run(lab, moved, native)[0] == 1 + 2 + cycles, border
