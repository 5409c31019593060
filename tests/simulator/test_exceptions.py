"""Exceptions, faults, FPU frames, sleep: what silicon does, seen from small programs."""

from __future__ import annotations

from typing import Any

import pytest
from programs import ENABLE_FAULTS, run
from tinydeploy.simulate.fault_status import Cfsr, Hfsr
from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.registers import FPU, Reg
from tinydeploy.simulate.violations import SimulationError

R = (Reg.R0, Reg.R1, Reg.R2, Reg.R3, Reg.R4, Reg.R5, Reg.R6, Reg.R7)

NVIC = "ldr r0, =0xE000E100; "


def values(machine: Machine, count: int) -> list[int]:
    return [machine.reg(register) for register in R[:count]]


def test_supervisor_call_gets_arguments_from_its_frame(lab: Any) -> None:
    machine = run(
        lab,
        """
        movs r0, #5; movs r1, #6; svc #3; movs r4, #1; b finish
        .thumb_func
        sv_call: mrs r5, ipsr; mov r6, lr; ldr r2, [sp]; adds r2, #10; str r2, [sp]; bx lr
        """,
    )
    assert values(machine, 2) == [15, 6]
    assert [machine.reg(r) for r in R[4:7]] == [1, 11, 0xFFFFFFF9]


def test_frame_is_aligned_to_eight_bytes_and_the_stack_comes_back(lab: Any) -> None:
    machine = run(
        lab,
        """
        sub sp, #4; mov r4, sp; svc #0; mov r5, sp; b finish
        .thumb_func
        sv_call: mov r6, sp; ldr r7, [sp, #28]; bx lr
        """,
    )
    assert machine.reg(Reg.R4) == machine.reg(Reg.R5) == lab.stack - 4
    assert machine.reg(Reg.R6) == lab.stack - 8 - 32
    assert machine.reg(Reg.R7) >> 9 & 1  # the frame remembers the padding


def test_thread_on_the_process_stack(lab: Any) -> None:
    machine = run(
        lab,
        """
        ldr r0, =0x20008000; msr psp, r0; movs r0, #2; msr control, r0; isb
        push {r0}; svc #0; pop {r3}; mrs r4, control; b finish
        .thumb_func
        sv_call: mov r5, lr; mrs r6, psp; mov r2, sp; str r2, [r6, #8]; bx lr
        """,
    )
    assert machine.reg(Reg.R5) == 0xFFFFFFFD
    assert machine.reg(Reg.R6) == 0x20008000 - 8 - 32
    assert machine.reg(Reg.R2) == lab.stack  # the handler ran on the main stack
    assert machine.reg(Reg.R3) == 2
    assert machine.reg(Reg.R4) & 2


def test_fpu_frame(lab: Any) -> None:
    """With FP state in use the frame is 26 words, and what the handler does to s0 is undone."""
    machine = run(
        lab,
        """
        ldr r0, =0xE000ED88; ldr r1, =0xF00000; str r1, [r0]; dsb; isb
        vmov.f32 s0, #2.0; vmov.f32 s15, #4.0; vmov.f32 s16, #8.0
        svc #0; vmov r4, s0; vmov r5, s15; vmov r6, s16; b finish
        .thumb_func
        sv_call: mov r2, sp; mov r3, lr; vmov.f32 s0, #1.0; vmov.f32 s15, #1.0; vmov.f32 s16, #1.0
        str r2, [sp, #8]; str r3, [sp, #12]; bx lr
        """,
    )
    two, four, one = 0x40000000, 0x40800000, 0x3F800000
    assert [machine.reg(r) for r in R[4:7]] == [two, four, one]  # s16 is the handler's to save
    assert machine.reg(Reg.R2) == lab.stack - 26 * 4
    assert machine.reg(Reg.R3) == 0xFFFFFFE9
    assert machine.reg(Reg.CONTROL) & 4
    assert machine.reg(FPU[0]) == two


def test_priorities_and_tail_chaining(lab: Any) -> None:
    """irq1 preempts irq0; irq2, of irq0's priority, waits until irq0 has ended."""
    machine = run(
        lab,
        """
        movs r4, #0; ldr r0, =0xE000E400; ldr r1, =0x80802080; str r1, [r0]
        ldr r0, =0xE000E100; movs r1, #7; str r1, [r0]
        ldr r6, =0xE000E200; movs r1, #1; str r1, [r6]; isb; b finish
        .thumb_func
        irq0: lsls r4, #4; orr r4, #1; movs r1, #6; str r1, [r6]; isb
        lsls r4, #4; orr r4, #0xE; bx lr
        .thumb_func
        irq1: lsls r4, #4; orr r4, #2; bx lr
        .thumb_func
        irq2: lsls r4, #4; orr r4, #3; bx lr
        """,
    )
    assert machine.reg(Reg.R4) == 0x12E3


@pytest.mark.parametrize(
    ("block", "release"),
    [
        ("cpsid i", "cpsie i"),
        ("movs r1, #0x20; msr basepri, r1", "movs r1, #0; msr basepri, r1"),
        ("cpsid f", "cpsie f"),
    ],
)
def test_masked_until_released(lab: Any, block: str, release: str) -> None:
    machine = run(
        lab,
        f"""
        ldr r0, =0xE000E400; movs r1, #0x40; strb r1, [r0]
        {block}; ldr r0, =0xE000E100; movs r1, #1; str r1, [r0]; movs r4, #0; movs r5, #0
        ldr r0, =0xE000E200; str r1, [r0]; isb; movs r2, #200; 1: subs r2, #1; bne 1b
        mov r5, r4; {release}; movs r2, #200; 1: subs r2, #1; bne 1b; b finish
        .thumb_func
        irq0: movs r4, #1; bx lr
        """,
    )
    assert (machine.reg(Reg.R5), machine.reg(Reg.R4)) == (0, 1)


def test_systick_counts_cycles(lab: Any) -> None:
    machine = run(
        lab,
        """
        movs r4, #0; ldr r0, =0xE000E010; ldr r1, =999; str r1, [r0, #4]; str r1, [r0, #8]
        movs r1, #7; str r1, [r0]
        1: b 1b
        .thumb_func
        sys_tick: adds r4, #1; bx lr
        """,
        seconds=100_500 / 64e6,
    )
    assert machine.reg(Reg.R4) == 100


def test_pend_sv_runs_after_the_handler_that_asked_for_it(lab: Any) -> None:
    machine = run(
        lab,
        """
        movs r4, #0; ldr r6, =0xE000ED22; movs r0, #0xE0; strb r0, [r6]; svc #0; b finish
        .thumb_func
        sv_call: ldr r0, =0xE000ED04; ldr r1, =1 << 28; str r1, [r0]; isb; adds r4, #1; bx lr
        .thumb_func
        pend_sv: lsls r4, #4; adds r4, #2; bx lr
        """,
    )
    assert machine.reg(Reg.R4) == 0x12


FAULTS = {
    "load from nowhere": (
        "ldr r2, =0x60000000; faulting: ldr r3, [r2]",
        5,
        Cfsr.PRECISERR | Cfsr.BFARVALID,
        0x60000000,
    ),
    "store to nowhere": (
        "ldr r2, =0x30000000; faulting: str r3, [r2, #4]",
        5,
        Cfsr.PRECISERR | Cfsr.BFARVALID,
        0x30000004,
    ),
    "store to flash": (
        "ldr r2, =0x10000; faulting: strb r3, [r2]",
        5,
        Cfsr.PRECISERR | Cfsr.BFARVALID,
        0x10000,
    ),
    "jump to nowhere": ("ldr r2, =0x30000001; bx r2; faulting:", 5, Cfsr.IBUSERR, None),
    "jump to a peripheral": ("ldr r2, =0x40000001; bx r2; faulting:", 4, Cfsr.IACCVIOL, None),
    "undefined instruction": ("faulting: udf #1", 6, Cfsr.UNDEFINSTR, None),
    "ARM state": ("ldr r2, =0x20000000; bx r2; faulting:", 6, Cfsr.INVSTATE, None),
    "FPU while off": ("faulting: vadd.f32 s0, s0, s0", 6, Cfsr.NOCP, None),
    "unaligned LDRD": ("ldr r2, =0x20000002; faulting: ldrd r4, r5, [r2]", 6, Cfsr.UNALIGNED, None),
    "unaligned STM": ("ldr r2, =0x20000001; faulting: stm r2, {r4, r5}", 6, Cfsr.UNALIGNED, None),
    "unaligned LDREX": ("ldr r2, =0x20000001; faulting: ldrex r4, [r2]", 6, Cfsr.UNALIGNED, None),
}
LOOK = """
 .thumb_func
 {name}: mrs r4, ipsr; ldr r5, [sp, #24]; ldr r6, =0xE000ED28; ldr r6, [r6]
 ldr r7, =0xE000ED38; ldr r7, [r7]; b finish
"""


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("native", [True, False], ids=["compiled", "python"])
def test_fault(lab: Any, name: str, native: bool) -> None:
    snippet, number, status, address = FAULTS[name]
    handler = {4: "mem_manage", 5: "bus_fault", 6: "usage_fault"}[number]
    machine = run(
        lab, ENABLE_FAULTS + snippet + "; nop; b finish;" + LOOK.format(name=handler), native=native
    )
    assert machine.reg(Reg.R4) == number
    assert machine.reg(Reg.R6) == status
    if address is not None:
        assert machine.reg(Reg.R7) == address
    if not snippet.endswith("faulting:"):
        code = machine.read(machine.reg(Reg.R5), 4)
        expected = lab.assemble(snippet.split("faulting:")[1])[:2]
        assert code[:2] == expected  # the frame points at the very instruction


def test_fault_without_its_handler_becomes_a_hard_fault(lab: Any) -> None:
    machine = run(lab, "ldr r2, =0x60000000; ldr r3, [r2];" + LOOK.format(name="hard_fault"))
    assert machine.reg(Reg.R4) == 3
    assert machine.reg(Reg.R6) == Cfsr.PRECISERR | Cfsr.BFARVALID
    assert machine.exceptions.hfsr == Hfsr.FORCED


def test_breakpoint_without_debugger_is_a_hard_fault(lab: Any) -> None:
    machine = run(lab, "bkpt #0; b finish;" + LOOK.format(name="hard_fault"))
    assert machine.reg(Reg.R4) == 3
    assert machine.exceptions.hfsr == Hfsr.DEBUGEVT


def test_division_by_zero_traps_only_when_asked_to(lab: Any) -> None:
    divide = "movs r2, #7; movs r3, #0; udiv r2, r2, r3; b finish;" + LOOK.format(
        name="usage_fault"
    )
    quiet = run(lab, ENABLE_FAULTS + divide)
    assert (quiet.reg(Reg.R2), quiet.exceptions.cfsr) == (0, 0)
    trap = "ldr r0, =0xE000ED14; ldr r1, =0x210; str r1, [r0]; isb; "
    loud = run(lab, ENABLE_FAULTS + trap + divide)
    assert (loud.reg(Reg.R4), loud.reg(Reg.R6)) == (6, Cfsr.DIVBYZERO)


def test_a_conditional_instruction_that_is_skipped_cannot_fault(lab: Any) -> None:
    machine = run(
        lab,
        ENABLE_FAULTS
        + "ldr r2, =0x20000001; movs r4, #0; cmp r4, #1; itt eq; ldrdeq r4, r5, [r2];"
        + "vaddeq.f32 s0, s0, s0; movs r4, #9",
    )
    assert (machine.reg(Reg.R4), machine.exceptions.cfsr) == (9, 0)


def test_fault_inside_an_it_block_resumes_it(lab: Any) -> None:
    """The handler mends the pointer; the rest of the block runs under the same condition."""
    machine = run(
        lab,
        ENABLE_FAULTS
        + """
        movs r5, #0; movs r6, #0; ldr r2, =0x60000000; cmp r5, #0
        ittt eq; ldreq r3, [r2]; addeq r5, #1; addeq r6, #2; b finish
        .thumb_func
        bus_fault: ldr r2, =0x20000000; str r2, [sp, #8]; bx lr
        """,
    )
    assert [machine.reg(r) for r in R[5:7]] == [1, 2]


def test_lockup_is_told_to_the_host(lab: Any) -> None:
    program = "udf #0; .thumb_func; hard_fault: ldr r0, =0x60000000; ldr r0, [r0]; b finish"
    with pytest.raises(SimulationError, match=r"locked up.*PRECISERR.*0x60000000"):
        run(lab, program)


def test_stack_overflow_locks_up_when_the_hard_fault_uses_the_same_stack(lab: Any) -> None:
    program = (
        "ldr r0, =0x20000008; mov sp, r0; svc #0; .thumb_func; hard_fault: push {r0}; b finish"
    )
    with pytest.raises(SimulationError, match=r"locked up.*STKERR"):
        run(lab, program)


def test_return_to_a_mode_that_does_not_exist_is_a_fault(lab: Any) -> None:
    program = ENABLE_FAULTS + "svc #0; .thumb_func; sv_call: ldr lr, =0xFFFFFFF5; bx lr;"
    machine = run(lab, program + LOOK.format(name="usage_fault"))
    assert (machine.reg(Reg.R4), machine.reg(Reg.R6)) == (6, Cfsr.INVPC)


def test_execute_never_ram_until_the_mpu_is_off(lab: Any) -> None:
    mpu = """
     ldr r0, =0xE000ED94; ldr r1, =0x20000000; str r1, [r0, #8]
     ldr r1, =0x110B0023; str r1, [r0, #12]
     movs r1, #5; str r1, [r0]; dsb; isb; """
    jump = (
        "ldr r2, =0x20000000; ldr r3, =0x47702407; str r3, [r2]; adds r2, #1; movs r4, #0; blx r2;"
    )
    off = "movs r1, #0; str r1, [r0]; isb;"
    never = run(lab, ENABLE_FAULTS + mpu + jump + "b finish;" + LOOK.format(name="mem_manage"))
    assert (never.reg(Reg.R4), never.reg(Reg.R6)) == (4, Cfsr.IACCVIOL)
    allowed = run(lab, ENABLE_FAULTS + mpu + off + jump)
    assert allowed.reg(Reg.R4) == 7


def test_wfi_skips_idle_time_and_does_not_count_cycles(lab: Any) -> None:
    machine = run(
        lab,
        """
        movs r4, #0; ldr r0, =0xE000E010; ldr r1, =0xFFFFF; str r1, [r0, #4]; str r1, [r0, #8]
        movs r1, #7; str r1, [r0]
        1: wfi; b 1b
        .thumb_func
        sys_tick: adds r4, #1; bx lr
        """,
        seconds=1.0,
    )
    assert machine.reg(Reg.R4) == 64_000_000 // 0x100000
    assert machine.cycles < 2000
    assert machine.time.seconds == pytest.approx(1.0)


def test_wfi_with_interrupts_blocked_wakes_without_entering_the_handler(lab: Any) -> None:
    machine = run(
        lab,
        """
        movs r4, #0; movs r5, #0; cpsid i; ldr r0, =0xE000E010; ldr r1, =5000; str r1, [r0, #4]
        str r1, [r0, #8]; movs r1, #3; str r1, [r0]; wfi; movs r5, #1; add r5, r4; cpsie i; isb
        1: b 1b
        .thumb_func
        sys_tick: adds r4, #4; bx lr
        """,
        seconds=5500 / 64e6,
    )
    assert (machine.reg(Reg.R5), machine.reg(Reg.R4)) == (1, 4)


def test_wfe_looks_at_the_event_register(lab: Any) -> None:
    machine = run(lab, "movs r4, #1; sev; wfe; movs r4, #2; wfe; movs r4, #3; b finish")
    assert machine.reg(Reg.R4) == 2  # the second one sleeps


def test_dwt_needs_trcena_and_counts_the_modelled_cycles(lab: Any) -> None:
    machine = run(
        lab,
        """
        ldr r0, =0xE000EDFC; ldr r1, =1 << 24; str r1, [r0]; ldr r0, =0xE0001000
        movs r1, #0; str r1, [r0, #4]; movs r1, #1; str r1, [r0]
        b 1f; 1: ldr r4, [r0, #4]; b 2f; 2: movs r2, #100; 3: subs r2, #1; bne 3b; b 4f
        4: ldr r5, [r0, #4]
        """,
    )
    # A block counts as it is entered: movs, subs, bne; 99 taken rounds; b; ldr, b.
    assert machine.reg(Reg.R5) - machine.reg(Reg.R4) == 3 + 99 * 4 + 1 + 3
    with pytest.raises(SimulationError, match="TRCENA"):
        run(lab, "ldr r0, =0xE0001000; movs r1, #1; str r1, [r0]")


STRICT = {
    "VTOR": ("ldr r0, =0xE000ED08; ldr r1, =0x10080; str r1, [r0]", "aligned to 256"),
    "AIRCR": ("ldr r0, =0xE000ED0C; movs r1, #4; str r1, [r0]", "key 0x05FA"),
    "CCR": ("ldr r0, =0xE000ED14; movs r1, #8; str r1, [r0]", "UNALIGN_TRP"),
    "unknown": ("ldr r0, =0xE000EFE0; ldr r1, [r0]", "not modelled"),
}


@pytest.mark.parametrize("name", STRICT)
def test_core_rules(lab: Any, name: str) -> None:
    program, rule = STRICT[name]
    with pytest.raises(SimulationError, match=rule):
        run(lab, program, irq_count=48)
    machine = run(lab, program, irq_count=48, strict=False)
    assert [rule in str(violation) for violation in machine.violations] == [True]
