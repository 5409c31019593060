"""A serial line with deadlines and a read-ahead buffer, for request-and-answer protocols."""

from __future__ import annotations

from collections.abc import Callable

from tinydeploy.flash.ports import Line, Ports


class Channel:
    """Reads what a protocol expects; what arrives beyond that is kept for the next read.

    Args:
        line: the open port; closed with the channel.
        ports: where the clock comes from.
    """

    def __init__(self, line: Line, ports: Ports) -> None:
        self.line = line
        self._ports = ports
        self._ahead = bytearray()

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        self.line.write(data)

    def read_exactly(self, size: int, timeout_s: float) -> bytes:
        """`size` bytes, or fewer when they did not come within `timeout_s`."""
        self._fill(lambda: len(self._ahead) >= size, timeout_s)
        return self._take(size)

    def read_until(self, mark: bytes, timeout_s: float) -> bytes:
        """Everything up to and with `mark`, or b"" when it did not come within `timeout_s`."""
        self._fill(lambda: mark in self._ahead, timeout_s)
        found = self._ahead.find(mark)
        return self._take(found + len(mark)) if found >= 0 else b""

    def drain(self, silence_s: float, limit_s: float = 2.0) -> bytes:
        """Everything that comes until the line is silent for `silence_s`."""
        end = self._ports.now() + limit_s
        while self._ports.now() < end:
            data = self.line.read(silence_s)
            if not data:
                break
            self._ahead += data
        return self._take(len(self._ahead))

    def discard(self) -> None:
        """Forget what has arrived."""
        self.line.discard_input()
        self._ahead.clear()

    def close(self) -> None:
        """Close the port."""
        self.line.close()

    def _fill(self, enough: Callable[[], bool], timeout_s: float) -> None:
        deadline = self._ports.now() + timeout_s
        while not enough():
            left_s = deadline - self._ports.now()
            if left_s <= 0:
                return
            self._ahead += self.line.read(left_s)

    def _take(self, size: int) -> bytes:
        data = bytes(self._ahead[:size])
        del self._ahead[:size]
        return data
