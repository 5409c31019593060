"""What host and device exchange on USB: tokens and packets at full speed (USB 2.0, chapter 8).

A device answers the tokens of a host at once; how long a transaction takes is the host's to count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

FULL_SPEED_BITS_PER_S = 12e6
PACKET_BYTES = 64
FRAME_S = 1e-3
# Sync, PIDs, token, CRCs, turn-around and handshake of a bulk transaction: USB 2.0, table 5-9.
OVERHEAD_BYTES = 13


class Answer(Enum):
    """What a device says to a token; NOTHING is what it says when it did not hear it."""

    ACK = "ACK"
    NAK = "NAK"
    STALL = "STALL"
    NOTHING = "no answer"


@dataclass(frozen=True)
class Packet:
    """A data packet; `toggle` is 0 for DATA0 and 1 for DATA1."""

    toggle: int
    data: bytes


@dataclass(frozen=True)
class Setup:
    """The eight bytes of a SETUP packet (USB 2.0, 9.3)."""

    request_type: int
    request: int
    value: int = 0
    index: int = 0
    length: int = 0

    @property
    def is_in(self) -> bool:
        """Whether the data stage, if there is one, goes to the host."""
        return bool(self.request_type & 0x80)

    def pack(self) -> bytes:
        """As on the bus."""
        words = (self.value, self.index, self.length)
        return bytes([self.request_type, self.request]) + b"".join(
            word.to_bytes(2, "little") for word in words
        )

    @classmethod
    def unpack(cls, data: bytes) -> Setup:
        """From the bus."""
        value, index, length = (int.from_bytes(data[at : at + 2], "little") for at in (2, 4, 6))
        return cls(data[0], data[1], value, index, length)


class UsbDevice(Protocol):
    """The device's end of the cable.

    Attributes:
        on_change: to be called whenever the device may answer otherwise than before.
    """

    on_change: Callable[[], None]

    @property
    def is_attached(self) -> bool:
        """Whether its pull-up shows that it is there."""

    def bus_reset(self) -> None:
        """The host drives both lines low."""

    def frames(self, running: bool) -> None:
        """The host begins or ceases to send a start of frame each millisecond."""

    def bus_resume(self) -> None:
        """The host signals the end of a suspension."""

    def setup(self, address: int, data: bytes) -> Answer:
        """A SETUP transaction on endpoint 0."""

    def take_in(self, address: int, endpoint: int) -> Packet | Answer:
        """An IN token: a packet, which stays until it is acknowledged, or NAK, STALL, NOTHING."""

    def acknowledge(self, endpoint: int) -> None:
        """The host has received the packet that `take_in` gave."""

    def give_out(self, address: int, endpoint: int, packet: Packet) -> Answer:
        """An OUT transaction."""


def transaction_s(size: int) -> float:
    """How long a transaction with `size` data bytes keeps the bus busy."""
    return (OVERHEAD_BYTES + size) * 8 / FULL_SPEED_BITS_PER_S


class UsbPort:
    """The connector of a board, which a cable with a host at its other end goes into.

    It outlives resets of the chip; each start of the chip connects its device again.
    """

    def __init__(self) -> None:
        self.vbus = False
        self.device: UsbDevice | None = None
        self.on_vbus: Callable[[bool], None] = lambda present: None
        self.on_change: Callable[[], None] = lambda: None

    @property
    def is_attached(self) -> bool:
        """Whether a host sees a device."""
        return self.vbus and self.device is not None and self.device.is_attached

    def connect(self, device: UsbDevice, on_vbus: Callable[[bool], None]) -> None:
        """The chip has started; `on_vbus` is told when 5 V come or go."""
        self.device = device
        self.on_vbus = on_vbus
        device.on_change = self._changed

    def set_vbus(self, present: bool) -> None:
        """Plug the cable in or out."""
        if present != self.vbus:
            self.vbus = present
            self.on_vbus(present)
            self._changed()

    def _changed(self) -> None:
        self.on_change()
