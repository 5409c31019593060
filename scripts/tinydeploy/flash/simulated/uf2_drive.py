"""The USB drive of Adafruit's bootloader (docs/boards/xiao_nrf52840.md, 2)."""

from __future__ import annotations

from typing import Protocol

from tinydeploy.flash import uf2_file
from tinydeploy.flash.simulated.flash_memory import FlashMemory
from tinydeploy.flash.uf2_file import BLOCK_BYTES, FAMILY_NRF52840, PAYLOAD_BYTES, Block

PAGE_BYTES = 4096


class Owner(Protocol):
    """The board that the bootloader runs on."""

    def drops_packet(self) -> bool:
        """Whether this block does not arrive."""

    def activate(self, size: int, crc: int) -> None:
        """Note a valid application, restart."""


class Uf2Drive:
    """The drive while it is there. What is written in a block counts, not the file's name.

    Args:
        room: addresses that may be written; blocks for others are passed over.
    """

    def __init__(self, owner: Owner, flash: FlashMemory, room: range, board_id: str) -> None:
        self._owner = owner
        self._flash = flash
        self._room = room
        self._written: set[int] = set()
        self._info = f"UF2 Bootloader 0.6.2\r\nModel: Simulated\r\nBoard-ID: {board_id}\r\n"

    def read(self, name: str) -> bytes:
        """Only `INFO_UF2.TXT` is there."""
        return self._info.encode() if name == "INFO_UF2.TXT" else b""

    def write(self, name: str, content: bytes) -> bool:
        """Take the file's blocks, as the host's system writes them."""
        for at in range(0, len(content), BLOCK_BYTES):
            if self._owner.drops_packet():
                continue
            for block in uf2_file.decode(content[at : at + BLOCK_BYTES]):
                self._take(block)
        return True

    def _take(self, block: Block) -> None:
        fits = block.family == FAMILY_NRF52840 and len(block.payload) == PAYLOAD_BYTES
        if not fits or block.address % PAYLOAD_BYTES:
            return
        if block.address in self._room:
            self._store(block)
        self._written.add(block.number)
        if len(self._written) >= block.count:
            self._owner.activate(0, 0)

    def _store(self, block: Block) -> None:
        """A page at a time: read, erase, write, if it changes."""
        page = block.address // PAGE_BYTES * PAGE_BYTES
        content = bytearray(self._flash.content[page : page + PAGE_BYTES])
        content[block.address - page : block.address - page + PAYLOAD_BYTES] = block.payload
        if content != self._flash.content[page : page + PAGE_BYTES]:
            self._flash.erase(page)
            self._flash.program(page, bytes(content))
