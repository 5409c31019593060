"""nRF52840 as the bootloader leaves it: what works, and what the silicon would not forgive."""

from __future__ import annotations

from typing import Any

import pytest
from tinydeploy.simulate.registers import Reg
from tinydeploy.simulate.violations import SimulationError

# r4 = UARTE0, r5 = its registers from +0x500; the rest is scratch.
BASES = "ldr r4, =0x40002000; ldr r5, =0x40002500;"
STOP = BASES + "movs r0, #1; str r0, [r4, #4]; 7: ldr r0, [r4, #0x144]; cmp r0, #0; beq 7b;"
OFF = STOP + "movs r0, #0; str r0, [r4, #0x144]; str r0, [r4, #0x110]; str r0, [r5];"
CRYSTAL = (
    "ldr r0, =0x40000000; movs r1, #1; str r1, [r0]; 8: ldr r1, [r0, #0x100]; cmp r1, #0; beq 8b;"
)
BAUD_1M = "ldr r0, =0x10000000; str r0, [r5, #0x24];"
ON = "movs r0, #8; str r0, [r5];"
READY = CRYSTAL + OFF + BAUD_1M + ON
BUFFER = "ldr r2, =0x20020000;"
RECEIVE = (
    BUFFER
    + "str r2, [r5, #0x34]; movs r0, #{count}; str r0, [r5, #0x38]; movs r0, #1; str r0, [r4];"
)
SEND = (
    BUFFER
    + "str r2, [r5, #0x44]; movs r0, #{count}; str r0, [r5, #0x48]; movs r0, #1; str r0, [r4, #8];"
)
WAIT_SENT = "9: ldr r0, [r4, #0x120]; cmp r0, #0; beq 9b;"
MPU_OFF = "ldr r0, =0xE000ED94; movs r1, #0; str r1, [r0]; dsb; isb;"
STARTED_S = (
    0.003  # to stop the bootloader's 9600 baud takes a millisecond, the crystal another third
)
VTOR = "ldr r0, =0xE000ED08; ldr r1, =0x10000; str r1, [r0];"

ECHO = (
    READY
    + "3:"
    + RECEIVE.format(count=1)
    + "4: ldr r0, [r4, #0x110]; cmp r0, #0; beq 4b; movs r0, #0; str r0, [r4, #0x110];"
    + "str r0, [r4, #0x120];"
    + SEND.format(count=1)
    + WAIT_SENT
    + "b 3b"
)


def test_state_at_the_reset_vector(lab: Any) -> None:
    device = lab.boot(
        "nano33",
        """
        ldr r0, =0xE000ED14; ldr r1, [r0]; ldr r2, [r0, #-12]; ldr r0, =0xE000ED94; ldr r3, [r0]
        ldr r0, =0x40002500; ldr r4, [r0]; ldr r5, [r0, #0x24]; ldr r0, =0x4001C560; ldr r6, [r0]
        ldr r0, =0x40000418; ldr r7, [r0]; ldr r0, =0x4001E540; ldr r0, [r0]; mrs r8, control
        """,
    )
    device.run(0.001)
    registers = (Reg.R1, Reg.R2, Reg.R3, Reg.R4, Reg.R5, Reg.R6, Reg.R7, Reg.R0, Reg.R8)
    seen = [device.machine.reg(register) for register in registers]
    assert seen == [0x210, 0x10000, 5, 8, 0x00275000, 13, 0x10001, 1, 0]
    assert device.machine.reg(Reg.SP) == 0x20040000


def test_bootloader_b_leaves_another_vector_table(lab: Any) -> None:
    device = lab.boot("nano33", "ldr r0, =0xE000ED08; ldr r1, [r0]", bootloader="B")
    device.run(0.001)
    assert device.machine.reg(Reg.R1) == 0


def test_ram_holds_garbage(lab: Any) -> None:
    device = lab.boot("nano33", "nop")
    assert len(set(device.memory(0x20000000, 0x1000))) > 100


def test_bootloader_s_receiver_writes_into_our_ram(lab: Any) -> None:
    """One byte of DMA is armed: who does not stop it finds a byte of his RAM changed."""
    device = lab.boot("nano33", "nop", baud=9600, fast_uart=False)
    device.machine.write(0x20009BD4, b"\x00\x00")
    device.write(b"AB")
    device.run(0.01)
    assert device.memory(0x20009BD4, 2) == b"A\x00"


def test_echo(lab: Any) -> None:
    device = lab.boot("nano33", ECHO)
    device.run(0.001)
    device.write(b"hello, world")
    assert device.read(0.1) == b"hello, world"
    assert device.violations == []


def test_bytes_take_their_time(lab: Any) -> None:
    program = READY + SEND.format(count=100) + WAIT_SENT
    device = lab.boot("nano33", program, fast_uart=False)
    device.run(0.01, until_received=True)
    first_s = device.time_s
    assert len(device.read(1.0)) == 100
    # 99 more characters of 10 bits at 1 Mbit/s, and the pause of 3 that ends a read
    assert device.time_s - first_s == pytest.approx(102 * 10e-6, rel=0.05)


def test_wrong_baud_garbles(lab: Any) -> None:
    program = READY + BUFFER + "movs r0, #0x55; strb r0, [r2];" + SEND.format(count=1) + WAIT_SENT
    device = lab.boot("nano33", program, baud=921600, fast_uart=False)
    assert device.read(0.01) not in (b"", b"\x55")
    assert lab.boot("nano33", program, baud=1_000_000).read(0.01) == b"\x55"


def test_overrun_when_nobody_takes_what_comes(lab: Any) -> None:
    program = READY + RECEIVE.format(count=1) + "7: b 7b"
    device = lab.boot("nano33", program, fast_uart=False)
    device.run(STARTED_S)
    device.write(b"123456789")
    device.run(0.001)
    uarte = device.chip.uartes[0]
    assert device.memory(0x20020000, 1) == b"1"
    assert uarte.has_happened("ERROR")
    assert uarte.read(0x480, 4) == 1


def test_flushrx_brings_the_rest(lab: Any) -> None:
    program = (
        READY
        + RECEIVE.format(count=2)
        + "3: ldr r0, [r4, #0x110]; cmp r0, #0; beq 3b; movs r0, #200; 3: subs r0, #1; bne 3b; "
        + "ldr r0, =4000; 3: subs r0, #1; bne 3b; movs r0, #1; str r0, [r4, #4];"
        + "3: ldr r0, [r4, #0x144]; cmp r0, #0; beq 3b; movs r0, #0; str r0, [r4, #0x110];"
        + "adds r2, #16; str r2, [r5, #0x34]; movs r0, #8; str r0, [r5, #0x38];"
        + "movs r0, #1; str r0, [r4, #0x2C]; ldr r6, [r4, #0x110]; ldr r7, [r5, #0x3C]"
    )
    device = lab.boot("nano33", program, fast_uart=False)
    device.run(STARTED_S)
    device.write(b"abcd")
    device.run(0.01)
    assert (device.machine.reg(Reg.R6), device.machine.reg(Reg.R7)) == (1, 2)
    assert device.memory(0x20020000, 2) + device.memory(0x20020010, 2) == b"abcd"


def test_interrupt_per_byte(lab: Any) -> None:
    program = (
        VTOR
        + READY
        + "movs r6, #0; movs r0, #0x10; ldr r1, =0x40002304; str r0, [r1];"
        + "movs r0, #4; ldr r1, =0xE000E100; str r0, [r1];"
        + RECEIVE.format(count=1)
        + """
        1: wfi; b 1b
        .thumb_func
        irq2: movs r0, #0; str r0, [r4, #0x110]; ldrb r0, [r2]; add r6, r0; movs r0, #1
        str r0, [r4]; dsb; bx lr
        """
    )
    device = lab.boot("nano33", program)
    device.run(STARTED_S)
    device.write(bytes(range(100)))
    device.run(0.01)
    assert device.machine.reg(Reg.R6) == sum(range(100))


def test_leds(lab: Any) -> None:
    """The RGB LED shines at 0; the orange one follows GPIO once PWM0 has let go of it."""
    program = """
     ldr r0, =0x50000500; ldr r1, =(1 << 24) | (1 << 13); str r1, [r0, #8]; str r1, [r0, #0x18]
     ldr r2, =1 << 6; str r2, [r0, #0xC]; str r2, [r0, #0x18]
    """
    free = "ldr r0, =0x4001C500; movs r1, #0; str r1, [r0];"
    held = lab.boot("nano33", program.replace("| (1 << 13)", ""))
    held.run(0.001)
    assert held.leds == {
        "orange": False,
        "red": False,
        "green": False,
        "blue": True,
        "power": True,
    }
    freed = lab.boot("nano33", free + program)
    freed.run(0.001)
    assert freed.leds["orange"]


def test_reset_reasons(lab: Any) -> None:
    """A software reset is seen as one; RESETREAS keeps its bits until they are cleared."""
    program = """
     ldr r0, =0x40000400; ldr r6, [r0]; tst r6, #4; bne finish
     ldr r0, =0xE000ED0C; ldr r1, =0x05FA0004; str r1, [r0]; dsb; 1: b 1b
    """
    device = lab.boot("nano33", program)
    device.run(0.4)
    assert not device.machine.reg(Reg.R6) & 4  # still in the bootloader's half second
    device.run(0.2)
    assert device.machine.reg(Reg.R6) == 4
    device.reset("pin")
    device.run(0.001)
    assert device.machine.reg(Reg.R6) == 5


def test_gpregret_keeps_the_board_in_its_bootloader(lab: Any) -> None:
    program = """
     ldr r0, =0x4000051C; movs r1, #0xB0; str r1, [r0]
     ldr r0, =0xE000ED0C; ldr r1, =0x05FA0004; str r1, [r0]; dsb; 1: b 1b
    """
    device = lab.boot("nano33", program)
    device.run(2.0)
    assert device.in_bootloader
    assert device.read(1.0) == b""


def test_timer_is_a_microsecond_clock(lab: Any) -> None:
    program = """
     ldr r0, =0x40008000; movs r1, #3; ldr r2, =0x40008500; str r1, [r2, #8]; movs r1, #4
     str r1, [r2, #0x10]; movs r1, #1; str r1, [r0, #0xC]; str r1, [r0]
     ldr r3, =16000; 1: subs r3, #1; bne 1b; str r1, [r0, #0x40]; ldr r6, [r2, #0x40]
    """
    device = lab.boot("nano33", program)
    device.run(0.01)
    assert device.machine.reg(Reg.R6) == pytest.approx(16000 * 4 / 64, abs=2)


def test_timer_compare_interrupts_and_clears(lab: Any) -> None:
    program = (
        VTOR
        + """
     movs r6, #0; ldr r0, =0x40008000; ldr r2, =0x40008500; movs r1, #3; str r1, [r2, #8]
     movs r1, #4; str r1, [r2, #0x10]; ldr r1, =1000; str r1, [r2, #0x40]
     ldr r3, =0x40008200; movs r1, #1; str r1, [r3]; ldr r1, =1 << 16; str r1, [r3, #0x104]
     ldr r3, =0xE000E100; ldr r1, =1 << 8; str r1, [r3]; movs r1, #1; str r1, [r0]
     1: wfi; b 1b
     .thumb_func
     irq8: movs r1, #0; str r1, [r0, #0x140]; adds r6, #1; dsb; bx lr
    """
    )
    device = lab.boot("nano33", program)
    device.run(0.0505)
    assert device.machine.reg(Reg.R6) == 50


def test_flash_is_written_through_its_controller(lab: Any) -> None:
    program = """
     ldr r0, =0x4001E400; ldr r1, =0x4001E500; ldr r2, =0x80000; movs r3, #2; str r3, [r1, #4]
     str r2, [r1, #8]; 1: ldr r3, [r0]; cmp r3, #0; beq 1b
     movs r3, #1; str r3, [r1, #4]; ldr r3, =0xFFFF1234; str r3, [r2], #4
     ldr r3, =0x0FFF00FF; str r3, [r2, #-4]; movs r3, #0; str r3, [r1, #4]; ldr r6, [r2, #-4]
    """
    device = lab.boot("nano33", program)
    device.run(0.2)
    assert device.machine.reg(Reg.R6) == 0x0FFF0034  # bits only go from 1 to 0
    assert device.time_s > 0.085  # the erase


STORE = "ldr r0, ={address:#x}; ldr r1, ={value:#x}; str r1, [r0];"
RULES = {
    "PSEL while enabled": (STORE.format(address=0x40002508, value=3), "ENABLE is 0"),
    "legacy UART": (OFF + "movs r0, #4; str r0, [r5];", "does not select the UARTE"),
    "baud rate": (OFF + STORE.format(address=0x40002524, value=0x10000001), "table of bit rates"),
    "parity": (OFF + STORE.format(address=0x4000256C, value=0xE), "not modelled"),
    "transmit from flash": (
        READY + "ldr r0, =0x10000; str r0, [r5, #0x44]; movs r0, #1; str r0, [r4, #8]",
        "reaches RAM only",
    ),
    "receive to flash": (
        READY + "ldr r0, =0x90000; str r0, [r5, #0x34]; movs r0, #1; str r0, [r4]",
        "reaches RAM only",
    ),
    "transmit while off": (OFF + "movs r0, #1; str r0, [r4, #8]", "no effect while ENABLE"),
    "transmit twice": (
        READY + SEND.format(count=9) + "movs r0, #1; str r0, [r4, #8]",
        "a transfer is running",
    ),
    "wrong pin": (
        CRYSTAL
        + OFF
        + "ldr r1, =0x4000250C; movs r0, #7; str r0, [r1];"
        + BAUD_1M
        + ON
        + SEND.format(count=1),
        "the board has it on 35",
    ),
    "LED of the PWM": (STORE.format(address=0x50000508, value=1 << 13), "PWM0 owns it"),
    "trace pins": (STORE.format(address=0x4000055C, value=1), "must stay 0"),
    "LFCLK source": (STORE.format(address=0x40000518, value=0), "while LFCLK is stopped"),
    "erase without enable": (STORE.format(address=0x4001E508, value=0x80000), "unless CONFIG is 2"),
    "erase of a non-page": (
        STORE.format(address=0x4001E504, value=2) + STORE.format(address=0x4001E508, value=0x80004),
        "address of a page",
    ),
    "erase of the bootloader": (
        STORE.format(address=0x4001E504, value=2) + STORE.format(address=0x4001E508, value=0x1000),
        "belongs to the bootloader",
    ),
    "byte to flash": (
        STORE.format(address=0x4001E504, value=1) + "ldr r0, =0x80000; strb r0, [r0]",
        "aligned 32-bit stores",
    ),
    "byte to a register": ("ldr r0, =0x40002524; strb r0, [r0]", "word accesses only"),
    "unknown register": ("ldr r0, =0x40002700; ldr r0, [r0]", "this register is not modelled"),
    "unknown peripheral": ("ldr r0, =0x4000D500; ldr r0, [r0]", "no peripheral is modelled"),
    "timer set up while running": (
        "ldr r0, =0x40008000; movs r1, #1; str r1, [r0]; ldr r0, =0x40008510; str r1, [r0]",
        "while the timer is stopped",
    ),
    "vector table": (STORE.format(address=0xE000ED08, value=0x10080), "aligned to 256"),
}


@pytest.mark.parametrize("name", RULES)
def test_rule(lab: Any, name: str) -> None:
    program, rule = RULES[name]
    strict = lab.boot("nano33", program)
    with pytest.raises(SimulationError, match=rule) as caught:
        strict.run(0.01)
    assert caught.value.hint
    lenient = lab.boot("nano33", program, strict=False)
    lenient.run(0.01)
    assert any(rule in str(violation) for violation in lenient.violations)


def test_violation_names_the_instruction(lab: Any) -> None:
    device = lab.boot("nano33", "nop; nop; ldr r0, =0x40002700; nop; ldr r1, [r0]; nop")
    with pytest.raises(SimulationError, match=r"UARTE0\.\+0x700"):
        device.run(0.01)
    pc = device.violations[0].pc
    assert device.memory(pc, 2) == lab.assemble("ldr r1, [r0]")[:2]


def test_without_the_crystal_the_bit_rate_is_only_warned_of(lab: Any) -> None:
    device = lab.boot("nano33", OFF + BAUD_1M + ON + SEND.format(count=1) + WAIT_SENT)
    device.run(0.01)
    assert [violation.warning for violation in device.violations] == [True]
    assert "HFXO" in device.violations[0].rule


def test_execute_from_ram_needs_the_mpu_off(lab: Any) -> None:
    jump = "ldr r2, =0x20020000; ldr r3, =0x47702407; str r3, [r2]; adds r2, #1; blx r2;"
    device = lab.boot("nano33", MPU_OFF + jump)
    device.run(0.001)
    assert device.machine.reg(Reg.R4) == 7
    faulting = lab.boot(
        "nano33", jump + "; b finish; .thumb_func; hard_fault: movs r6, #3; b finish"
    )
    faulting.run(0.001)
    assert faulting.machine.reg(Reg.R6) == 3


def test_on_a_fast_line_one_interrupt_serves_what_the_receiver_has_room_for(lab: Any) -> None:
    program = READY + RECEIVE.format(count=1) + "7: b 7b"
    device = lab.boot("nano33", program)
    device.run(STARTED_S)
    device.write(b"123456789")
    device.run(0.001)
    uarte = device.chip.uartes[0]
    assert not uarte.has_happened("ERROR")
    assert bytes(uarte._fifo) == b"2345"  # the others wait until the firmware takes these
    assert device.chip.line.busy
