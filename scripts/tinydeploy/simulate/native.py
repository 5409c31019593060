"""Builds the compiled block counter with Zig, and falls back to the Python one without it."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tinydeploy import tools
from tinydeploy.config import cache_dir
from tinydeploy.errors import TinyDeployError
from tinydeploy.simulate.cycles import NEVER, Block, BlockCounter, Watch

SOURCE = Path(__file__).with_name("block_counter.c")
TABLE_ENTRIES = 1 << 16
SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
BUILD_TIMEOUT_S = 120.0


class _Block(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("address", "size", "cycles", "instructions")]


FindBlock = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_uint32, ctypes.c_uint32, ctypes.POINTER(_Block)
)


class _Counter(ctypes.Structure):
    _fields_ = [
        ("cycles", ctypes.c_uint64),
        ("instructions", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("last_address", ctypes.c_uint32),
        ("last_size", ctypes.c_uint32),
        ("stopped", ctypes.c_uint32),
        ("table_mask", ctypes.c_uint32),
        ("table", ctypes.POINTER(_Block)),
        ("emu_stop", ctypes.c_void_p),
        ("reg_read", ctypes.c_void_p),
        ("find_block", FindBlock),
        ("xpsr", ctypes.c_int32),
    ]


class _Watch(ctypes.Structure):
    _fields_ = [
        ("counter", ctypes.POINTER(_Counter)),
        ("condition", ctypes.c_uint32),
        ("cycles", ctypes.c_uint32),
    ]


def make_counter(
    uc: Any, find_block: Callable[[int, int], Block | None], native: bool | None
) -> BlockCounter:
    """A counter for `uc`: compiled if `native`, or if that is None and it can be built."""
    library = None if native is False else load_library()
    if library is None:
        if native:
            raise TinyDeployError(
                "the compiled cycle counter cannot be built", "it needs the Python package ziglang"
            )
        return BlockCounter(uc, find_block)
    return NativeCounter(uc, find_block, library)


@cache
def load_library() -> ctypes.CDLL | None:
    """The compiled hook, built on first use; None where that is not possible."""
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
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        fresh = Path(folder) / path.name
        tools.run(
            tools.python_module_argv(
                "ziglang", "cc", "-shared", "-O2", "-s", str(SOURCE), "-o", str(fresh)
            ),
            what="building the simulator's cycle counter",
            timeout_s=BUILD_TIMEOUT_S,
        )
        os.replace(fresh, path)


class NativeCounter(BlockCounter):
    """BlockCounter whose hooks are compiled code; the same numbers, many times faster."""

    def __init__(
        self, uc: Any, find_block: Callable[[int, int], Block | None], library: ctypes.CDLL
    ) -> None:
        from unicorn.arm_const import UC_ARM_REG_XPSR
        from unicorn.unicorn_py3.unicorn import uclib

        self._uclib = uclib
        self._library = library
        self._table = (_Block * TABLE_ENTRIES)()
        self._state = _Counter(
            deadline=NEVER,
            table_mask=TABLE_ENTRIES - 1,
            table=self._table,
            emu_stop=_address(uclib.uc_emu_stop),
            reg_read=_address(uclib.uc_reg_read),
            find_block=FindBlock(self._find),
            xpsr=UC_ARM_REG_XPSR,
        )
        self._known: dict[tuple[int, int], Block] = {}
        self._watches: list[_Watch] = []
        self._native_hooks: list[ctypes.c_size_t] = []
        self._error: BaseException | None = None
        self._uc = uc
        self._find_block = find_block

    def attach(self) -> None:
        """Install the hook."""
        from unicorn import UC_HOOK_BLOCK

        self._add_hook(UC_HOOK_BLOCK, self._library.EnterBlock, self._state, 1, 0)

    def check(self) -> None:
        """Raise what `find_block` raised during the last run."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def forget(self, address: int = 0, end: int = 1 << 32) -> None:
        """Drop the costs of blocks that start in [address, end)."""
        self._known = {k: v for k, v in self._known.items() if not address <= k[0] < end}
        ctypes.memset(self._table, 0, ctypes.sizeof(self._table))

    def watch(self, watch: Watch) -> None:
        """Charge a conditional instruction when it is executed."""
        from unicorn import UC_HOOK_CODE

        entry = _Watch(ctypes.pointer(self._state), watch.condition, watch.cycles)
        self._watches.append(entry)
        hook = self._add_hook(
            UC_HOOK_CODE, self._library.ExecuteWatched, entry, watch.address, watch.address
        )
        self._native_hooks.append(hook)

    def unwatch(self) -> None:
        """Remove all watches."""
        for hook in self._native_hooks:
            self._uclib.uc_hook_del(self._uc._uch, hook)
        self._native_hooks.clear()
        self._watches.clear()

    def _add_hook(
        self, kind: int, function: Any, data: ctypes.Structure, begin: int, end: int
    ) -> ctypes.c_size_t:
        handle = ctypes.c_size_t()
        status = self._uclib.uc_hook_add(
            self._uc._uch,
            ctypes.byref(handle),
            kind,
            ctypes.cast(function, ctypes.c_void_p),
            ctypes.cast(ctypes.pointer(data), ctypes.c_void_p),
            ctypes.c_uint64(begin),
            ctypes.c_uint64(end),
        )
        if status:
            raise TinyDeployError(f"Unicorn refused a hook: error {status}")
        return handle

    def _find(self, address: int, size: int, found: Any) -> int:
        """Called by the compiled hook for a block that is not in its table."""
        try:
            block = self._known.get((address, size)) or self._find_block(address, size)
        except BaseException as error:  # must not cross the C frames between here and emu_start
            self._error = error
            return 0
        if block is None:
            return 0
        self._known[(address, size)] = block
        found[0] = _Block(address, size, block.cycles, block.instructions)
        return 1


def _address(function: Any) -> int | None:
    return ctypes.cast(function, ctypes.c_void_p).value


def _field(name: str) -> Any:
    def get(counter: NativeCounter) -> int:
        value: int = getattr(counter._state, name)
        return value

    def set_(counter: NativeCounter, value: int) -> None:
        setattr(counter._state, name, value)

    return property(get, set_)


for _name in ("cycles", "instructions", "deadline", "last_address", "last_size", "stopped"):
    setattr(NativeCounter, _name, _field(_name))
