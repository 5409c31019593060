"""Builds the compiled hooks with Zig, and falls back to the Python ones without it."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import operator
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

from unicorn import UC_HOOK_BLOCK, UC_HOOK_CODE, UC_HOOK_MEM_READ
from unicorn.unicorn_py3.unicorn import uclib

from tinydeploy import tools, whole
from tinydeploy.config import cache_dir
from tinydeploy.errors import TinyDeployError
from tinydeploy.simulate.cycles import NEVER, Block, BlockCounter, Check, FindBlock, OnCheck, Watch
from tinydeploy.simulate.flash_timing import FlashTiming
from tinydeploy.simulate.registers import CORE, Reg

SOURCE = Path(__file__).with_name("block_counter.c")
SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
BUILD_TIMEOUT_S = 120.0
BLOCK_ENTRIES = WATCH_ENTRIES = 1 << 16
FILTER_BYTES = 1 << 16
UINT32 = ctypes.c_uint32


class _Block(ctypes.Structure):
    _fields_ = [(name, UINT32) for name in ("address", "size", "cycles", "instructions")]


class _Watch(ctypes.Structure):
    _fields_ = [
        ("address", UINT32),
        ("cycles", ctypes.c_int32),
        ("check", UINT32),
        ("reg", ctypes.c_int32),
    ]


_FindBlock = ctypes.CFUNCTYPE(ctypes.c_int, UINT32, UINT32)
_OnCheck = ctypes.CFUNCTYPE(None, UINT32)


class _Counter(ctypes.Structure):
    _fields_ = [
        ("cycles", ctypes.c_uint64),
        ("instructions", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("last_address", UINT32),
        ("last_size", UINT32),
        ("stopped", UINT32),
        ("checks", UINT32),
        ("block_mask", UINT32),
        ("watch_mask", UINT32),
        ("filter_mask", UINT32),
        ("blocks", ctypes.POINTER(_Block)),
        ("watches", ctypes.POINTER(_Watch)),
        ("filter", ctypes.POINTER(ctypes.c_uint8)),
        ("emu_stop", ctypes.c_void_p),
        ("reg_read", ctypes.c_void_p),
        ("find_block", _FindBlock),
        ("on_check", _OnCheck),
        ("flash_end", UINT32),
        ("wait_cycles", UINT32),
        ("line_shift", UINT32),
        ("set_mask", UINT32),
        ("ways", UINT32),
        ("caches_data", UINT32),
        ("lines", ctypes.POINTER(UINT32)),
        ("xpsr", ctypes.c_int),
        ("reg_write", ctypes.c_void_p),
    ]


def make_counter(
    uc: Any,
    find_block: FindBlock,
    on_check: OnCheck,
    native: bool | None,
    timing: FlashTiming | None = None,
) -> BlockCounter:
    """A counter for `uc`: compiled if `native`, or if that is None and it can be built."""
    library = None if native is False else load_library()
    if library is None:
        if native:
            raise TinyDeployError(
                "the compiled cycle counter cannot be built", "it needs the Python package ziglang"
            )
        return BlockCounter(uc, find_block, on_check, timing)
    return NativeCounter(uc, find_block, on_check, library, timing)


@cache
def load_library() -> ctypes.CDLL | None:
    """The compiled hooks, built on first use; None where that is not possible."""
    if importlib.util.find_spec("ziglang") is None:
        return None
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    path = cache_dir() / "simulator" / f"block_counter-{digest}{SUFFIX}"
    try:
        if not path.is_file():
            _build(path)
        return ctypes.CDLL(str(path))
    except (TinyDeployError, OSError):
        return None


def _build(path: Path) -> None:
    with whole.scratch(path.parent) as folder:
        fresh = folder / path.name
        tools.run(
            tools.python_module_argv(
                "ziglang", "cc", "-shared", "-O2", "-s", str(SOURCE), "-o", str(fresh)
            ),
            what="building the simulator's cycle counter",
            timeout_s=BUILD_TIMEOUT_S,
        )
        os.replace(fresh, path)


class NativeCounter(BlockCounter):
    """BlockCounter whose hooks are compiled code: the same numbers, a hundred times faster."""

    def __init__(
        self,
        uc: Any,
        find_block: FindBlock,
        on_check: OnCheck,
        library: ctypes.CDLL,
        timing: FlashTiming | None = None,
    ) -> None:
        self._library = library
        self._tables: tuple[Any, ...] = (
            (_Block * BLOCK_ENTRIES)(),
            (_Watch * WATCH_ENTRIES)(),
            (ctypes.c_uint8 * FILTER_BYTES)(),
        )
        self._state = _Counter(
            block_mask=BLOCK_ENTRIES - 1,
            watch_mask=WATCH_ENTRIES - 1,
            filter_mask=FILTER_BYTES - 1,
            blocks=self._tables[0],
            watches=self._tables[1],
            filter=self._tables[2],
            emu_stop=_address(uclib.uc_emu_stop),
            reg_read=_address(uclib.uc_reg_read),
            find_block=_FindBlock(self._find),
            on_check=_OnCheck(self._report),
        )
        self._known: dict[tuple[int, int], Block] = {}
        self._error: BaseException | None = None
        super().__init__(uc, find_block, on_check, timing)
        self.deadline = NEVER
        if timing is not None:
            self._set_timing(timing)

    def _set_timing(self, timing: FlashTiming) -> None:
        self._lines = (UINT32 * (timing.sets * timing.ways))()
        self._state.lines = ctypes.cast(self._lines, ctypes.POINTER(UINT32))
        self._state.flash_end = timing.flash_end
        self._state.wait_cycles = timing.wait_cycles
        self._state.line_shift = timing.line_shift
        self._state.set_mask = timing.sets - 1
        self._state.ways = timing.ways
        self._state.caches_data = timing.caches_data
        self._state.xpsr = Reg.XPSR
        self._state.reg_write = _address(uclib.uc_reg_write)

    def attach(self) -> None:
        """Install the hooks."""
        self._add_hook(UC_HOOK_BLOCK, self._library.EnterBlock)
        self._add_hook(UC_HOOK_CODE, self._library.ExecuteInstruction)
        if self._timing is not None:
            last = self._timing.flash_end - 1
            self._add_hook(UC_HOOK_MEM_READ, self._library.Load, 0, last)

    def check(self) -> None:
        """Raise what a callback raised during the last run."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def forget(self, address: int = 0, end: int = 1 << 32) -> None:
        """Drop what is known of blocks that start in [address, end)."""
        kept = {k: v for k, v in self._known.items() if not address <= k[0] < end}
        if len(kept) == len(self._known):
            return
        for table in self._tables:
            ctypes.memset(table, 0, ctypes.sizeof(table))
        self._known.clear()
        for block in kept.values():
            self._add(block)

    def close(self) -> None:
        """Give the tables back."""
        self._known.clear()
        self._tables = ()

    def _add(self, block: Block) -> None:
        self._known[(block.address, block.size)] = block
        entry = _Block(block.address, block.size, block.cycles, block.instructions)
        self._library.AddBlock(ctypes.byref(self._state), ctypes.byref(entry))
        for watch in block.watches:
            self._add_watch(watch)

    def _add_watch(self, watch: Watch) -> None:
        watches, filter_ = self._tables[1], self._tables[2]
        slot = ((watch.address >> 1) * 2654435761 & 0xFFFFFFFF) >> 12
        while watches[slot % WATCH_ENTRIES].address not in (0, watch.address):
            slot += 1
        watches[slot % WATCH_ENTRIES] = _Watch(
            watch.address, watch.cycles, int(watch.check), CORE[watch.register]
        )
        filter_[(watch.address >> 1) % FILTER_BYTES] = 1

    def _add_hook(self, kind: int, function: Any, first: int = 1, last: int = 0) -> None:
        """From 1 to 0: everywhere."""
        handle = ctypes.c_size_t()
        status = uclib.uc_hook_add(
            self._uc._uch,
            ctypes.byref(handle),
            kind,
            ctypes.cast(function, ctypes.c_void_p),
            ctypes.cast(ctypes.pointer(self._state), ctypes.c_void_p),
            ctypes.c_uint64(first),
            ctypes.c_uint64(last),
        )
        if status:
            raise TinyDeployError(f"Unicorn refused a hook: error {status}")

    def _find(self, address: int, size: int) -> int:
        """Called by the compiled hook for a block that is not in its table."""
        try:
            self._add(self._known.get((address, size)) or self._find_block(address, size))
        except BaseException as error:  # must not cross the C frames between here and emu_start
            self._error = error
            return 0
        return 1

    def _report(self, failed: int) -> None:
        """Called by the compiled hook before an instruction that fails a check."""
        try:
            self._on_check(Check(failed))
        except BaseException as error:
            self._error = error


def _address(function: Any) -> int | None:
    return ctypes.cast(function, ctypes.c_void_p).value


def _field(name: str) -> Any:
    """A property that reads without a Python function: the cycles are asked for all the time."""

    def set_(counter: NativeCounter, value: int) -> None:
        setattr(counter._state, name, value)

    return property(operator.attrgetter(f"_state.{name}"), set_)


for _name in (
    "cycles",
    "instructions",
    "deadline",
    "last_address",
    "last_size",
    "stopped",
    "checks",
):
    setattr(NativeCounter, _name, _field(_name))
