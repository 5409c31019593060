"""Adafruit's bootloader serving serial DFU (docs/boards/xiao_nrf52840.md, 2, 3).

As careless as the original: a frame is acknowledged before its packet is looked at, a packet that
does not fit the state is dropped or restarts the chip, and only the CRC at the end decides.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Protocol

from tinydeploy.flash import nrf_dfu_messages as messages
from tinydeploy.flash.nrf_dfu_messages import Kind
from tinydeploy.flash.simulated.flash_memory import FlashMemory

PAGE_BYTES = 4096
ERASE_S, WORD_WRITE_S = 0.085, 41e-6
FRAME_BYTES = 1024  # of its receive buffer


class Owner(Protocol):
    """The board that the bootloader runs on."""

    def drops_packet(self) -> bool:
        """Whether this one is lost although its frame was acknowledged: its queue is full."""

    def answer(self, data: bytes, after_s: float) -> None:
        """Send to the host."""

    def restart(self) -> None:
        """Reset the chip: an error that the bootloader does not know how to handle."""

    def activate(self, size: int, crc: int) -> None:
        """Note a valid application and start it."""

    def forget_application(self) -> None:
        """Note that there is none."""


class AdafruitDfu:
    """One run of the bootloader, from its start to the next reset."""

    def __init__(self, owner: Owner, flash: FlashMemory, origin: int, room_bytes: int) -> None:
        self._owner = owner
        self._flash = flash
        self._origin = origin
        self._room_bytes = room_bytes
        self._expected = messages.FIRST_NUMBER
        self._inside = bytearray()
        self._is_open = False
        self._state = "idle"
        self._size = self._received = self._crc = 0
        self._busy_s = 0.0
        self._handlers: dict[int, Callable[[bytes], None]] = {
            Kind.START: self._begin,
            Kind.INIT: self._take_init,
            Kind.DATA: self._take_data,
            Kind.STOP: self._finish,
        }

    def receive(self, data: bytes) -> None:
        """Bytes from the host."""
        self._busy_s = 0.0
        for byte in data:
            if byte != messages.END:
                self._inside.append(byte)
                if len(self._inside) > FRAME_BYTES:
                    self._inside.clear()
                continue
            inside, self._inside = bytes(self._inside), bytearray()
            body = messages.unslip(inside)
            if body:
                self._take_frame(body)

    def _take_frame(self, body: bytes) -> None:
        content, received = body[: -messages.CRC_BYTES], body[-messages.CRC_BYTES :]
        if len(body) <= messages.HEADER_BYTES or sum(body[: messages.HEADER_BYTES]) & 0xFF:
            return
        if struct.pack("<H", messages.crc16(content)) != received:
            return
        is_new = body[0] & 7 == self._expected
        if is_new:
            self._expected = (self._expected + 1) % messages.SEQUENCE_NUMBERS
        self._owner.answer(messages.acknowledgement(self._expected), self._busy_s)
        if is_new:
            self._take_packet(content[messages.HEADER_BYTES :])

    def _take_packet(self, packet: bytes) -> None:
        handler = self._handlers.get(int.from_bytes(packet[:4], "little"))
        if handler and not self._owner.drops_packet():
            handler(packet[4:])

    def _begin(self, content: bytes) -> None:
        mode, softdevice, bootloader, size = struct.unpack("<4I", content)
        fits = mode == messages.APPLICATION_MODE and not (softdevice or bootloader or size % 4)
        if not fits or size > self._room_bytes or self._state != "idle":
            self._owner.restart()
            return
        for page in range(self._origin, self._origin + size, PAGE_BYTES):
            self._busy_s += ERASE_S
            self._flash.erase(page)
        self._owner.forget_application()
        self._size, self._received, self._state = size, 0, "ready"

    def _take_init(self, content: bytes) -> None:
        if self._state != "ready":
            return
        device, _, _, count = struct.unpack_from("<2HIH", content)
        if device != messages.DEVICE_TYPE or count != 1:
            self._owner.restart()
            return
        self._crc = struct.unpack_from("<H", content, 12)[0]
        self._state = "receiving"

    def _take_data(self, content: bytes) -> None:
        if self._state != "receiving" or self._received + len(content) > self._size:
            return
        self._busy_s += WORD_WRITE_S * len(content) / messages.WORD_BYTES
        self._flash.program(self._origin + self._received, content)
        self._received += len(content)

    def _finish(self, content: bytes) -> None:
        if self._state != "receiving" or self._received != self._size:
            return
        self._state = "checked"
        image = bytes(self._flash.content[self._origin : self._origin + self._size])
        if messages.crc16(image) == self._crc:
            self._owner.activate(self._size, self._crc)
