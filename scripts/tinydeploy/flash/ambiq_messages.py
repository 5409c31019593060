"""Bytes of Ambiq's secure bootloader: image container and wired update messages.

docs/boards/sparkfun_edge.md, 7.2 to 7.4; the tests hold the vectors of 7.4. Everything is little
endian. No key is involved: the images are the plain kind that a board with an open INFO0 accepts.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

LOAD_ADDRESS = 0xC000
STAGING_ADDRESS = 0x20000
OTA_DESCRIPTOR = 0xFE000
PART_BYTES = 0x48000  # of the OTA blob in one update; a multiple of the flash page
MAX_MESSAGE_BYTES = 8192
MAX_CHUNK_BYTES = MAX_MESSAGE_BYTES - 12
LARGEST_BLOB_BYTES = OTA_DESCRIPTOR - STAGING_ADDRESS
OTA_HEADER_BYTES = 128
WIRE_HEADER_BYTES = 96
MESSAGE_HEADER_BYTES = 8

_NON_SECURE_MAGIC = 0xCB
_CHECK_CRC_AT_INSTALL = 0x1000_8080
_NO_KEYS = 0x0800_0800
_NO_CHILD = 0xFFFF_FFFF
_IMAGE_NON_SECURE = 6
_PROCESS_AS_OTA = 1
_FLASH_KEY = 0x1234_4321


class Type(IntEnum):
    """Kinds of messages."""

    HELLO = 0
    STATUS = 1
    OTADESC = 2
    UPDATE = 3
    ABORT = 4
    RESET = 6
    ACK = 7
    DATA = 8


ACK_STATUS = {
    0: "ok",
    1: "failure",
    2: "INFO0 is invalid",
    3: "CRC error",
    4: "security check failed",
    5: "message too large",
    6: "unknown message",
    7: "invalid address",
    8: "invalid operation",
    9: "invalid parameter",
    10: "wrong sequence",
    11: "too much data",
}

RESET_POI = 1
RESET_POR = 2  # installs what was staged
ABORT_QUIT = 1


@dataclass(frozen=True)
class Status:
    """The loader's answer to HELLO."""

    version: int
    max_image_bytes: int
    status: int
    state: int


@dataclass(frozen=True)
class Ack:
    """The loader's answer to everything else."""

    type: int
    status: int
    sequence: int


def ota_blob(image: bytes) -> bytes:
    """The container that the loader installs at LOAD_ADDRESS at its next start."""
    fill = -len(image) % 4
    padded = image + bytes([fill]) * fill
    body = struct.pack("<II", _CHECK_CRC_AT_INSTALL, 0)
    body += bytes(96)  # signature, IV, KEK, plain signature
    body += struct.pack("<IIII", LOAD_ADDRESS, 0, _NO_CHILD, _NO_CHILD) + padded
    size = 8 + len(body)
    return struct.pack("<II", _NON_SECURE_MAGIC << 24 | size, zlib.crc32(body)) + body


def wire_parts(blob: bytes) -> list[bytes]:
    """The blob in parts for one update each, in the order to send them: last part first.

    Each part has a header with its own staging address; only the first part, which comes last,
    asks for the installation.
    """
    starts = range(0, len(blob), PART_BYTES)
    parts = [_wire_part(start, blob[start : start + PART_BYTES]) for start in starts]
    return parts[::-1]


def _wire_part(start: int, data: bytes) -> bytes:
    options = _PROCESS_AS_OTA if start == 0 else 0
    return (
        struct.pack("<I", _NO_KEYS)
        + bytes(76)  # HMAC, IV, KEK
        + struct.pack("<BBH", _IMAGE_NON_SECURE, options, 0)
        + struct.pack("<III", _FLASH_KEY, STAGING_ADDRESS + start, len(data))
        + data
    )


def message(kind: Type, payload: bytes = b"") -> bytes:
    """A message with length and checksum."""
    size = MESSAGE_HEADER_BYTES + len(payload)
    body = struct.pack("<HH", kind, size) + payload
    return struct.pack("<I", zlib.crc32(body)) + body


def hello() -> bytes:
    """Ask for STATUS."""
    return message(Type.HELLO)


def otadesc(address: int = OTA_DESCRIPTOR) -> bytes:
    """Say where the descriptor of the update is kept."""
    return message(Type.OTADESC, struct.pack("<I", address))


def update(part: bytes) -> bytes:
    """Announce a part."""
    return message(Type.UPDATE, struct.pack("<III", len(part), zlib.crc32(part), 0))


def data(part: bytes, offset: int) -> bytes:
    """The chunk of a part at `offset`."""
    chunk = part[offset : offset + MAX_CHUNK_BYTES]
    return message(Type.DATA, struct.pack("<I", offset) + chunk)


def reset(kind: int = RESET_POR) -> bytes:
    """Restart the chip."""
    return message(Type.RESET, struct.pack("<I", kind))


def abort(kind: int = ABORT_QUIT) -> bytes:
    """End the session."""
    return message(Type.ABORT, struct.pack("<I", kind))


def message_bytes(header: bytes) -> int | None:
    """Length of the message that starts with these 8 bytes; None when it cannot be one."""
    size = int.from_bytes(header[6:8], "little")
    fits = len(header) == MESSAGE_HEADER_BYTES <= size <= MAX_MESSAGE_BYTES
    return size if fits else None


def parse(raw: bytes) -> Status | Ack | None:
    """The loader's answer in a whole message; None when it is not one, or damaged."""
    if len(raw) < MESSAGE_HEADER_BYTES or zlib.crc32(raw[4:]) != int.from_bytes(raw[:4], "little"):
        return None
    kind, size = struct.unpack_from("<HH", raw, 4)
    if kind == Type.STATUS and size == len(raw) == 88:
        return Status(*struct.unpack_from("<IIII", raw, 8))
    if kind == Type.ACK and size == len(raw) == 20:
        return Ack(*struct.unpack_from("<III", raw, 8))
    return None
