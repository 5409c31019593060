"""Apollo3 behind a loader that leaves nothing to rely on."""

from __future__ import annotations

from typing import Any

import pytest
from tinydeploy.simulate.registers import Reg
from tinydeploy.simulate.violations import SimulationError

STACK = "ldr r0, =0x10060000; mov sp, r0;"
VTOR = "ldr r0, =0xE000ED08; ldr r1, =0xC000; str r1, [r0];"
QUIET = "ldr r0, =0xE000E180; mvn r1, #0; str r1, [r0];"
POWER = (
    "ldr r0, =0x40021000; ldr r1, [r0, #8]; orr r1, #0x80; str r1, [r0, #8];"
    "8: ldr r1, [r0, #0x18]; tst r1, #4; beq 8b;"
)
# Pads 48 (TX, function 0) and 49 (RX, function 0, input enabled) are the low bytes of PADREGM.
PADS = (
    "ldr r0, =0x40010000; movs r1, #0x73; str r1, [r0, #0x60]; ldr r1, =0x0200;"
    "str r1, [r0, #0x30]; movs r1, #0; str r1, [r0, #0x60];"
)
UART = "ldr r4, =0x4001C000;"
CLOCK = UART + "movs r0, #0; str r0, [r4, #0x30]; movs r0, #0x18; str r0, [r4, #0x30];"
DIVIDERS = "movs r0, #1; str r0, [r4, #0x24]; movs r0, #40; str r0, [r4, #0x28];"  # 921600
LINE = "movs r0, #0x70; str r0, [r4, #0x2C];"
ENABLE = "ldr r0, =0x319; str r0, [r4, #0x30];"
READY = STACK + QUIET + POWER + PADS + CLOCK + DIVIDERS + LINE + ENABLE
SEND = "movs r0, #0x5A; str r0, [r4];"
STORE = "ldr r0, ={address:#x}; ldr r1, ={value:#x}; str r1, [r0];"

ECHO = (
    READY
    + "1: ldr r0, [r4, #0x18]; tst r0, #0x10; bne 1b; ldr r1, [r4];"
    + "2: ldr r0, [r4, #0x18]; tst r0, #0x20; bne 2b; str r1, [r4]; b 1b"
)


def test_state_at_the_reset_vector(lab: Any) -> None:
    device = lab.boot("sparkfun_edge", "mov r6, sp; ldr r0, =0xE000ED08; ldr r7, [r0]")
    device.run(0.001)
    assert device.machine.reg(Reg.R6) != 0x10060000  # not our stack
    assert device.machine.reg(Reg.R7) == 0  # not our vector table


def test_a_loader_s_interrupt_without_our_vector_table_ends_in_lockup(lab: Any) -> None:
    device = lab.boot("sparkfun_edge", PADS + "1: b 1b", baud=115200)
    device.write(b"x" * 40)
    with pytest.raises(SimulationError, match="locked up"):
        device.run(0.1)


@pytest.mark.parametrize("fast", [True, False])
def test_echo(lab: Any, fast: bool) -> None:
    device = lab.boot("sparkfun_edge", ECHO, fast_uart=fast)
    device.run(0.001)
    message = bytes(range(1, 101))
    device.write(message)
    assert device.read(0.1) == message
    assert device.violations == []


def test_wrong_baud_garbles(lab: Any) -> None:
    device = lab.boot("sparkfun_edge", READY + SEND, baud=115200, fast_uart=False)
    assert device.read(0.01) != b"\x5a"


def test_receive_interrupts_by_level_and_by_pause(lab: Any) -> None:
    """24 bytes: an interrupt at half full (16), one after the pause with the other 8."""
    program = (
        VTOR
        + READY
        + "movs r5, #0; movs r6, #0; movs r0, #0x50; str r0, [r4, #0x38];"
        + "ldr r0, =0xE000E100; ldr r1, =1 << 15; str r1, [r0]; 1: wfi; b 1b;"
        + """
        .thumb_func
        irq15: adds r5, #1; movs r0, #0x50; str r0, [r4, #0x44]
        2: ldr r0, [r4, #0x18]; tst r0, #0x10; bne 3f; ldr r0, [r4]; adds r6, #1; b 2b
        3: dsb; bx lr
        """
    )
    device = lab.boot("sparkfun_edge", program, fast_uart=False)
    device.run(0.001)
    device.write(bytes(24))
    device.run(0.01)
    assert (device.machine.reg(Reg.R5), device.machine.reg(Reg.R6)) == (2, 24)


def test_receive_overrun(lab: Any) -> None:
    device = lab.boot("sparkfun_edge", READY + "1: b 1b", fast_uart=False)
    device.run(0.001)
    device.write(bytes(33))
    device.run(0.01)
    assert device.chip._uart.read(0x3C, 4) >> 10 & 1


def test_leds_need_function_output_and_level(lab: Any) -> None:
    """Pad 46 (red): function 3 after reset, output set up in CFGF, level in WTSB."""
    level = "ldr r0, =0x40010000; ldr r1, =1 << 14; str r1, [r0, #0x94];"
    output = "movs r1, #0x73; str r1, [r0, #0x60]; ldr r1, =2 << 24; str r1, [r0, #0x54];"
    dark = lab.boot("sparkfun_edge", level)
    dark.run(0.001)
    assert not dark.leds["red"]
    lit = lab.boot("sparkfun_edge", level + output)
    lit.run(0.001)
    assert lit.leds == {"red": True, "blue": False, "green": False, "yellow": False}


def test_boot_rom_helpers(lab: Any) -> None:
    """Word write reaches FLASHCFG, delay takes 3 cycles a round, word read gives it back."""
    program = (
        STACK
        + "ldr r0, =0x40018004; ldr r1, =0x1751; ldr r2, =0x08000079; blx r2;"
        + "ldr r0, =0x40018004; ldr r2, =0x08000075; blx r2; mov r6, r0;"
        + "ldr r0, =100000; ldr r2, =0x0800009D; blx r2"
    )
    device = lab.boot("sparkfun_edge", program)
    device.run(0.1)
    assert device.machine.reg(Reg.R6) == 0x1751
    assert device.cycles == pytest.approx(300_000, rel=0.01)


def test_flash_is_written_through_the_boot_rom(lab: Any) -> None:
    key = "ldr r0, =0x12344321;"
    program = (
        STACK
        + "cpsid i;"
        + key
        + "movs r1, #1; movs r2, #3; ldr r3, =0x08000051; blx r3; mov r6, r0;"
        + "ldr r1, =0x10001000; ldr r2, =0x600DF00D; str r2, [r1];"
        + key
        + "ldr r2, =0x86000; movs r3, #1; ldr r4, =0x08000055; blx r4; orr r6, r0;"
        + "ldr r2, =0x86000; ldr r7, [r2]"
    )
    device = lab.boot("sparkfun_edge", program)
    device.run(0.1)
    assert (device.machine.reg(Reg.R6), device.machine.reg(Reg.R7)) == (0, 0x600DF00D)


BURST_ON = (
    "ldr r0, =0x40021028; ldr r1, =1 << 31; str r1, [r0]; ldr r0, =0x40020018; movs r1, #0x10;"
    "str r1, [r0]; 1: ldr r1, [r0]; tst r1, #0x20; beq 1b; ldr r0, =0x40004034; movs r1, #1;"
    "str r1, [r0]; 1: ldr r1, [r0]; tst r1, #4; beq 1b;"
)
COUNT_3MHZ = (
    "ldr r0, =0x40008140; ldr r1, =1 << 30; str r1, [r0]; movs r1, #1; str r1, [r0];"
    "ldr r2, =12000; 1: subs r2, #1; bne 1b; ldr r6, [r0, #4];"
)


@pytest.mark.parametrize(("prepare", "mhz"), [("", 48), (BURST_ON, 96)])
def test_stimer_and_burst(lab: Any, prepare: str, mhz: int) -> None:
    """48,000 cycles are 3,000 counts at 48 MHz and half of them in burst."""
    device = lab.boot("sparkfun_edge", prepare + COUNT_3MHZ)
    device.run(0.01)
    assert device.machine.reg(Reg.R6) == pytest.approx(48_000 / mhz * 3, abs=2)


@pytest.mark.parametrize(
    ("request_reset", "status"),
    [
        (STORE.format(address=0x40000004, value=0x1B), 1 << 4),
        (STORE.format(address=0x40000008, value=0xD4), 1 << 3),
        (
            STORE.format(address=0x40024000, value=0x01000105),
            1 << 6,
        ),  # watchdog, one tick of 128 Hz
    ],
    ids=["POI", "POR", "watchdog"],
)
def test_reset_status(lab: Any, request_reset: str, status: int) -> None:
    look = "ldr r0, =0x4FFFF000; ldr r6, [r0]; tst r6, #2; beq finish;"
    device = lab.boot("sparkfun_edge", look + request_reset + "1: b 1b")
    device.run(0.2)
    assert device.machine.reg(Reg.R6) == status


RULES = {
    "pad without key": (STORE.format(address=0x40010030, value=0x0200), "PADKEY"),
    "core clock without key": (STORE.format(address=0x40004018, value=0), "CLKKEY"),
    "UART without power": (
        STORE.format(address=0x40021008, value=0) + UART + "ldr r0, [r4, #0x18]",
        "no power",
    ),
    "UART used before its power is up": (
        STORE.format(address=0x40021008, value=0)
        + STORE.format(address=0x40021008, value=0x80)
        + UART
        + "ldr r0, [r4, #0x18]",
        "no power",
    ),
    "UART enabled without clock": (UART + "ldr r0, =0x311; str r0, [r4, #0x30]", "without clock"),
    "transmit without clock": (
        PADS + CLOCK + DIVIDERS + LINE + "movs r0, #0; str r0, [r4, #0x30];" + SEND,
        "no clock",
    ),
    "line control before dividers": (
        PADS
        + CLOCK
        + "movs r0, #0; str r0, [r4, #0x24]; str r0, [r4, #0x28];"
        + LINE
        + DIVIDERS
        + ENABLE
        + SEND,
        "latches the divider",
    ),
    "dividers after line control": (PADS + CLOCK + LINE + DIVIDERS + ENABLE + SEND, "LCRH"),
    "transmitter off": (
        PADS + CLOCK + DIVIDERS + LINE + "ldr r0, =0x219; str r0, [r4, #0x30];" + SEND,
        "TX is not enabled",
    ),
    "transmit pad": (CLOCK + DIVIDERS + LINE + ENABLE + SEND, "pad of TX"),
    "transmit FIFO full": (READY + "movs r1, #40; 1: str r1, [r4]; subs r1, #1; bne 1b", "is full"),
    "flash timing from flash": (STORE.format(address=0x40018004, value=0x1751), "boot ROM"),
    "cache geometry": (STORE.format(address=0x40018000, value=0x371), "does not exist"),
    "burst without permission": (STORE.format(address=0x40004034, value=1), "burst needs"),
    "burst off": (BURST_ON + "movs r1, #0; str r1, [r0]", "boot ROM"),
    "reset without key": (STORE.format(address=0x40000004, value=1), "key 0x1b"),
    "watchdog fed wrongly": (STORE.format(address=0x40024004, value=1), "key 0xb2"),
    "ROM erase with interrupts on": (
        STACK + "ldr r0, =0x12344321; movs r1, #1; movs r2, #3; ldr r3, =0x08000051; blx r3",
        "interrupts must be off",
    ),
    "ROM erase of the bootloader": (
        STACK
        + "cpsid i; ldr r0, =0x12344321; movs r1, #0; movs r2, #3; ldr r3, =0x08000051; blx r3",
        "secure bootloader",
    ),
    "unknown peripheral": ("ldr r0, =0x50010000; ldr r0, [r0]", "no peripheral is modelled"),
}


@pytest.mark.parametrize("name", RULES)
def test_rule(lab: Any, name: str) -> None:
    program, rule = RULES[name]
    strict = lab.boot("sparkfun_edge", program)
    with pytest.raises(SimulationError, match=rule):
        strict.run(0.01)
    lenient = lab.boot("sparkfun_edge", program, strict=False, fast_uart=False)
    lenient.run(0.01)
    assert any(rule in str(violation) for violation in lenient.violations)


def test_what_is_not_sent_does_not_arrive(lab: Any) -> None:
    """Not strict, the simulator does what the silicon does: nothing."""
    for name in ("transmit without clock", "transmitter off", "transmit pad"):
        device = lab.boot("sparkfun_edge", RULES[name][0], strict=False)
        assert device.read(0.01) == b""


def test_there_is_no_memory_at_0x20000000(lab: Any) -> None:
    program = (
        VTOR + STACK + "ldr r0, =0x20000000; str r0, [r0]; b finish;"
        ".thumb_func; hard_fault: ldr r6, =0xE000ED38; ldr r6, [r6]; b finish"
    )
    device = lab.boot("sparkfun_edge", program)
    device.run(0.001)
    assert device.machine.reg(Reg.R6) == 0x20000000
