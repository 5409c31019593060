"""Arduino Nano 33 BLE: nRF52840 as its bootloader hands it over (fact sheet nano33, section 2)."""

from __future__ import annotations

from dataclasses import dataclass

from tinydeploy.simulate.bus import Bus
from tinydeploy.simulate.flash_timing import FlashTiming
from tinydeploy.simulate.image import Image
from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.memory_map import Memory
from tinydeploy.simulate.nrf52840 import identity
from tinydeploy.simulate.nrf52840.base import NrfBlock
from tinydeploy.simulate.nrf52840.clock_power import ClockPower, Retained
from tinydeploy.simulate.nrf52840.gpio import Gpio, Led
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
from tinydeploy.simulate.violations import SimulationError

CPU_HZ = 64_000_000
IRQ_COUNT = 48
FLASH = Memory(0, 0x100000, is_rom=True)
# 2 KiB of instruction cache and 2 wait states on a miss are unconfirmed (fact sheet, section 1);
# lines of 16 bytes and two ways are assumed.
WAIT_STATES = FlashTiming(
    FLASH.size, wait_cycles=2, line_bytes=16, sets=64, ways=2, caches_data=False
)
RAM = Memory(0x20000000, 0x40000)
APPLICATION = 0x10000
TX_PIN, RX_PIN = 32 + 3, 32 + 10  # P1.03, P1.10
ORANGE_LED, POWER_LED = 13, 32 + 9
LEDS = {
    "orange": Led(ORANGE_LED),
    "red": Led(24, active_low=True),
    "green": Led(16, active_low=True),
    "blue": Led(6, active_low=True),
    "power": Led(POWER_LED),
}
PWMS = (0x4001C000, 0x40021000, 0x40022000, 0x4002D000)
TIMERS = ((0x40008000, 4), (0x40009000, 4), (0x4000A000, 4), (0x4001A000, 6), (0x4001B000, 6))
STAY_IN_BOOTLOADER = 0xB0
DOUBLE_TAP_WINDOW_S = 0.5
RESET_REASONS = {
    "power-on": 0,
    "pin": 1 << 0,
    "watchdog": 1 << 1,
    "software": 1 << 2,
    "lockup": 1 << 3,
}
BAUD_9600 = 0x00275000
CCR_AT_ENTRY = 0x210


@dataclass(frozen=True)
class Bootloader:
    """What differs between the two bootloaders in the field."""

    vector_table: int
    mpu_ram_base: int
    receive_buffer: int
    ram_used: int
    protected_end: int
    uicr_start: int


BOOTLOADERS = {
    "A": Bootloader(0x10000, 0x20000000, 0x20009BD4, 0x9E14, 0x10000, 0xFFFFFFFF),
    "B": Bootloader(0x00000, 0x20004000, 0x2000DBD0, 0xE000, 0x10000, 0x000E0000),
}


class Chip:
    """The chip, its bootloader's last deeds, and the image behind it."""

    def __init__(self, image: Image, options: Options) -> None:
        if options.bootloader not in BOOTLOADERS:
            raise SimulationError(f"no bootloader {options.bootloader!r}", "it is A or B")
        self._bootloader = BOOTLOADERS[options.bootloader]
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
        return {name: self._gpio.is_lit(led) for name, led in LEDS.items()}

    def reset(self, reason: str) -> None:
        """Reset, and run through the bootloader again."""
        self.machine.time.clear()
        self._retained.reset_reason |= RESET_REASONS[reason]
        if reason == "power-on":
            self._retained = Retained()
        self._boot()
        self.machine.time.skip_to(
            self.machine.time.now + self.machine.time.ticks(DOUBLE_TAP_WINDOW_S)
        )
        self.wire.restart()
        self.usb.restart()

    def _boot(self) -> None:
        machine = self.machine
        machine.reset_core()
        self._make_peripherals()
        machine.write(RAM.origin, _left_over(self._bootloader.ram_used))
        self.in_bootloader = self._retained.gpregret == STAY_IN_BOOTLOADER
        if self.in_bootloader:
            self._retained.gpregret = 0
            machine.halt()
            return
        self._leave_bootloader_state()
        words = machine.memory.try_read_words(APPLICATION, 2)
        assert words is not None
        machine.start_at(words[0], words[1])

    def _make_peripherals(self) -> None:
        machine = self.machine
        self._clock = ClockPower(
            machine, self._retained, self._system_off, vbus=self._usb_port.vbus
        )
        errata = Errata(machine)
        usbd = Usbd(machine, self._clock, errata)
        self._usb_port.connect(usbd, self._clock.set_vbus)
        self._uartes = [
            Uarte(
                machine, name, base, self.wire, (TX_PIN, RX_PIN), lambda: self._clock.crystal_runs
            )
            for name, base in (("UARTE0", 0x40002000), ("UARTE1", 0x40028000))
        ]
        self._pwms = [Pwm(machine, f"PWM{n}", base) for n, base in enumerate(PWMS)]
        self._rtc = Rtc(machine, "RTC1", 0x40011000, 4)
        self._gpio = Gpio(machine, self._pin_owner)
        nvmc = Nvmc(machine, FLASH.size, self._bootloader.protected_end)
        blocks: list[NrfBlock] = [self._clock, *self._uartes, *self._pwms, self._rtc]
        blocks.append(_gpiote(machine))
        blocks += [Timer(machine, f"TIMER{n}", *spec) for n, spec in enumerate(TIMERS)]
        for block in (*blocks, usbd, errata, nvmc, identity.temp(machine)):
            self._buses[0].add(block)
        self._buses[1].add(self._gpio.block)
        self._buses[2].add(identity.ficr(machine))
        self._buses[2].add(identity.uicr(machine, self._bootloader.uicr_start))
        self.wire.connect(_Wire(self._uartes))

    def _pin_owner(self, pin: int) -> str:
        owners: list[Pwm | Uarte] = [*self._pwms, *self._uartes]
        return next((owner.name for owner in owners if owner.owns(pin)), "")

    def _leave_bootloader_state(self) -> None:
        """The table "State that bootloader A leaves at the app's reset vector"."""
        machine = self.machine
        machine.scs.leave(CCR_AT_ENTRY, self._bootloader.vector_table)
        machine.scs.mpu.configure(5, [(0, 0x02020027), (self._bootloader.mpu_ram_base, 0x110B0023)])
        self._uartes[0].leave_armed(BAUD_9600, self._bootloader.receive_buffer, 1)
        for number, pwm in enumerate(self._pwms):
            pwm.leave_enabled(ORANGE_LED if number == 0 else None)
        self._clock.leave_lfclk_running()
        self._rtc.leave_running()
        for pin, level in ((POWER_LED, True), (TX_PIN, True), (ORANGE_LED, False)):
            self._gpio.set_output(pin, level)

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
