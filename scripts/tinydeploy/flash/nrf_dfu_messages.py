"""Nordic's serial DFU as Adafruit's bootloader speaks it (docs/boards/xiao_nrf52840.md, 3).

A packet is a little-endian word that says what it is, and its content. It travels in a frame: four
bytes of header with a sequence number of three bits, the packet, a CRC-16; between two bytes 0xC0,
which are escaped inside (SLIP). Each frame is acknowledged with the number expected next.
"""

from __future__ import annotations

import binascii
import struct
from enum import IntEnum

END, ESCAPE = 0xC0, 0xDB
_ESCAPED = {END: b"\xdb\xdc", ESCAPE: b"\xdb\xdd"}
_UNESCAPED = {0xDC: END, 0xDD: ESCAPE}
SEQUENCE_NUMBERS = 8
FIRST_NUMBER = 1
DATA_BYTES = 512
WORD_BYTES = 4
DEVICE_TYPE = 52840
APPLICATION_MODE = 4
ANY_SOFTDEVICE = 0xFFFE
_VENDOR, _CHECKED, _RELIABLE = 14, 1 << 6, 1 << 7
HEADER_BYTES, CRC_BYTES = 4, 2


class Kind(IntEnum):
    """What a packet is. `NOTHING` is acknowledged and dropped."""

    NOTHING = 0
    INIT = 1
    START = 3
    DATA = 4
    STOP = 5


def crc16(data: bytes) -> int:
    """CRC-16 CCITT from 0xFFFF, of frames and of the image."""
    return binascii.crc_hqx(data, 0xFFFF)


def start(size: int) -> bytes:
    """Erase the room for an application of `size` bytes, a multiple of 4."""
    return struct.pack("<5I", Kind.START, APPLICATION_MODE, 0, 0, size)


def init(image: bytes) -> bytes:
    """What the image is for, and its CRC; the last two bytes fill the word."""
    fields = (DEVICE_TYPE, 0xFFFF, 0xFFFFFFFF, 1, ANY_SOFTDEVICE, crc16(image), 0)
    return struct.pack("<I2HI4H", Kind.INIT, *fields)


def data(image: bytes, at: int) -> bytes:
    """The part of the image from `at` on."""
    return struct.pack("<I", Kind.DATA) + image[at : at + DATA_BYTES]


def stop() -> bytes:
    """All was sent: check it and start it."""
    return struct.pack("<I", Kind.STOP)


def nothing() -> bytes:
    """Changes nothing: its answer tells that the bootloader listens, and the number it expects."""
    return struct.pack("<I", Kind.NOTHING)


def frame(packet: bytes, number: int) -> bytes:
    """A packet as it travels."""
    body = _header(number | _CHECKED | _RELIABLE, _VENDOR, len(packet)) + packet
    return slip(body + struct.pack("<H", crc16(body)))


def acknowledgement(number: int) -> bytes:
    """The frame that asks for `number` next."""
    return slip(_header(number << 3, 0, 0))


def acknowledged(body: bytes) -> int | None:
    """The number that an acknowledgement asks for; None if it is none, or damaged."""
    if len(body) != HEADER_BYTES or sum(body) & 0xFF or body[1] & 0x0F:
        return None
    return body[0] >> 3 & 7


def _header(first: int, kind: int, size: int) -> bytes:
    head = bytes([first, kind | (size & 0x0F) << 4, size >> 4])
    return head + bytes([-sum(head) & 0xFF])


def slip(body: bytes) -> bytes:
    """`body` between two ends, with what means something inside escaped."""
    inside = b"".join(_ESCAPED.get(byte, bytes([byte])) for byte in body)
    return bytes([END]) + inside + bytes([END])


def unslip(inside: bytes) -> bytes | None:
    """What `slip` was given, from what lies between the ends; None if an escape is damaged."""
    body, rest = bytearray(), iter(inside)
    for byte in rest:
        if byte == ESCAPE:
            byte = _UNESCAPED.get(next(rest, 0), -1)
            if byte < 0:
                return None
        body.append(byte)
    return bytes(body)
