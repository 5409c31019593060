"""Simulated boards in memory: a `Ports` with simulated time, and faults on the wire."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tinydeploy.errors import PortError
from tinydeploy.flash.ports import Drive
from tinydeploy.flash.simulated.board import SimulatedBoard
from tinydeploy.flash.simulated.timeline import Timeline
from tinydeploy.link.transport import TOUCH_BAUD, TOUCH_FROM_BAUD, TOUCH_HOLD_S, PortInfo

BYTE_S = 1e-5
OPEN_S = 1e-3


class Wire(Protocol):
    """What happens to packets on the way."""

    def to_board(self, board: SimulatedBoard, data: bytes) -> bytes:
        """What arrives of a packet from the host."""

    def to_host(self, board: SimulatedBoard, data: bytes) -> bytes:
        """What arrives of a packet from the board."""


class GoodWire:
    """Nothing happens; packets are noted.

    Attributes:
        sent: first bytes of each packet from the host.
    """

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def to_board(self, board: SimulatedBoard, data: bytes) -> bytes:
        """All of it."""
        self.sent.append(data[:16])
        return data

    def to_host(self, board: SimulatedBoard, data: bytes) -> bytes:
        """All of it."""
        return data


@dataclass
class MemoryPorts:
    """The ports of a machine with these boards."""

    time: Timeline
    boards: Sequence[SimulatedBoard]
    wire: Wire = field(default_factory=GoodWire)

    def list(self) -> list[PortInfo]:
        """Ports that are there now."""
        return [board.port for board in self.boards if board.port is not None]

    def exists(self, port: str) -> bool:
        """Whether one of the boards is there."""
        return any(info.device == port for info in self.list())

    def drives(self) -> builtins.list[Drive]:
        """Drives of boards whose bootloader shows one."""
        return [board.drive for board in self.boards if board.drive is not None]

    def open(self, port: str, baud: int) -> MemoryLine:
        """Open a port."""
        self.sleep(OPEN_S)
        for board in self.boards:
            if board.port is not None and board.port.device == port:
                return MemoryLine(self, board, baud)
        raise PortError(f"cannot open {port}: no such device")

    def touch_1200(self, port: str) -> None:
        """As `link.transport.touch_1200`."""
        line = self.open(port, TOUCH_FROM_BAUD)
        line.set_baud(TOUCH_BAUD)
        line.set_control(dtr=False, rts=True)
        self.sleep(TOUCH_HOLD_S)
        line.close()

    def now(self) -> float:
        """Simulated time."""
        return self.time.now_s

    def sleep(self, seconds: float) -> None:
        """Let simulated time pass."""
        self.time.run_until(self.time.now_s + seconds)


class MemoryLine:
    """An open port of a simulated board."""

    def __init__(self, ports: MemoryPorts, board: SimulatedBoard, baud: int) -> None:
        self.description = f"simulated {board.port.device if board.port else 'port'}"
        self._ports = ports
        self._board = board
        self._plug = board.plug
        self._open = True
        board.answers.clear()
        board.opened(baud)
        board.set_control(dtr=True, rts=True)  # as Linux does

    def write(self, data: bytes) -> None:
        """Send a packet."""
        self._check()
        self._ports.sleep(len(data) * BYTE_S)
        self._check()
        arrived = self._ports.wire.to_board(self._board, data)
        self._board.receive(arrived)
        self._check()

    def read(self, timeout_s: float) -> bytes:
        """Wait for a packet."""
        time = self._ports.time
        end_s = time.now_s + timeout_s
        while True:
            self._check()
            while self._board.answers:
                data = self._ports.wire.to_host(self._board, self._board.answers.popleft())
                self._check()
                if data:
                    return data
            if time.now_s >= end_s:
                return b""
            next_s = time.next_s()
            time.run_until(end_s if next_s is None else min(end_s, max(next_s, time.now_s)))

    def close(self) -> None:
        """Close the port."""
        if self._open and self._board.plug == self._plug:
            self._board.closed()
        self._open = False

    def set_baud(self, baud: int) -> None:
        """Change the rate."""
        self._check()
        self._board.set_baud(baud)

    def set_control(self, *, dtr: bool, rts: bool) -> None:
        """Move the control lines; like pyserial's on a lost port, it does not complain."""
        if self._open and self._board.plug == self._plug:
            self._board.set_control(dtr=dtr, rts=rts)

    def discard_input(self) -> None:
        """Forget what has arrived."""
        self._check()
        self._board.answers.clear()

    def _check(self) -> None:
        if not self._open or self._board.plug != self._plug:
            raise PortError(f"{self.description} is gone")
