"""UF2: an image as a file of 512-byte blocks that a bootloader takes in any order.

Each block says where its 256 bytes belong, which it is of how many, and for which family of chips
(https://github.com/microsoft/uf2). `flash.uf2` puts it onto a board.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

BLOCK_BYTES = 512
PAYLOAD_BYTES = 256
FAMILY_NRF52840 = 0xADA52840
_STARTS, _END = (0x0A324655, 0x9E5D5157), 0x0AB16F30
_HAS_FAMILY = 0x2000
_HEAD = struct.Struct("<8I")


@dataclass(frozen=True)
class Block:
    """One block."""

    address: int
    number: int
    count: int
    family: int
    payload: bytes


def encode(image: bytes, origin: int, family: int = FAMILY_NRF52840) -> bytes:
    """The file that puts `image` at the address `origin`, a multiple of 256."""
    parts = [image[at : at + PAYLOAD_BYTES] for at in range(0, len(image), PAYLOAD_BYTES)]
    return b"".join(
        _block(origin + PAYLOAD_BYTES * number, number, len(parts), family, part)
        for number, part in enumerate(parts)
    )


def decode(file: bytes) -> Iterator[Block]:
    """The blocks of a file; whatever is none is left out, as bootloaders do."""
    for at in range(0, len(file) - BLOCK_BYTES + 1, BLOCK_BYTES):
        block = file[at : at + BLOCK_BYTES]
        first, second, flags, address, size, number, count, family = _HEAD.unpack_from(block)
        end = int.from_bytes(block[-4:], "little")
        if (first, second) == _STARTS and end == _END and flags == _HAS_FAMILY:
            payload = block[_HEAD.size : _HEAD.size + size]
            yield Block(address, number, count, family, payload)


def _block(address: int, number: int, count: int, family: int, part: bytes) -> bytes:
    head = _HEAD.pack(*_STARTS, _HAS_FAMILY, address, PAYLOAD_BYTES, number, count, family)
    body = head + part.ljust(PAYLOAD_BYTES, b"\xff")
    return body.ljust(BLOCK_BYTES - 4, b"\0") + struct.pack("<I", _END)
