"""The bootloaders of the Nano 33 (docs/boards/nano33.md, 8).

Commands are parsed as carelessly as the originals do: the first byte selects the command, the
second argument is at a fixed place, and text of more than 64 bytes overruns a buffer, after which
nothing is certain: here the bootloader hangs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Protocol

from tinydeploy.flash.crc import POLYNOMIAL_CCITT, crc16
from tinydeploy.flash.samba import APPLICATION, CHIP, PAGE_BYTES, SOFTDEVICE, VERSION, Bootloader
from tinydeploy.flash.simulated.flash_memory import FlashMemory

COMMAND_BYTES = 64
BUFFER_BYTES = 8192
ERASE_S = 0.085
PROGRAM_S = 0.042  # 1024 words of 41 us
CRC_S = 0.003
HEX_DIGITS = b"0123456789abcdefABCDEF"


class Owner(Protocol):
    """The board that the bootloader runs on."""

    def refuses(self, number: int) -> bool:
        """Whether to refuse this one."""

    def answer(self, data: bytes, after_s: float) -> None:
        """Send to the host."""

    def detach(self) -> None:
        """Leave the bus."""

    def reset(self) -> None:
        """Restart the chip."""


class SamBa:
    """One run of the bootloader, from its start to the next reset.

    Attributes:
        version: what V answers; a test changes it.
        writes: number of pages written.
    """

    def __init__(self, owner: Owner, flash: FlashMemory, variant: Bootloader) -> None:
        self.version = VERSION
        self.chip = CHIP
        self.hangs = False
        self.writes = 0
        self._owner = owner
        self._flash = flash
        self._variant = variant
        self._text = bytearray()
        self._buffer = bytearray(BUFFER_BYTES)
        self._load_at = 0
        self._load_bytes = 0
        self._source = 0
        self._commands: dict[bytes, Callable[[int, int], None]] = {
            b"N": lambda a, b: self._answer(b""),
            b"V": lambda a, b: self._answer(self.version.encode(), b"\0n"),
            b"I": lambda a, b: self._answer(self.chip.encode(), b"\0X"),
            b"X": lambda a, b: self._answer(b"X"),
            b"S": self._load,
            b"Y": self._write,
            b"Z": self._checksum,
            b"K": lambda a, b: self._restart(),
        }

    def receive(self, data: bytes) -> None:
        """Bytes from the host."""
        while data and not self.hangs:
            if self._load_bytes:
                data = self._take_load(data)
                continue
            end = data.find(b"#")
            self._text += data if end < 0 else data[:end]
            self.hangs = len(self._text) > COMMAND_BYTES
            if end < 0:
                return
            data = data[end + 1 :]
            text, self._text = bytes(self._text), bytearray()
            if not self.hangs:
                self._execute(text)

    def _take_load(self, data: bytes) -> bytes:
        chunk = data[: self._load_bytes]
        self._buffer[self._load_at : self._load_at + len(chunk)] = chunk
        self._load_at += len(chunk)
        self._load_bytes -= len(chunk)
        return data[len(chunk) :]

    def _execute(self, text: bytes) -> None:
        command = self._commands.get(text[:1])
        if command:
            command(_hex(text[1:]), _hex(text[10:]))

    def _answer(self, text: bytes, stray: bytes = b"", after_s: float = 0.0) -> None:
        self._owner.answer(text + b"\n\r" + stray, after_s)

    def _load(self, offset: int, size: int) -> None:
        self.hangs = offset + size > BUFFER_BYTES
        self._load_at, self._load_bytes = offset, size

    def _write(self, address: int, size: int) -> None:
        if size == 0:
            self._source = address
            self._answer(b"Y")
            return
        start = (address + APPLICATION) & 0xFFFF_FFFF
        if self._variant is SOFTDEVICE and (start + size) & 0xFFFF_FFFF > 0xE0000:
            self._owner.detach()
            return
        self.writes += 1
        if not self._owner.refuses(self.writes):
            self._program(start, size)
        self._answer(b"Y", after_s=ERASE_S + PROGRAM_S)

    def _program(self, start: int, size: int) -> None:
        end = min(start + size, len(self._flash.content))
        if start % PAGE_BYTES == 0 and size % PAGE_BYTES == 0:
            for page in range(start, end, PAGE_BYTES):
                self._flash.erase(page)
        data = self._buffer[self._source : self._source + size].ljust(size, b"\0")
        if start < end:
            self._flash.program(start, bytes(data[: end - start]))

    def _checksum(self, address: int, size: int) -> None:
        start = (address + APPLICATION) & 0xFFFF_FFFF
        data = self._flash.content[start : start + min(size, PAGE_BYTES)]
        self._answer(f"Z{crc16(bytes(data), POLYNOMIAL_CCITT):08X}#".encode(), after_s=CRC_S)

    def _restart(self) -> None:
        self._owner.detach()
        self._owner.reset()


@cache
def page_0(variant: Bootloader) -> bytes:
    """A page with the checksum that tells this bootloader, instead of the real one's bytes."""
    body = bytes((index * 31) & 0xFF for index in range(PAGE_BYTES - 2))
    # Two bytes fed into a state c act like c ^ bytes fed into 0, and that map is one to one.
    state = crc16(body, POLYNOMIAL_CCITT)
    word = next(
        word
        for word in range(0x10000)
        if crc16(word.to_bytes(2, "big"), POLYNOMIAL_CCITT) == variant.page_0_crc
    )
    return body + (state ^ word).to_bytes(2, "big")


def _hex(text: bytes) -> int:
    """Hexadecimal digits up to the first byte that is none."""
    digits = bytearray()
    for byte in text:
        if byte not in HEX_DIGITS:
            break
        digits.append(byte)
    return int(digits or b"0", 16) & 0xFFFF_FFFF
