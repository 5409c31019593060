"""The serial wire between a UART of the chip and the host."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from tinydeploy.simulate.timeline import Event, Timeline

FRAME_BITS = 10  # start, 8 data, stop
BAUD_TOLERANCE = 0.04  # a receiver that samples in mid-bit loses the stop bit beyond 5 %
FAST_BYTE_S = 1e-6
FAST_RETRY_LIMIT_S = 300e-6


class Uart(Protocol):
    """The chip's end of the wire."""

    def receive(self, byte: int, *, framing_error: bool) -> None:
        """A character arrived."""

    def receive_baud(self) -> float | None:
        """Bit rate at which the receiver samples, None if it does not listen."""

    def room(self) -> int:
        """Characters that would not be lost if they came at once; 0 until the firmware has taken
        what came before. Asked in fast mode only."""


class SerialLine:
    """Carries characters both ways at their bit rates.

    Args:
        time: simulated time.
        baud: bit rate of the host.
        fast: characters take a microsecond each and wait until the firmware takes them, instead of
            arriving at the pace of the bit rate and overrunning it; as many as the receiver has
            room for arrive together, so that one interrupt serves them all.
    """

    def __init__(self, time: Timeline, baud: float, *, fast: bool) -> None:
        self.baud = baud
        self.fast = fast
        self.received = bytearray()
        self._time = time
        self._uart: Uart | None = None
        self._outgoing: deque[int] = deque()
        self._event: Event | None = None
        self._retry_s = FAST_BYTE_S

    def connect(self, uart: Uart | None) -> None:
        """Wire the line to a UART; None leaves it open, as during a reset."""
        self._uart = uart

    def restart(self) -> None:
        """Go on after the timeline was cleared."""
        self._event = None
        self._schedule(FAST_BYTE_S)

    def byte_ticks(self, baud: float) -> int:
        """How long a character takes."""
        return self._time.ticks(FAST_BYTE_S if self.fast else FRAME_BITS / baud)

    # Host to chip

    def send(self, data: bytes) -> None:
        """The host sends: the first character is complete one character time from now."""
        self._outgoing.extend(data)
        self._schedule(FAST_BYTE_S if self.fast else FRAME_BITS / self.baud)

    @property
    def busy(self) -> bool:
        """Whether characters from the host are still on their way."""
        return bool(self._outgoing)

    def _schedule(self, seconds: float) -> None:
        if self._outgoing and self._event is None:
            self._event = self._time.after(self._time.ticks(seconds), self._arrive)

    def _arrive(self) -> None:
        self._event = None
        if not self.fast:
            self._deliver()
            self._schedule(FRAME_BITS / self.baud)
            return
        count = min(self._uart.room() if self._uart else 1, len(self._outgoing))
        for _ in range(count):
            self._deliver()
        self._retry_s = FAST_BYTE_S if count else min(2 * self._retry_s, FAST_RETRY_LIMIT_S)
        self._schedule(count * FAST_BYTE_S or self._retry_s)

    def _deliver(self) -> None:
        byte = self._outgoing.popleft()
        baud = self._uart.receive_baud() if self._uart else None
        if self._uart and baud:
            seen, valid = resample(byte, self.baud, baud)
            self._uart.receive(seen, framing_error=not valid)

    # Chip to host

    def transmit(self, byte: int, baud: float) -> None:
        """A UART of the chip has sent a character at `baud`."""
        seen, valid = resample(byte, baud, self.baud)
        if valid or seen:
            self.received.append(seen)


def resample(byte: int, sender_baud: float, receiver_baud: float) -> tuple[int, bool]:
    """What a receiver reads that samples the middle of its own bits, and if it saw a stop bit.

    At equal rates, within the tolerance of a UART: the byte itself.
    """
    ratio = sender_baud / receiver_baud
    if abs(ratio - 1) <= BAUD_TOLERANCE:
        return byte, True
    levels = [0] + [byte >> n & 1 for n in range(8)] + [1]
    samples = [_level(levels, (n + 0.5) * ratio) for n in range(1, FRAME_BITS)]
    seen = sum(level << n for n, level in enumerate(samples[:8]))
    return seen, bool(samples[8])


def _level(levels: list[int], position: float) -> int:
    return levels[int(position)] if position < len(levels) else 1
