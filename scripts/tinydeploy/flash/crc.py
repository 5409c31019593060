"""CRC-16, most significant bit first, initial value 0, no final inversion."""

from __future__ import annotations

import binascii
from functools import cache

POLYNOMIAL_CCITT = 0x1021  # SAM-BA of the Nano 33 (docs/boards/nano33.md, 8)
POLYNOMIAL_IBM = 0x8005  # SparkFun Variable Loader (docs/boards/sparkfun_edge.md, 8)


def crc16(data: bytes, polynomial: int) -> int:
    """CRC-16 of `data`."""
    if polynomial == POLYNOMIAL_CCITT:
        return binascii.crc_hqx(data, 0)
    table = _table(polynomial)
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFFFF) ^ table[crc >> 8 ^ byte]
    return crc


@cache
def _table(polynomial: int) -> tuple[int, ...]:
    return tuple(_step(byte << 8, polynomial) for byte in range(256))


def _step(crc: int, polynomial: int) -> int:
    for _ in range(8):
        crc = crc << 1 ^ (polynomial if crc & 0x8000 else 0)
    return crc & 0xFFFF
