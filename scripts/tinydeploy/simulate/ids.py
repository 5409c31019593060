"""The unique ids of simulated chips. A port does not tell what it leads to; this does."""

from __future__ import annotations

import struct

# What the firmware sends in its HELLO: two words that no factory is likely to have written.
NRF52840 = (0xC0FFEE01, 0x0000D00D)  # FICR.DEVICEADDR
NRF52840_DEVICE_ID = (0x5EED0001, 0x5EED0002)  # FICR.DEVICEID
APOLLO3 = (0x0ED6E001, 0x21)  # CHIPID0, CHIPREV
ALL = (NRF52840, NRF52840_DEVICE_ID, APOLLO3)


def is_simulated(device_id: str) -> bool:
    """Whether a device's id, hexadecimal, is that of a simulated chip."""
    return device_id in {struct.pack("<II", *words).hex() for words in ALL}
