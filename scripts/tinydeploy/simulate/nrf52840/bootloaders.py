"""The bootloaders of boards with an nRF52840: what they leave at the application's reset vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinydeploy.boards import Board
from tinydeploy.simulate.violations import SimulationError

if TYPE_CHECKING:
    from tinydeploy.simulate.nrf52840 import Chip

NO_UICR_ENTRY = 0xFFFFFFFF
BAUD_9600 = 0x00275000


@dataclass(frozen=True)
class Bootloader:
    """None at all: the chip starts the application by itself.

    Attributes:
        waits_s: how long a reset takes it before the application starts.
        ram_used: bytes from the start of the RAM that it leaves full of its own.
        protected: ranges of flash that no one else may erase or write.
        uicr_start: its address as UICR.NRFFW[0] has it.
        stays: values of GPREGRET for which it waits for a flasher instead.
    """

    waits_s: float = 0.0
    ram_used: int = 0
    protected: tuple[range, ...] = ()
    uicr_start: int = NO_UICR_ENTRY
    stays: tuple[int, ...] = ()

    def stays_for(self, gpregret: int) -> bool:
        """Whether it waits for a flasher after a reset that left this in GPREGRET."""
        return gpregret in self.stays

    def leave(self, chip: Chip) -> None:
        """Bring the chip from its reset state into that at the application's reset vector."""


@dataclass(frozen=True)
class ArduinoNano33(Bootloader):
    """Those of the Nano 33 BLE, A and B (docs/boards/nano33.md, 2).

    Attributes:
        vector_table, mpu_ram_base, receive_buffer: where the two differ in what they leave.
        orange_led, power_led: pins that it drives.
    """

    waits_s: float = 0.5  # for the second tap on the reset button
    protected: tuple[range, ...] = (range(0x10000),)
    stays: tuple[int, ...] = (0xB0,)
    vector_table: int = 0x10000
    mpu_ram_base: int = 0x20000000
    receive_buffer: int = 0x20009BD4
    ccr: int = 0x210
    orange_led: int = 13
    power_led: int = 32 + 9
    tx_pin: int = 32 + 3

    def leave(self, chip: Chip) -> None:
        """The table "State that bootloader A leaves at the app's reset vector"."""
        machine = chip.machine
        machine.scs.leave(self.ccr, self.vector_table)
        machine.scs.mpu.configure(5, [(0, 0x02020027), (self.mpu_ram_base, 0x110B0023)])
        chip.uartes[0].leave_armed(BAUD_9600, self.receive_buffer, 1)
        for number, pwm in enumerate(chip.pwms):
            pwm.leave_enabled(self.orange_led if number == 0 else None)
        chip.clock.leave_dcdc_on()
        chip.clock.leave_lfclk_running()
        chip.rtc.leave_running()
        for pin, level in ((self.power_led, True), (self.tx_pin, True), (self.orange_led, False)):
            chip.gpio.set_output(pin, level)


@dataclass(frozen=True)
class AdafruitUf2(Bootloader):
    """Adafruit's, behind Nordic's MBR and SoftDevice (docs/boards/xiao_nrf52840.md, 2).

    It puts the pins, PWM0, RTC1 and the low-frequency clock back before it starts the application;
    VTOR stays at the MBR's vector table, and the ACL keeps the MBR's page and its own.
    """

    waits_s: float = 0.5  # for the second tap on the reset button
    ram_used: int = 0x8000
    protected: tuple[range, ...] = (range(0x1000), range(0xF4000, 0x100000))
    uicr_start: int = 0xF4000
    stays: tuple[int, ...] = (0x57, 0x4E, 0xA8)  # UF2 and serial, serial only, over the air

    def leave(self, chip: Chip) -> None:
        """VTOR and what else is not as a reset leaves it."""
        chip.machine.scs.leave(chip.machine.scs.ccr, 0)


BOOTLOADERS: dict[str, dict[str, Bootloader]] = {
    "": {"": Bootloader()},
    "arduino_nano33": {
        "A": ArduinoNano33(ram_used=0x9E14),
        "B": ArduinoNano33(
            ram_used=0xE000,
            uicr_start=0xE0000,
            vector_table=0,
            mpu_ram_base=0x20004000,
            receive_buffer=0x2000DBD0,
        ),
    },
    "adafruit_uf2": {"": AdafruitUf2()},
}


def of(board: Board, version: str) -> Bootloader:
    """The board's bootloader; `version` chooses where several are in the field, "" the first.

    Raises:
        SimulationError: no such one.
    """
    versions = BOOTLOADERS.get(board.bootloader.kind)
    if versions is None:
        known = ", ".join(sorted(filter(None, BOOTLOADERS)))
        raise SimulationError(
            f"no bootloader {board.bootloader.kind!r} is simulated",
            f"boards/{board.id}.json may name: {known}",
        )
    if version and version not in versions:
        what = f"it is {' or '.join(versions)}" if any(versions) else f"{board.id} has but one"
        raise SimulationError(f"no bootloader {version!r}", what)
    return versions[version] if version else next(iter(versions.values()))
