"""The address space of a chip: memories, and functions that answer for registers."""

from __future__ import annotations

import ctypes
import random
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import unicorn
from unicorn.unicorn_py3.unicorn import MMIO_READ_CFUNC, MMIO_WRITE_CFUNC, uclib

from tinydeploy.simulate.access import DATA, Access, Run
from tinydeploy.simulate.violations import SimulationError

RAM_SEED = 0x7D
IoRead = Callable[[int, int], int]
IoWrite = Callable[[int, int, int], None]


@dataclass(frozen=True)
class Memory:
    """A memory of the chip; `is_rom` makes stores to it bus faults."""

    origin: int
    size: int
    is_rom: bool = False

    @property
    def end(self) -> int:
        """First address past it."""
        return self.origin + self.size


class BusError(Exception):
    """Raised by a peripheral to answer an access with a bus error."""


class MemoryMap:
    """Maps memories into Unicorn: erased flash, and RAM full of a fixed garbage pattern.

    Args:
        on_refusal: called with the address when a peripheral raised BusError.
        on_denial: called with the address of a register that the MPU does not allow.
    """

    def __init__(
        self,
        uc: Any,
        memories: Sequence[Memory],
        on_refusal: Callable[[int], None],
        on_denial: Callable[[int], None],
    ) -> None:
        self.memories = tuple(memories)
        self.is_closed = False
        self._uc = uc
        self._on_refusal = on_refusal
        self._on_denial = on_denial
        self._denied: list[tuple[int, int, list[Run]]] = []
        self._io: list[tuple[int, int, IoRead, IoWrite]] = []
        self._callbacks: list[Any] = []  # what Unicorn calls must stay alive
        self._buffers: dict[int, Any] = {}
        garbage = random.Random(RAM_SEED)
        for memory in self.memories:
            rom_access = unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC
            access = rom_access if memory.is_rom else unicorn.UC_PROT_ALL
            uc.mem_map(memory.origin, memory.size, access)
            filling = b"\xff" * memory.size if memory.is_rom else garbage.randbytes(memory.size)
            uc.mem_write(memory.origin, filling)

    def close(self) -> None:
        """The memories are about to go; a read from now on is an error."""
        self.is_closed = True
        self._callbacks.clear()
        self._io.clear()

    def _require_open(self) -> None:
        if self.is_closed:
            raise SimulationError("the simulation is closed: its memory is gone")

    def read(self, address: int, size: int) -> bytes:
        """Bytes of flash or RAM; raises UcError where there is none."""
        self._require_open()
        buffer = self._buffers.get(size)
        if buffer is None:
            buffer = self._buffers[size] = ctypes.create_string_buffer(size)
        status = uclib.uc_mem_read(self._uc._uch, address, buffer, size)
        if status:
            raise unicorn.UcError(status, address, size)
        content: bytes = buffer.raw
        return content

    def write(self, address: int, data: bytes) -> None:
        """Write memory, flash too, as a debugger or DMA does."""
        self._require_open()
        status = uclib.uc_mem_write(self._uc._uch, address, data, len(data))
        if status:
            raise unicorn.UcError(status, address, len(data))

    def try_read_words(self, address: int, count: int) -> list[int] | None:
        """Words from memory, None if there is none."""
        try:
            return list(struct.unpack(f"<{count}I", self.read(address, 4 * count)))
        except unicorn.UcError:
            return None

    def try_read_word(self, address: int) -> int | None:
        """A word from memory, None if there is none."""
        words = self.try_read_words(address, 1)
        return words[0] if words else None

    def try_write_words(self, address: int, words: Sequence[int]) -> bool:
        """Store words as the CPU would: False if there is no RAM at all of these addresses."""
        if not self.is_ram(address, 4 * len(words)):
            return False
        self.write(address, struct.pack(f"<{len(words)}I", *words))
        return True

    def is_ram(self, address: int, size: int) -> bool:
        """Whether a range lies in one RAM."""
        for memory in self.memories:
            if not memory.is_rom and memory.origin <= address and address + size <= memory.end:
                return True
        return False

    def map_io(self, base: int, size: int, read: IoRead, write: IoWrite) -> None:
        """Answer accesses to [base, base + size) with functions of (offset, bytes[, value])."""

        denied: list[Run] = []

        def on_read(handle: Any, offset: int, bytes_: int, data: Any) -> int:
            try:
                if denied and self._is_denied(base + offset, denied, Access.READ):
                    return 0
                return read(offset, bytes_)
            except BaseException as error:  # must not cross Unicorn's frames
                self._stop(base + offset, error)
                return 0

        def on_write(handle: Any, offset: int, bytes_: int, value: int, data: Any) -> None:
            try:
                if not denied or not self._is_denied(base + offset, denied, Access.WRITE):
                    write(offset, bytes_, value)
            except BaseException as error:
                self._stop(base + offset, error)

        self._io.append((base, size, read, write))
        self._denied.append((base, base + size, denied))
        callbacks = MMIO_READ_CFUNC(on_read), MMIO_WRITE_CFUNC(on_write)
        self._callbacks += callbacks
        places = [ctypes.cast(callback, ctypes.c_void_p) for callback in callbacks]
        status = uclib.uc_mmio_map(self._uc._uch, base, size, places[0], 0, places[1], 0)
        if status:
            raise unicorn.UcError(status)

    def deny_io(self, runs: Callable[[int, int], Iterable[Run]]) -> None:
        """Answer accesses to registers as the MPU says from now on."""
        for start, end, denied in self._denied:
            denied[:] = [run for run in runs(start, end) if run[2] & DATA != DATA]

    def _is_denied(self, address: int, denied: list[Run], access: Access) -> bool:
        for start, end, allowed in denied:
            if start <= address < end and not access & allowed:
                self._on_denial(address)
                return True
        return False

    def _stop(self, address: int, error: BaseException) -> None:
        """A peripheral refused an access; what else it raised, `emu_start` raises."""
        if isinstance(error, BusError):
            self._on_refusal(address)
            return
        self._uc._hook_exception = self._uc._hook_exception or error
        self._uc.emu_stop()

    def load_word(self, address: int) -> int:
        """What a load by a function of the boot ROM gives: memory or a register."""
        for base, size, read, _ in self._io:
            if base <= address < base + size:
                return read(address - base, 4)
        return self.try_read_word(address) or 0

    def store_word(self, address: int, value: int) -> None:
        """What a store by a function of the boot ROM does: to RAM or a register."""
        for base, size, _, write in self._io:
            if base <= address < base + size:
                write(address - base, 4, value)
                return
        self.try_write_words(address, [value])
