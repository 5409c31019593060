"""The simulated board as a transport: what the host's link client talks to."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sized
from typing import Protocol

import unicorn

from tinydeploy.simulate.image import ElfImage, Symbol
from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.serial_line import FRAME_BITS
from tinydeploy.simulate.violations import SimulationError, Violation

READ_CHUNK_BYTES = 4096
GAP_CHARACTERS = 3  # a pause this long ends a read, so that a frame arrives in one piece
PACE_SLICE_S = 0.02
FOREVER = 1 << 61


class Line(Protocol):
    """A serial line as the host has it, a `SerialLine` or one over USB.

    Attributes:
        baud: bit rate, to tell when a read ends.
        received: what the board has sent and was not read yet.
    """

    baud: float
    received: bytearray

    def send(self, data: bytes) -> None:
        """To the board, as the simulation goes on."""


class Chip(Protocol):
    """What a chip module provides."""

    machine: Machine
    in_bootloader: bool

    @property
    def line(self) -> Line:
        """The serial line that the link runs over."""

    @property
    def leds(self) -> dict[str, bool]:
        """Which LEDs shine."""

    def reset(self, reason: str) -> None:
        """Reset the chip: "power-on", "pin", "software", ..."""


class SimulatedDevice:
    """A board in the simulator; implements Transport.

    The CPU runs only inside `read`, `write` and `run`; all times are simulated seconds.

    Args:
        pace: hold simulated time back to wall-clock time.
    """

    def __init__(
        self, chip: Chip, image: ElfImage, description: str, *, pace: bool = False
    ) -> None:
        self.chip = chip
        self.image = image
        self.machine = chip.machine
        self.description = description
        self._pace = pace
        self._started = time.monotonic() - self.machine.time.seconds
        self._closed = False

    # Transport

    def write(self, data: bytes) -> None:
        """Put bytes on the line to the board; they arrive as the simulation goes on."""
        self._check_open()
        self.chip.line.send(data)

    def read(self, timeout_s: float) -> bytes:
        """Run until the board sends something, at most `timeout_s` of simulated time."""
        self._check_open()
        received = self.chip.line.received
        if not received:
            self.run(timeout_s, until_received=True)
        if received:
            self._collect()
        return self.take_received()

    def take_received(self) -> bytes:
        """What the board has sent and was not read yet; does not run it."""
        received = self.chip.line.received
        data = bytes(received[:READ_CHUNK_BYTES])
        del received[:READ_CHUNK_BYTES]
        return data

    def close(self) -> None:
        """End the simulation; cycles, time and violations can still be asked for."""
        self._closed = True
        self.machine.close()

    def _collect(self) -> None:
        """Run on while characters follow one another closely."""
        line = self.chip.line
        gap_s = GAP_CHARACTERS * max(FRAME_BITS / line.baud, 20e-6)
        count = 0
        while count != len(line.received) < READ_CHUNK_BYTES:
            count = len(line.received)
            self._run_for(gap_s, functools.partial(_grown, line.received, count))

    # Running

    def _run_for(self, seconds: float, wanted: Callable[[], bool]) -> None:
        self.machine.run(self.machine.time.now + self.machine.time.ticks(seconds), wanted)

    def run(self, seconds: float, *, until_received: bool = False) -> None:
        """Let simulated time pass; with `until_received` only until the board sends something."""
        received = self.chip.line.received
        wanted = functools.partial(_grown, received, 0 if until_received else FOREVER)
        if not self._pace:
            self._run_for(seconds, wanted)
            return
        end_s = self.time_s + seconds
        while self.time_s < end_s and not wanted():
            self._run_for(min(end_s - self.time_s, PACE_SLICE_S), wanted)
            self._wait_for_wall_clock()

    def _wait_for_wall_clock(self) -> None:
        ahead_s = self.time_s - (time.monotonic() - self._started)
        if ahead_s > 0:
            time.sleep(ahead_s)
        else:
            self._started -= ahead_s  # slower than the board: no hurry later to make up for it

    def reset(self, reason: str = "pin") -> None:
        """Press the reset button (or "power-on", "software", "watchdog")."""
        self.chip.reset(reason)

    def _check_open(self) -> None:
        if self._closed:
            raise SimulationError(f"{self.description} is closed")

    # Looking inside

    @property
    def cycles(self) -> int:
        """Modelled CPU cycles since power-on, without sleep."""
        return self.machine.cycles

    @property
    def instructions(self) -> int:
        """Instructions executed since power-on."""
        return self.machine.instructions

    @property
    def time_s(self) -> float:
        """Simulated seconds since power-on."""
        return self.machine.time.seconds

    @property
    def leds(self) -> dict[str, bool]:
        """Which LEDs shine, by colour."""
        return self.chip.leds

    @property
    def violations(self) -> list[Violation]:
        """Broken rules of the chip so far, warnings included."""
        return self.machine.violations

    @property
    def in_bootloader(self) -> bool:
        """Whether the firmware handed over to the bootloader, which then waits for a flasher."""
        return self.chip.in_bootloader

    def symbol(self, name: str) -> Symbol:
        """A symbol of the image; raises SimulationError if it has no such name."""
        if name not in self.image.symbols:
            raise SimulationError(f"{self.image.path.name} has no symbol {name!r}")
        return self.image.symbols[name]

    def memory(self, address: int, size: int) -> bytes:
        """Bytes of flash or RAM; raises SimulationError where there is none."""
        try:
            return self.machine.read(address, size)
        except unicorn.UcError as error:
            raise SimulationError(f"no memory of {size} bytes at {address:#010x}") from error

    def set_memory(self, address: int, data: bytes) -> None:
        """Write to flash or RAM, as a debugger does; raises SimulationError where there is none."""
        try:
            self.machine.write(address, data)
        except unicorn.UcError as error:
            raise SimulationError(f"no memory of {len(data)} bytes at {address:#010x}") from error


def _grown(received: Sized, size: int) -> bool:
    return len(received) > size
