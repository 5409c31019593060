"""The estimate of flash wait states, counted by hand, in both counters."""

from __future__ import annotations

from typing import Any

import pytest
from tinydeploy.simulate.flash_timing import FlashTiming
from tinydeploy.simulate.registers import Reg

WAIT = 5  # no cost of the cycle model
FLASH_END = 0x30000


def timing(sets: int = 64, ways: int = 2, caches_data: bool = False) -> FlashTiming:
    return FlashTiming(FLASH_END, WAIT, 16, sets, ways, caches_data)


# Code starts at the start of a line of 16 bytes. `bx lr` is the last of the instructions.
SEVEN_NOPS = "; ".join(["nop"] * 7)
THREE_LINES = "; ".join(["nop"] * 23)
FROM_FLASH = "mov r1, #0x20000; ldr r0, [r1]; ldr r0, [r1, #4]"
BY_HAND = [  # (program, cache, misses of the first call, of the second)
    (SEVEN_NOPS, timing(), 1, 0),
    (SEVEN_NOPS + "; nop", timing(), 2, 0),
    ("movs r4, #3; 1: subs r4, #1; bne 1b", timing(), 1, 0),
    (THREE_LINES, timing(), 3, 0),
    (THREE_LINES, timing(sets=2, ways=1), 3, 2),  # the first and the third take the same place
    (THREE_LINES, timing(sets=1, ways=2), 3, 3),  # each is driven out before it comes again
    (THREE_LINES, timing(sets=1, ways=4), 3, 0),
    (FROM_FLASH, timing(), 1 + 2, 2),  # every load waits
    (FROM_FLASH, timing(caches_data=True), 1 + 1, 0),  # both words are in one line
    ("mov r1, #0x20000; ldm r1, {r4, r5}", timing(), 1 + 2, 2),  # a wait for each word
    ("mov r1, #0x20000000; ldr r0, [r1]", timing(), 1, 0),  # RAM does not wait
]


def _calls(lab: Any, program: str, cache: FlashTiming | None, native: bool) -> tuple[int, int]:
    machine = lab.machine(program + "; bx lr", native=native, flash_timing=cache)
    machine.set_reg(Reg.SP, lab.stack)
    counts = []
    for _ in range(2):
        before = machine.cycles
        machine.call(lab.flash.origin, stack=lab.stack)
        counts.append(machine.cycles - before)
    return counts[0], counts[1]


@pytest.mark.parametrize(("program", "cache", "first", "second"), BY_HAND)
@pytest.mark.parametrize("native", [True, False], ids=["compiled", "python"])
def test_hand_counted(
    lab: Any, program: str, cache: FlashTiming, first: int, second: int, native: bool
) -> None:
    without = _calls(lab, program, None, native)
    waits = _calls(lab, program, cache, native)
    assert [a - b for a, b in zip(waits, without, strict=True)] == [first * WAIT, second * WAIT]


@pytest.mark.parametrize("native", [True, False], ids=["compiled", "python"])
def test_a_conditional_load_leaves_no_condition_behind(lab: Any, native: bool) -> None:
    """Unicorn would take the rest of the IT block for that of the next block."""
    program = (
        "mov r1, #0x20000; movs r0, #0; cmp r1, r1; itee eq; ldreq r2, [r1]; movne r3, #1; "
        "movne r3, #2; b 1f; nop; 1: adds r0, #1; adds r0, #2; adds r0, #4; bx lr"
    )
    machine = lab.machine(program, native=native, flash_timing=timing())
    assert machine.call(lab.flash.origin, stack=lab.stack) == 7


@pytest.mark.parametrize(("board", "line_wait"), [("nano33", 2), ("sparkfun_edge", 1)])
def test_boards(lab: Any, board: str, line_wait: int) -> None:
    program = ".balign 16; " + SEVEN_NOPS + "; nop"
    plain = lab.boot(board, program)
    waiting = lab.boot(board, program, wait_states=True)
    for device in (plain, waiting):
        device.run(1e-4)
    # 8 nops fill a line; the branch to `finish`, its `wfi` and what is between lie in two others.
    extra = waiting.cycles - plain.cycles
    assert plain.instructions == waiting.instructions
    assert extra > 0
    assert extra % line_wait == 0
    assert extra <= 4 * line_wait
