"""CPU registers through Unicorn's C interface, one at a time or a fixed list in one call.

Its Python interface looks up the class of every register on every access, which would make an
interrupt cost as much time as ten thousand instructions.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NoReturn

import unicorn
from unicorn.unicorn_py3.unicorn import uclib

from tinydeploy.simulate.violations import SimulationError


def _closed(*_: Any) -> NoReturn:
    raise SimulationError("the simulation is closed: its CPU is gone")


class RegisterFile:
    """Any 32-bit register."""

    def __init__(self, uc: unicorn.Uc) -> None:
        self._handle = uc._uch
        self._value = ctypes.c_uint32()
        self._place = ctypes.byref(self._value)

    def close(self) -> None:
        """The CPU is about to go: from now on an error."""
        for name in ("read", "write"):
            setattr(self, name, _closed)

    def read(self, register: int) -> int:
        """Value of a register."""
        status = uclib.uc_reg_read(self._handle, register, self._place)
        if status:
            raise unicorn.UcError(status)
        return self._value.value

    def write(self, register: int, value: int) -> None:
        """Set a register."""
        self._value.value = value
        status = uclib.uc_reg_write(self._handle, register, self._place)
        if status:
            raise unicorn.UcError(status)


class RegisterGroup:
    """A fixed list of 32-bit registers; they are written in the given order."""

    def __init__(self, uc: unicorn.Uc, registers: Sequence[int]) -> None:
        count = len(registers)
        self._handle = uc._uch
        self._count = ctypes.c_int(count)
        self._ids = (ctypes.c_int * count)(*registers)
        self._values = (ctypes.c_uint32 * count)()
        first = ctypes.addressof(self._values)
        self._places = (ctypes.c_void_p * count)(*(first + 4 * n for n in range(count)))

    def close(self) -> None:
        """The CPU is about to go: from now on an error."""
        for name in ("read", "write"):
            setattr(self, name, _closed)

    def read(self) -> list[int]:
        """Values in the order of the list."""
        _check(uclib.uc_reg_read_batch(self._handle, self._ids, self._places, self._count))
        return list(self._values)

    def write(self, values: Sequence[int]) -> None:
        """Set all registers."""
        self._values[:] = list(values)
        _check(uclib.uc_reg_write_batch(self._handle, self._ids, self._places, self._count))


def _check(status: int) -> None:
    if status:
        raise unicorn.UcError(status)
