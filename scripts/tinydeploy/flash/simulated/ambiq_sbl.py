"""Ambiq's secure bootloader, wired update over UART (docs/boards/sparkfun_edge.md, 7).

What is not known is decided to the host's disadvantage: a damaged length leaves the loader deaf
until the next reset, and a message that lost bytes leaves it waiting for the rest.
"""

from __future__ import annotations

import struct
import zlib
from typing import Protocol

from tinydeploy.flash.ambiq_messages import (
    MAX_MESSAGE_BYTES,
    MESSAGE_HEADER_BYTES,
    WIRE_HEADER_BYTES,
    Type,
    message,
)
from tinydeploy.flash.simulated.flash_memory import FlashMemory

PAGE_BYTES = 0x2000
MAIN = 0xC000
FLASH_KEY = 0x12344321
BLANK = 0xFFFFFFFF
PAGE_S = 0.1  # erase and program 8 KiB
VERSION = 0x0102  # what a real one says is not known

OK, FAILURE, CRC, ADDRESS, OPERATION, PARAMETER, SEQUENCE, TOO_MUCH = 0, 1, 3, 7, 8, 9, 10, 11
UNKNOWN, TOO_LARGE = 6, 5
POI, POR = 1, 2


class Owner(Protocol):
    """The board that the loader runs on."""

    def refuses(self, number: int) -> bool:
        """Whether to refuse this one."""

    def answer(self, data: bytes, after_s: float) -> None:
        """Send to the host."""

    def reset_soon(self) -> None:
        """Restart the chip after what was sent has left."""

    def quit_soon(self) -> None:
        """Leave the loader after what was sent has left."""


class AmbiqSbl:
    """One wired session, from the reset to the next.

    Attributes:
        messages: proper messages so far.
        forbidden: messages that may lock the board out, such as RECOVER.
    """

    def __init__(self, owner: Owner, flash: FlashMemory) -> None:
        self.messages = 0
        self.forbidden = 0
        self.deaf = False
        self._owner = owner
        self._flash = flash
        self._pending = bytearray()
        self._descriptor = BLANK
        self._said_hello = False
        self._expected_bytes = 0
        self._expected_crc = 0
        self._blob = bytearray()
        self._stored_bytes = 0

    def receive(self, data: bytes) -> None:
        """Bytes from the host."""
        self._pending += data
        while len(self._pending) >= MESSAGE_HEADER_BYTES and not self.deaf:
            size = int.from_bytes(self._pending[6:8], "little")
            if not MESSAGE_HEADER_BYTES <= size <= MAX_MESSAGE_BYTES:
                self.deaf = True
                return
            if len(self._pending) < size:
                return
            whole = bytes(self._pending[:size])
            del self._pending[:size]
            self._handle(whole)

    def _handle(self, whole: bytes) -> None:
        crc, kind = struct.unpack_from("<IH", whole)
        self.messages += 1
        if zlib.crc32(whole[4:]) != crc:
            self._acknowledge(kind, CRC)
        elif self._owner.refuses(self.messages):
            self._acknowledge(kind, FAILURE)
        elif kind == Type.HELLO:
            self._said_hello = True
            words = (VERSION, 0x48000, 0, 0)
            payload = struct.pack("<4I", *words) + bytes(64)
            self._owner.answer(message(Type.STATUS, payload), 0.002)
        elif not self._said_hello:
            self._acknowledge(kind, OPERATION)
        else:
            self._obey(kind, whole[8:])

    def _obey(self, kind: int, payload: bytes) -> None:
        if kind == Type.OTADESC and len(payload) == 4:
            self._set_descriptor(int.from_bytes(payload, "little"))
        elif kind == Type.UPDATE and len(payload) == 12:
            self._announce(*struct.unpack("<III", payload))
        elif kind == Type.DATA and len(payload) > 4:
            self._take(int.from_bytes(payload[:4], "little"), payload[4:])
        elif kind == Type.RESET and payload[:1] in (b"\1", b"\2"):
            self._acknowledge(kind, OK)
            self._owner.reset_soon()
        elif kind == Type.ABORT and len(payload) == 4:
            self._expected_bytes = 0
            self._acknowledge(kind, OK)
            if payload[0]:
                self._owner.quit_soon()
        else:
            self.forbidden += kind not in tuple(Type)
            self._acknowledge(kind, UNKNOWN)

    def _set_descriptor(self, address: int) -> None:
        fits = address % PAGE_BYTES == 0 and MAIN < address < len(self._flash.content)
        if fits:
            self._descriptor = address
        self._acknowledge(Type.OTADESC, OK if fits else ADDRESS)

    def _announce(self, size: int, crc: int, piggyback: int) -> None:
        fits = size > WIRE_HEADER_BYTES and size % 4 == 0 and piggyback == 0
        self._expected_bytes = size if fits else 0
        self._expected_crc = crc
        self._blob.clear()
        self._stored_bytes = 0
        self._acknowledge(Type.UPDATE, OK if fits else PARAMETER)

    def _take(self, offset: int, chunk: bytes) -> None:
        if offset != len(self._blob) or not self._expected_bytes:
            self._acknowledge(Type.DATA, SEQUENCE)
            return
        if offset + len(chunk) > self._expected_bytes:
            self._acknowledge(Type.DATA, TOO_MUCH)
            return
        self._blob += chunk
        status, pages = self._store()
        if status == OK and len(self._blob) == self._expected_bytes:
            status = self._complete()
        self._acknowledge(Type.DATA, status, pages * PAGE_S)

    def _store(self) -> tuple[int, int]:
        """Write the pages that are whole, or the last one; status and number of pages."""
        if len(self._blob) < WIRE_HEADER_BYTES:
            return OK, 0
        kind, key, address, size = struct.unpack_from("<4xBxxx" + "III", self._blob, 0x50 - 4)
        if kind != 6 or key != FLASH_KEY or size != self._expected_bytes - WIRE_HEADER_BYTES:
            return PARAMETER, 0
        end = address + size
        if address % PAGE_BYTES or address < MAIN or end > len(self._flash.content):
            return ADDRESS, 0
        body = self._blob[WIRE_HEADER_BYTES:]
        whole = len(self._blob) == self._expected_bytes
        ready = len(body) if whole else len(body) // PAGE_BYTES * PAGE_BYTES
        pages = 0
        for start in range(self._stored_bytes, ready, PAGE_BYTES):
            self._flash.erase(address + start)
            self._flash.program(
                address + start, bytes(body[start : min(start + PAGE_BYTES, ready)])
            )
            pages += 1
        self._stored_bytes = ready
        return OK, pages

    def _complete(self) -> int:
        """The whole part is here: note in the descriptor what is to be installed."""
        if zlib.crc32(self._blob) != self._expected_crc:
            return CRC
        self._expected_bytes = 0
        if self._blob[0x51] & 1 and self._descriptor != BLANK:
            self._flash.erase(self._descriptor)
            self._flash.program(self._descriptor, bytes(self._blob[0x58:0x5C]))
        return OK

    def _acknowledge(self, kind: int, status: int, after_s: float = 0.0) -> None:
        payload = struct.pack("<III", kind, status, len(self._blob))
        self._owner.answer(message(Type.ACK, payload), 0.001 + after_s)


def install(flash: FlashMemory, descriptor: int) -> None:
    """What the loader does at its start: copy a staged image to its place, page by page upwards.

    A supply that fails on the way leaves the descriptor, so that the next start does it again.
    """
    staged = flash.word(descriptor)
    if staged == BLANK:
        return
    size = _blob_bytes(flash, staged)
    if size:
        image = staged + 128
        target = flash.word(staged + 0x70) & ~3
        for offset in range(0, size - 128, PAGE_BYTES):
            end = min(offset + PAGE_BYTES, size - 128)
            page = bytes(flash.content[image + offset : image + end])
            flash.erase(target + offset)
            flash.program(target + offset, page)
    flash.erase(descriptor)


def _blob_bytes(flash: FlashMemory, staged: int) -> int:
    """Length of the blob at `staged`, 0 when it is not one or damaged."""
    header = flash.word(staged)
    size = header & 0x7FFFFF
    blob = bytes(flash.content[staged : staged + size])
    fits = header >> 24 == 0xCB and size > 128 and len(blob) == size
    return size if fits and zlib.crc32(blob[8:]) == flash.word(staged + 4) else 0
