"""What TFLM takes of the arena, here and at least on a 32-bit device."""

from __future__ import annotations

import os
import re
import tempfile

from tinydeploy import judge

_LINES = re.compile(rb"allocation (head|tail) (\d+) bytes")


def least_on_device(model: bytes) -> int:
    """Bytes that TFLM takes at least on a 32-bit CPU.

    The head holds tensors and scratch and is the same there; the tail holds structs, of which
    pointers are no more than all: half of it stays.
    """
    head, tail = _allocations(model)
    return head + tail // 2


def _allocations(model: bytes) -> tuple[int, int]:
    """(head, tail) as TFLM's recording allocator tells; asked in a process of its own."""
    with tempfile.TemporaryFile() as told:
        child = os.fork()
        if child == 0:
            os.dup2(told.fileno(), 2)
            try:
                judge.Judge(model).print_allocations()
                os._exit(0)
            finally:
                os._exit(1)
        os.waitpid(child, 0)
        told.seek(0)
        found = {name: int(size) for name, size in _LINES.findall(told.read())}
    return found.get(b"head", 0), found.get(b"tail", 0)
