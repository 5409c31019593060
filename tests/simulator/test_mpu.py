"""The MPU as ARMv7-M has it: priorities, subregions, the background, the faults."""

from __future__ import annotations

import random
from typing import Any

import pytest
from programs import ENABLE_FAULTS, run
from tinydeploy.simulate.access import DATA, Access
from tinydeploy.simulate.fault_status import Cfsr, Hfsr
from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.registers import Reg
from tinydeploy.simulate.violations import SimulationError

XN = 1 << 28
NONE, FULL, READ = 0, 1, 5  # AP of privileged code
RAM, IO = 0x20000000, 0x40000000
ON, URGENT, BACKGROUND = 1, 2, 4


def region(
    number: int, base: int, size: int, ap: int, *, never: bool = False, disabled: int = 0
) -> tuple[int, int]:
    """RBAR and RASR; bits of `disabled` are subregions that are left out."""
    field = size.bit_length() - 2
    return base | 0x10 | number, never * XN | ap << 24 | 2 << 16 | disabled << 8 | field << 1 | 1


FLASH = region(0, 0, 1 << 18, READ)
STACK = region(1, RAM + 0x8000, 1 << 15, FULL, never=True)
MAP = [FLASH, STACK]


def program(regions: list[tuple[int, int]], control: int, act: str, **handlers: str) -> str:
    """Sets the regions up, acts, and comes to rest; a handler that is not given is `look`."""
    lines = "ldr r0, =0xE000ED94;"
    for base, attributes in regions:
        lines += f"ldr r1, ={base:#x}; str r1, [r0, #8];"
        lines += f"ldr r1, ={attributes:#x}; str r1, [r0, #12];"
    lines += f"movs r1, #{control}; str r1, [r0]; dsb; isb; b 9f; 9: movs r4, #1; {act}; b finish;"
    for name in ("mem_manage", "bus_fault", "hard_fault"):
        what = handlers.get(
            name, "mrs r7, ipsr; ldr r6, =0xE000ED28; ldr r5, [r6]; ldr r6, [r6, #12]"
        )
        lines += f".ltorg; .thumb_func; {name}: {what}; b finish;"
    return lines


def outcome(machine: Machine) -> tuple[int, int]:
    """Exception number (0: none) and CFSR."""
    return machine.reg(Reg.R7), machine.exceptions.cfsr


def go(
    lab: Any, regions: list[tuple[int, int]], act: str, control: int = ON, **more: Any
) -> Machine:
    handlers = {name: more.pop(name) for name in list(more) if name.endswith(("fault", "manage"))}
    enable = more.pop("enable", ENABLE_FAULTS)
    return run(lab, "movs r7, #0;" + enable + program(regions, control, act, **handlers), **more)


LOAD = "ldr r0, ={:#x}; ldr r2, [r0]"
STORE = "ldr r0, ={:#x}; str r4, [r0]"
JUMP = "ldr r0, ={:#x}; blx r0"
VIOLATION = Cfsr.DACCVIOL | Cfsr.MMARVALID


@pytest.mark.parametrize(
    ("act", "address", "fault"),
    [
        (LOAD, RAM + 0x8000, 0),
        (STORE, RAM + 0x8000, 0),
        (LOAD, 0x10000, 0),
        (STORE, 0x10000, VIOLATION),  # read only, whatever a flash controller would say
        (LOAD, RAM + 0x7FFC, VIOLATION),  # RAM of no region
        (STORE, RAM + 0x7FFC, VIOLATION),
        (LOAD, 0x60000000, VIOLATION),  # no memory and no region: not a bus error
        (LOAD, 0, 4 << 8),  # a region without memory: the bus answers
        (LOAD, 0xE000ED00, 0),  # the core's own registers
    ],
)
def test_data_accesses(lab: Any, act: str, address: int, fault: int) -> None:
    machine = go(lab, MAP, act.format(address))
    if fault == VIOLATION:
        assert outcome(machine) == (4, VIOLATION)
        assert machine.exceptions.mmfar == address
    elif fault:
        assert outcome(machine) == (5, Cfsr.PRECISERR | Cfsr.BFARVALID)
    else:
        assert outcome(machine) == (0, 0)


@pytest.mark.parametrize("address", [RAM + 0x9001, RAM + 1, 0x60000001, 1 | IO])
def test_fetches(lab: Any, address: int) -> None:
    assert outcome(go(lab, MAP, JUMP.format(address))) == (4, Cfsr.IACCVIOL)


def test_the_background_is_the_default_map(lab: Any) -> None:
    assert outcome(go(lab, MAP, LOAD.format(RAM), ON | BACKGROUND)) == (0, 0)
    machine = go(lab, MAP, LOAD.format(0x60000000), ON | BACKGROUND)
    assert outcome(machine) == (5, Cfsr.PRECISERR | Cfsr.BFARVALID)
    assert outcome(go(lab, MAP, STORE.format(0x10000), ON | BACKGROUND))[0] == 4


def test_a_guard_of_a_higher_number_wins(lab: Any) -> None:
    """32 bytes within a page that may be used: exactly those are denied."""
    guard = region(7, RAM + 0x9020, 32, NONE, never=True)
    for offset, fault in ((0x901C, 0), (0x9020, 4), (0x903C, 4), (0x9040, 0)):
        for act in (LOAD, STORE):
            machine = go(lab, [*MAP, guard], act.format(RAM + offset))
            assert outcome(machine)[0] == fault, hex(offset)
            if act == STORE and not fault:
                assert machine.read(RAM + offset, 4) == b"\1\0\0\0"
            if act == STORE and fault:
                assert machine.read(RAM + offset, 4) != b"\1\0\0\0"
    lower = region(0, RAM + 0x9020, 32, NONE)
    flash = region(2, 0, 1 << 18, READ)
    assert outcome(go(lab, [lower, flash, STACK], STORE.format(RAM + 0x9020))) == (0, 0)


def test_an_access_across_the_edge_counts_as_both(lab: Any) -> None:
    guard = region(7, RAM + 0x9020, 32, NONE, never=True)
    machine = go(lab, [*MAP, guard], LOAD.format(RAM + 0x901E))
    assert outcome(machine)[0] == 4


def test_subregions_that_are_left_out_fall_to_what_lies_below(lab: Any) -> None:
    """Eight parts of 32 bytes of a region of 256: the third and the last are left out."""
    over = region(2, RAM + 0x9000, 256, NONE, disabled=0b10000100)
    for part in range(8):
        machine = go(lab, [*MAP, over], STORE.format(RAM + 0x9000 + 32 * part + 28))
        assert outcome(machine)[0] == (0 if part in (2, 7) else 4)


def test_without_a_handler_it_is_a_hard_fault_which_the_mpu_lets_through(lab: Any) -> None:
    machine = go(lab, MAP, LOAD.format(RAM), enable="")
    assert outcome(machine) == (3, VIOLATION)
    assert machine.exceptions.hfsr == Hfsr.FORCED
    look = "ldr r0, =0x20000000; ldr r2, [r0]; mrs r7, ipsr; movs r5, #77"
    machine = go(lab, MAP, LOAD.format(RAM), enable="", hard_fault=look)
    assert (machine.reg(Reg.R7), machine.reg(Reg.R5)) == (3, 77)
    with pytest.raises(SimulationError, match=r"locked up.*DACCVIOL.*0x20000000"):
        go(lab, MAP, LOAD.format(RAM), ON | URGENT, enable="", hard_fault=look)


def test_it_is_back_after_the_hard_fault(lab: Any) -> None:
    """The handler steps over the access; the next one is denied again."""
    step = "ldr r0, [sp, #24]; adds r0, #2; str r0, [sp, #24]; adds r7, #1; bx lr"
    act = "ldr r0, =0x20000000; ldr r2, [r0]; ldr r2, [r0]; movs r5, #5"
    machine = go(lab, MAP, act, enable="", hard_fault=step)
    assert (machine.reg(Reg.R7), machine.reg(Reg.R5)) == (2, 5)


def test_a_fault_within_its_own_handler_escalates(lab: Any) -> None:
    again = LOAD.format(RAM + 4)
    machine = go(lab, MAP, LOAD.format(RAM), mem_manage=again)
    assert machine.reg(Reg.R7) == 3
    assert machine.exceptions.hfsr == Hfsr.FORCED


def test_a_stack_that_has_run_over(lab: Any) -> None:
    """The push is denied, and so is the frame; the handler runs without one."""
    look = "ldr r0, =0x20010000; mov sp, r0; mrs r7, ipsr"
    act = "ldr r0, =0x20008008; mov sp, r0; push {r0-r3}"
    machine = go(lab, MAP, act, mem_manage=look)
    assert outcome(machine) == (4, VIOLATION | Cfsr.MSTKERR)
    act = "ldr r0, =0x20008008; mov sp, r0; svc #0"
    machine = go(lab, MAP, act, mem_manage=look)
    assert outcome(machine) == (4, Cfsr.MSTKERR)


def test_a_frame_that_must_not_be_read(lab: Any) -> None:
    """Returning with the stack where nothing may be read."""
    usage = ".thumb_func; usage_fault: ldr r0, =0x20000100; mov sp, r0; bx lr; .ltorg;"
    text = (
        "movs r7, #0;"
        + ENABLE_FAULTS
        + program(MAP, ON, "udf #0", mem_manage="ldr r0, =0x20010000; mov sp, r0; mrs r7, ipsr")
        + usage
    )
    machine = run(lab, text)
    assert machine.reg(Reg.R7) == 4
    assert machine.exceptions.cfsr & Cfsr.MUNSTKERR


def test_registers_of_peripherals(lab: Any) -> None:
    """A range that answers itself, half of it allowed."""
    seen: list[int] = []
    machine = Machine([lab.flash, lab.ram])
    machine.memory.map_io(IO, 0x1000, lambda offset, size: seen.append(offset) or 7, seen.append)  # type: ignore[arg-type, func-returns-value]
    mpu = machine.scs.mpu
    mpu.configure(ON, [(0, FLASH[1]), (IO, region(1, IO, 0x800, FULL, never=True)[1])])
    assert mpu.permission(IO + 0x7FC) == DATA
    assert mpu.permission(IO + 0x800) == Access.NONE
    assert list(mpu.runs(IO, IO + 0x1000)) == [
        (IO, IO + 0x800, DATA),
        (IO + 0x800, IO + 0x1000, Access.NONE),
    ]


@pytest.mark.parametrize(
    ("rasr", "base", "rule"),
    [
        (1 << 24 | 3 << 1 | 1, RAM, "32 bytes"),
        (1 << 24 | 1 << 8 | 6 << 1 | 1, RAM, "no subregions"),
        (4 << 24 | 9 << 1 | 1, RAM, "access permission 4"),
        (1 << 24 | 9 << 1 | 1, RAM + 0x100, "not a multiple"),
        (1 << 24 | 0x0D << 16 | 9 << 1 | 1, RAM, "TEX"),
        (1 << 31 | 1 << 24 | 9 << 1 | 1, RAM, "reserved bits"),
    ],
)
def test_what_the_manual_calls_unpredictable(lab: Any, rasr: int, base: int, rule: str) -> None:
    with pytest.raises(SimulationError, match=rule):
        go(lab, [(base | 0x15, rasr)], "nop")


def test_aliases_and_numbers(lab: Any) -> None:
    """RNR chooses; A1 to A3 are its neighbours in the group of four."""
    act = """ldr r0, =0xE000ED98; movs r1, #5; str r1, [r0]
     ldr r1, =0x20000400; str r1, [r0, #12]; ldr r1, =0x01000011; str r1, [r0, #16]
     movs r1, #5; str r1, [r0]; ldr r2, [r0, #12]; ldr r3, [r0, #16]"""
    machine = go(lab, [], act, 0)
    assert (machine.reg(Reg.R2), machine.reg(Reg.R3)) == (0x20000405, 0x01000011)
    with pytest.raises(SimulationError, match="there is no region 9"):
        go(lab, [], "ldr r0, =0xE000ED98; movs r1, #9; str r1, [r0]", 0)
    with pytest.raises(SimulationError, match="HFNMIENA without ENABLE"):
        go(lab, [], "nop", URGENT)


def test_ranges_are_the_rule(lab: Any) -> None:
    """Random regions: each address of the ranges has the permission that the rule gives it."""
    stranger = random.Random(5)
    machine = Machine([lab.flash, lab.ram], strict=False)
    mpu = machine.scs.mpu
    for _ in range(60):
        regions = []
        for number in range(8):
            size = 1 << stranger.randrange(8, 17)
            base = RAM + stranger.randrange(1 << 17) // size * size
            made = region(
                number, base, size, stranger.choice([NONE, FULL, READ]),
                never=stranger.random() < 0.5, disabled=stranger.randrange(256),
            )  # fmt: skip
            regions.append((base, made[1] & ~(stranger.random() < 0.2)))
        mpu.configure(stranger.choice([ON, ON | BACKGROUND]), regions)
        at = RAM
        for start, end, access in mpu.runs(RAM, RAM + (1 << 17)):
            assert start == at
            for address in {start, end - 1, *(stranger.randrange(start, end) for _ in range(5))}:
                assert mpu.permission(address) == access
            at = end
        assert at == RAM + (1 << 17)
