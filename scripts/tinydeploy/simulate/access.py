"""What may be done at an address, in words of the MPU."""

from __future__ import annotations

import enum


class Access(enum.IntFlag):
    """What may be done at an address."""

    NONE = 0
    READ = 1
    WRITE = 2
    EXECUTE = 4
    ALL = 7


DATA = Access.READ | Access.WRITE
Run = tuple[int, int, Access]  # [start, end)
