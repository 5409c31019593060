"""What goes wrong on a USB cable, beside what goes wrong with bytes (`link_faults`)."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tinydeploy.errors import PortError
from tinydeploy.hardware.link_faults import KINDS, FaultyWire
from tinydeploy.simulate.device import SimulatedDevice
from tinydeploy.simulate.usb_host import State
from tinydeploy.simulate.usb_serial import UsbSerial

LONGEST_SUSPENSION_S = 0.05
LONGEST_MOMENT_S = 1e-3  # some packets, and the answer to them
LONGEST_AWAY_S = 0.5
SEEN_S = 1.0  # to find a device that is there
MOST_LOST_HANDSHAKES = 5


class UsbFaultyWire(FaultyWire):
    """A simulated board at a host's USB port.

    unplug: the board loses its power, or keeps it from elsewhere, and is plugged in again. reset:
    the chip restarts, so that the port goes away. bus reset: the host resets the bus and configures
    the device again; programs keep the port. suspend: the bus sleeps for a while. handshake: some
    ACKs get lost, so that packets are sent twice.
    """

    kinds: Sequence[str] = (*KINDS, "unplug, powered", "bus reset", "suspend", "handshake")
    interruptions: Sequence[str] = ("reset", "unplug", *kinds[len(KINDS) :])
    lossless: Sequence[str] = ("suspend", "handshake")

    def __init__(self, board: SimulatedDevice, chance: random.Random) -> None:
        super().__init__(board, chance)
        line = board.chip.line
        assert isinstance(line, UsbSerial)
        self._serial = line

    def replug(self) -> None:
        """Put the cable back, and wait until the host has found the board."""
        stays_powered = self._kind != "unplug"
        self._unplugged, self._kind, self._late = False, "", b""
        self._board.run(self._chance.uniform(0, LONGEST_AWAY_S))
        self._serial.received.clear()
        self._serial.host.plug()
        if not stays_powered:
            self._board.reset("power-on")
        if not self._serial.host.await_state(State.CONFIGURED, SEEN_S):
            raise PortError(f"{self.description} does not come back", "this is a bug")

    def _moment_s(self) -> float:
        return self._chance.uniform(0, LONGEST_MOMENT_S)

    def _interrupt(self) -> None:
        host = self._serial.host
        if self._kind == "handshake":
            host.bus.lost_handshakes = self._chance.randint(1, MOST_LOST_HANDSHAKES)
        elif self._kind == "bus reset":
            host.reset()
        elif self._kind == "suspend":
            host.suspend()
            self._board.run(self._chance.uniform(0, LONGEST_SUSPENSION_S))
            host.resume()
        else:
            self._pull()

    def _pull(self) -> None:
        """The port is gone: by the cable, or because the chip was reset."""
        self._unplugged = True
        if self._kind == "reset":
            self._board.reset("pin")
        self._serial.host.unplug()
