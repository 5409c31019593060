"""The SparkFun Variable Loader (docs/boards/sparkfun_edge.md, 8)."""

from __future__ import annotations

from typing import Protocol

from tinydeploy.flash.crc import POLYNOMIAL_IBM, crc16
from tinydeploy.flash.simulated.flash_memory import FlashMemory
from tinydeploy.flash.simulated.timeline import Action

ORIGIN = 0x10000
PAGE_BYTES = 0x2000
FRAME_BYTES = 2048
BAD_FRAME_S = 0.177
BOOTLOAD_S = 0.5
PAGE_S = 0.02
RESET_S = 0.01
VERSION, BOOTLOAD, NEXT, FRAME, RETRY, DONE = 1, 2, 3, 4, 5, 6
BAUDS = range(57600, 921601)


class Owner(Protocol):
    """The board that the loader runs on."""

    def refuses(self, number: int) -> bool:
        """Whether to refuse this one."""

    def answer(self, data: bytes, after_s: float) -> None:
        """Send to the host."""

    def later(self, delay_s: float, action: Action) -> None:
        """Do something later."""

    def reset_soon(self) -> None:
        """Restart the chip."""

    def start_application(self) -> None:
        """Leave the loader."""


class Svl:
    """One run of the loader, from the reset to the next.

    Attributes:
        version: what it says; a test changes it.
        baud: rate that was measured, 0 before.
    """

    def __init__(self, owner: Owner, flash: FlashMemory, version: int = 6) -> None:
        self.version = version
        self.baud = 0
        self._owner = owner
        self._flash = flash
        self._loading = False
        self._frames = 0
        self._next_address = ORIGIN
        self._pending = bytearray()
        self._burst = 0

    def receive(self, data: bytes, baud: int) -> None:
        """Bytes from the host at some rate."""
        if not self.baud:
            if data[:1] != b"U" or baud not in BAUDS:
                return
            self.baud = baud
            self._send(VERSION, bytes([self.version]))
            self._owner.later(BOOTLOAD_S, self._give_up)
            data = data[1:]
        self._pending += data
        self._burst += 1
        burst = self._burst
        self._owner.later(BAD_FRAME_S, lambda: self._silence(burst))
        while self._take():
            pass

    def _take(self) -> bool:
        """Handle the first packet if it is whole."""
        size = int.from_bytes(self._pending[:2], "big")
        if len(self._pending) < 2 or len(self._pending) < 2 + size:
            return False
        body = bytes(self._pending[2 : 2 + size])
        del self._pending[: 2 + size]
        if size < 3 or crc16(body, POLYNOMIAL_IBM):
            self._pending.clear()
            self._owner.later(BAD_FRAME_S, self._ask_again)
        else:
            self._obey(body[0], body[1:-2])
        return True

    def _obey(self, command: int, payload: bytes) -> None:
        if command == BOOTLOAD:
            self._loading = True
            self._send(NEXT)
        elif command == FRAME and self._loading:
            self._frames += 1
            fits = len(payload) % 4 == 0 and len(payload) <= FRAME_BYTES
            if not fits or self._owner.refuses(self._frames):
                self._ask_again()
                return
            self._program(payload)
            self._send(NEXT, after_s=PAGE_S)
        elif command == DONE and self._loading:
            self._owner.reset_soon()

    def _program(self, data: bytes) -> None:
        for page in range(-(-self._next_address // PAGE_BYTES) * PAGE_BYTES, self._end(data)):
            if page % PAGE_BYTES == 0:
                self._flash.erase(page)
        self._flash.program(self._next_address, data)
        self._next_address = self._end(data)

    def _end(self, data: bytes) -> int:
        return self._next_address + len(data)

    def _silence(self, burst: int) -> None:
        """Nothing more has come: what is there is a packet that lost bytes."""
        if burst == self._burst and self._pending:
            self._pending.clear()
            self._ask_again()

    def _ask_again(self) -> None:
        if self._loading:
            self._send(RETRY)

    def _give_up(self) -> None:
        if not self._loading:
            self._owner.start_application()

    def _send(self, command: int, payload: bytes = b"", after_s: float = 0.0) -> None:
        body = bytes([command]) + payload
        body += crc16(body, POLYNOMIAL_IBM).to_bytes(2, "big")
        self._owner.answer(len(body).to_bytes(2, "big") + body, 0.001 + after_s)
