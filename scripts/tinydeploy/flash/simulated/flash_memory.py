"""Flash memory: erased by pages to ones, programmed to zeros, guarded where it matters."""

from __future__ import annotations


class PowerLostError(Exception):
    """The supply failed in the middle of a flash operation."""


class FlashMemory:
    """Flash of a chip from address 0.

    Args:
        guarded: address ranges of the bootloader; writes there happen, and are counted.

    Attributes:
        guarded_touches: erase and program operations that hit a guarded range.
        lost_bits: bits that a program operation was to set to 1 without an erase.
        operations: erase and program operations so far.
        fail_at: operation during which the power fails, or None.
        weak_at: operation that has no effect, as from a worn-out page, or None.
    """

    def __init__(self, size: int, page_bytes: int, guarded: list[range]) -> None:
        self.content = bytearray(b"\xff" * size)
        self.page_bytes = page_bytes
        self.guarded = guarded
        self.guarded_touches = 0
        self.lost_bits = 0
        self.operations = 0
        self.fail_at: int | None = None
        self.weak_at: int | None = None

    def word(self, address: int) -> int:
        """The 32-bit word at `address`."""
        return int.from_bytes(self.content[address : address + 4], "little")

    def erase(self, address: int) -> None:
        """Erase the page that starts at `address`."""
        if address % self.page_bytes:
            raise ValueError(f"{address:#x} is not the start of a page")
        half = self.page_bytes // 2
        if self._begins(address, self.page_bytes):
            self.content[address : address + half] = b"\xff" * half
            self._may_fail()
            self.content[address + half : address + self.page_bytes] = b"\xff" * half

    def program(self, address: int, data: bytes) -> None:
        """Clear bits."""
        half = len(data) // 8 * 4
        if self._begins(address, len(data)):
            self._clear_bits(address, data[:half])
            self._may_fail()
            self._clear_bits(address + half, data[half:])

    def _begins(self, address: int, size: int) -> bool:
        """Count an operation; whether it has an effect."""
        self.operations += 1
        end = address + size
        self.guarded_touches += any(r.start < end and address < r.stop for r in self.guarded)
        return self.operations != self.weak_at

    def _may_fail(self) -> None:
        if self.operations == self.fail_at:
            raise PowerLostError

    def _clear_bits(self, address: int, data: bytes) -> None:
        old = int.from_bytes(self.content[address : address + len(data)], "little")
        new = int.from_bytes(data, "little")
        self.lost_bits += bin(new & ~old).count("1")
        self.content[address : address + len(data)] = (old & new).to_bytes(len(data), "little")
