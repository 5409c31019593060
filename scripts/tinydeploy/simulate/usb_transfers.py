"""Transactions and control transfers, as a host does them (USB 2.0, 8.5).

All are generators: they yield how long the bus is busy, or WAIT for the device to get ready.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TypeVar

from tinydeploy.simulate.timeline import Timeline
from tinydeploy.simulate.usb_bus import (
    PACKET_BYTES,
    Answer,
    Packet,
    Setup,
    UsbDevice,
    UsbPort,
    transaction_s,
)

WAIT = None
T = TypeVar("T")
Doing = Generator[float | None, None, T]
POLL_S = 5e-6  # an IN token and a NAK
TRIES = 3  # of a transaction without an answer
STATUS_LIMIT_S = 0.05  # 9.2.6.4: of a standard request
DATA_LIMIT_S = 0.5


class Outcome(Enum):
    """How a transfer ended."""

    PENDING = "pending"
    DONE = "done"
    STALLED = "stalled"
    LATE = "not done in time"
    DEAD = "not answered"
    ABORTED = "aborted"


@dataclass
class Transfer:
    """A control transfer: what to do, and what came of it.

    Attributes:
        data: sent when the setup says OUT; else what was received.
        stop_after: end it after so many transactions of data, None not at all.
    """

    setup: Setup
    data: bytes = b""
    stop_after: int | None = None
    outcome: Outcome = Outcome.PENDING


@dataclass
class Pipe:
    """An endpoint of the device, and the toggle that the host expects or sends next."""

    address: int
    toggle: int = 0

    @property
    def number(self) -> int:
        """Without the direction."""
        return self.address & 0xF


class Transactions:
    """Does them on the device that is at the port.

    Attributes:
        address: of the device.
        lost_handshakes: so many of the next handshakes get lost on the bus.
    """

    def __init__(self, time: Timeline, port: UsbPort, wake: Callable[[], None]) -> None:
        self.address = 0
        self.lost_handshakes = 0
        self._time = time
        self._port = port
        self._wake = wake

    @property
    def _device(self) -> UsbDevice:
        assert self._port.device is not None
        return self._port.device

    def _loses_handshake(self) -> bool:
        lost = self.lost_handshakes > 0
        self.lost_handshakes -= lost
        return lost

    # Transactions

    def setup(self, setup: Setup) -> Doing[Answer]:
        """A SETUP transaction, tried again without an answer."""
        for _ in range(TRIES):
            yield transaction_s(8)
            answer = self._device.setup(self.address, setup.pack())
            if answer is not Answer.NOTHING:
                break
        return answer

    def take(self, pipe: Pipe) -> Doing[bytes | Answer]:
        """An IN transaction: what the device sends; ACK for a packet that was here before."""
        answer = yield from self._take(pipe)
        if isinstance(answer, Answer):
            yield POLL_S
            return answer
        yield transaction_s(len(answer.data))
        if not self._loses_handshake():
            self._device.acknowledge(pipe.number)
        if answer.toggle != pipe.toggle:
            return Answer.ACK
        pipe.toggle ^= 1
        return answer.data

    def _take(self, pipe: Pipe) -> Doing[Packet | Answer]:
        for _ in range(TRIES):
            answer = self._device.take_in(self.address, pipe.number)
            if answer is not Answer.NOTHING:
                break
            yield POLL_S
        return answer

    def give(self, pipe: Pipe, data: bytes) -> Doing[Answer]:
        """An OUT transaction."""
        for _ in range(TRIES):
            yield transaction_s(len(data))
            packet = Packet(pipe.toggle, data)
            answer = self._device.give_out(self.address, pipe.number, packet)
            if answer is not Answer.NOTHING and not self._loses_handshake():
                break
        if answer is Answer.ACK:
            pipe.toggle ^= 1
        return answer

    # Control transfers

    def run(self, transfer: Transfer) -> Doing[None]:
        """Do all of it."""
        setup, stages = transfer.setup, []
        if (yield from self.setup(setup)) is Answer.NOTHING:
            transfer.outcome = Outcome.DEAD
        if setup.length:
            stages.append(self._receive(transfer) if setup.is_in else self._send(transfer))
        stages.append(self._finish(transfer))
        for stage in stages:
            if transfer.outcome is Outcome.PENDING:
                yield from stage

    def _receive(self, transfer: Transfer) -> Doing[None]:
        pipe, left = Pipe(0x80, toggle=1), transfer.stop_after
        while len(transfer.data) < transfer.setup.length and self._goes_on(transfer, left):
            answer = yield from self._until_ready(partial(self.take, pipe), DATA_LIMIT_S)
            if isinstance(answer, bytes):
                transfer.data += answer
                if len(answer) < PACKET_BYTES:
                    return
            elif answer is not Answer.ACK:
                transfer.outcome = _OUTCOMES[answer]
            left = None if left is None else left - 1

    def _send(self, transfer: Transfer) -> Doing[None]:
        pipe, left, at = Pipe(0, toggle=1), transfer.stop_after, 0
        while at < len(transfer.data) and self._goes_on(transfer, left):
            chunk = transfer.data[at : at + PACKET_BYTES]
            answer = yield from self._until_ready(partial(self.give, pipe, chunk), DATA_LIMIT_S)
            if answer is Answer.ACK:
                at += len(chunk)
            else:
                transfer.outcome = _OUTCOMES[answer]
            left = None if left is None else left - 1

    def _finish(self, transfer: Transfer) -> Doing[None]:
        """The status stage: an empty DATA1 in the other direction."""
        if not self._goes_on(transfer, transfer.stop_after):
            return
        to_host = not (transfer.setup.is_in and transfer.setup.length)
        pipe = Pipe(0x80 if to_host else 0, toggle=1)
        attempt: Callable[[], Doing[bytes | Answer]]
        attempt = partial(self.take, pipe) if to_host else partial(self._give_empty, pipe)
        answer = yield from self._until_ready(attempt, STATUS_LIMIT_S)
        is_done = answer is Answer.ACK or answer == b""
        transfer.outcome = Outcome.DONE if is_done else _OUTCOMES.get(answer, Outcome.DEAD)

    def _give_empty(self, pipe: Pipe) -> Doing[bytes | Answer]:
        return (yield from self.give(pipe, b""))

    @staticmethod
    def _goes_on(transfer: Transfer, left: int | None) -> bool:
        if left is not None and left <= 0:
            transfer.outcome = Outcome.ABORTED
        return transfer.outcome is Outcome.PENDING

    def _until_ready(
        self, attempt: Callable[[], Doing[bytes | Answer]], limit_s: float
    ) -> Doing[bytes | Answer]:
        """Try again whenever something has changed; NAK after `limit_s`."""
        ticks = self._time.ticks(limit_s)
        end = self._time.now + ticks
        alarm = self._time.after(ticks, self._wake)
        answer = yield from attempt()
        while answer is Answer.NAK and self._time.now < end:
            yield WAIT
            answer = yield from attempt()
        alarm.cancel()
        return answer


_OUTCOMES: dict[bytes | Answer, Outcome] = {
    Answer.STALL: Outcome.STALLED,
    Answer.NAK: Outcome.LATE,
    Answer.NOTHING: Outcome.DEAD,
    Answer.ACK: Outcome.DEAD,
}
