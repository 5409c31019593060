"""nRF52840: the chip of a board, after the board's bootloader."""

from __future__ import annotations

from tinydeploy.boards import Board
from tinydeploy.simulate.bus import Bus
from tinydeploy.simulate.flash_timing import FlashTiming
from tinydeploy.simulate.image import ElfImage
from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.memory_map import Memory
from tinydeploy.simulate.nrf52840 import bootloaders, identity
from tinydeploy.simulate.nrf52840.base import NrfBlock
from tinydeploy.simulate.nrf52840.clock_power import ClockPower, Retained
from tinydeploy.simulate.nrf52840.gpio import Gpio
from tinydeploy.simulate.nrf52840.nvmc import Nvmc
from tinydeploy.simulate.nrf52840.pwm import Pwm
from tinydeploy.simulate.nrf52840.timer import Rtc, Timer
from tinydeploy.simulate.nrf52840.uarte import Uarte
from tinydeploy.simulate.nrf52840.usbd import Usbd
from tinydeploy.simulate.nrf52840.usbd_errata import Errata
from tinydeploy.simulate.options import Options
from tinydeploy.simulate.serial_line import SerialLine
from tinydeploy.simulate.usb_bus import UsbPort
from tinydeploy.simulate.usb_serial import UsbSerial

CPU_HZ = 64_000_000
IRQ_COUNT = 48
FLASH = Memory(0, 0x100000, is_rom=True)
# 2 KiB of instruction cache and 2 wait states on a miss are unconfirmed (docs/boards/nano33.md, 1);
# lines of 16 bytes and two ways are assumed.
WAIT_STATES = FlashTiming(
    FLASH.size, wait_cycles=2, line_bytes=16, sets=64, ways=2, caches_data=False
)
RAM = Memory(0x20000000, 0x40000)
PWMS = (0x4001C000, 0x40021000, 0x40022000, 0x4002D000)
TIMERS = ((0x40008000, 4), (0x40009000, 4), (0x4000A000, 4), (0x4001A000, 6), (0x4001B000, 6))
RESET_REASONS = {
    "power-on": 0,
    "pin": 1 << 0,
    "watchdog": 1 << 1,
    "software": 1 << 2,
    "lockup": 1 << 3,
}


class Chip:
    """The chip, what its bootloader leaves, and the image after it."""

    def __init__(self, board: Board, image: ElfImage, options: Options) -> None:
        self._board = board
        self._bootloader = bootloaders.of(board, options.bootloader)
        self.machine = Machine(
            (FLASH, RAM),
            irq_count=IRQ_COUNT,
            tick_hz=CPU_HZ,
            strict=options.strict,
            native=options.native,
            flash_timing=WAIT_STATES if options.wait_states else None,
        )
        self.wire = SerialLine(self.machine.time, options.baud, fast=options.fast_uart)
        self._usb_port = UsbPort()
        self.usb = UsbSerial(self.machine, self._usb_port, int(options.baud))
        self.line: SerialLine | UsbSerial = self.usb if options.usb else self.wire
        self._buses = (
            Bus(self.machine, 0x40000000, 0x70000),
            Bus(self.machine, 0x50000000, 0x1000),
            Bus(self.machine, 0x10000000, 0x2000),
        )
        self._retained = Retained()
        self.in_bootloader = False
        for segment in image.segments:
            self.machine.write(segment.address, segment.data)
        self.machine.on_reset = self.reset
        if options.usb:
            self.usb.host.plug()
        self._boot()

    @property
    def leds(self) -> dict[str, bool]:
        """Which LEDs shine."""
        return {name: self.gpio.is_lit(led) for name, led in self._board.leds.items()}

    def reset(self, reason: str) -> None:
        """Reset, and run through the bootloader again."""
        self.machine.time.clear()
        self._retained.reset_reason |= RESET_REASONS[reason]
        if reason == "power-on":
            self._retained = Retained()
        self._boot()
        time = self.machine.time
        time.skip_to(time.now + time.ticks(self._bootloader.waits_s))
        self.wire.restart()
        self.usb.restart()

    def _boot(self) -> None:
        machine = self.machine
        machine.reset_core()
        self._make_peripherals()
        machine.write(RAM.origin, _left_over(self._bootloader.ram_used))
        self.in_bootloader = self._bootloader.stays_for(self._retained.gpregret)
        if self.in_bootloader:
            self._retained.gpregret = 0
            machine.halt()
            return
        self._bootloader.leave(self)
        words = machine.memory.try_read_words(self._board.flash_origin, 2)
        assert words is not None
        machine.start_at(words[0], words[1])

    def _make_peripherals(self) -> None:
        machine, pins = self.machine, (self._board.uart_tx, self._board.uart_rx)
        self.clock = ClockPower(
            machine,
            self._retained,
            self._system_off,
            vbus=self._usb_port.vbus,
            dcdc=self._board.dcdc,
        )
        errata = Errata(machine)
        usbd = Usbd(machine, self.clock, errata)
        self._usb_port.connect(usbd, self.clock.set_vbus)
        self.uartes = [
            Uarte(machine, name, base, self.wire, pins, lambda: self.clock.crystal_runs)
            for name, base in (("UARTE0", 0x40002000), ("UARTE1", 0x40028000))
        ]
        self.pwms = [Pwm(machine, f"PWM{n}", base) for n, base in enumerate(PWMS)]
        self.rtc = Rtc(machine, "RTC1", 0x40011000, 4)
        self.gpio = Gpio(machine, self._pin_owner)
        nvmc = Nvmc(machine, FLASH.size, self._bootloader.protected)
        blocks: list[NrfBlock] = [self.clock, *self.uartes, *self.pwms, self.rtc]
        blocks.append(_gpiote(machine))
        blocks += [Timer(machine, f"TIMER{n}", *spec) for n, spec in enumerate(TIMERS)]
        for block in (*blocks, usbd, errata, nvmc, identity.temp(machine)):
            self._buses[0].add(block)
        self._buses[1].add(self.gpio.block)
        self._buses[2].add(identity.ficr(machine))
        self._buses[2].add(identity.uicr(machine, self._bootloader.uicr_start))
        self.wire.connect(_Wire(self.uartes))

    def _pin_owner(self, pin: int) -> str:
        owners: list[Pwm | Uarte] = [*self.pwms, *self.uartes]
        return next((owner.name for owner in owners if owner.owns(pin)), "")

    def _system_off(self) -> None:
        self.machine.halt()


def _gpiote(machine: Machine) -> NrfBlock:
    """Only its interrupt enables: the bootloader leaves PORT on."""
    block = NrfBlock(machine, "GPIOTE", 0x40006000)
    block.event(0x17C, "PORT")
    block.enable_interrupt("PORT")
    return block


class _Wire:
    """The receive pin leads to whichever UARTE listens on it."""

    def __init__(self, uartes: list[Uarte]) -> None:
        self._uartes = uartes

    def _active(self) -> Uarte:
        listening = [uarte for uarte in self._uartes if uarte.receive_baud()]
        return listening[0] if listening else self._uartes[0]

    def receive(self, byte: int, *, framing_error: bool) -> None:
        self._active().receive(byte, framing_error=framing_error)

    def receive_baud(self) -> float | None:
        return self._active().receive_baud()

    def room(self) -> int:
        return self._active().room()


def _left_over(size: int) -> bytes:
    """What the bootloader leaves in its RAM: not zeros."""
    pattern = bytes(0xB5 ^ n for n in range(256))
    return (pattern * (size // len(pattern) + 1))[:size]
