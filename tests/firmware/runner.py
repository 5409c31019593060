"""Runs models on the PC build of our runtime, in a process of its own that may crash."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

ARENA_BYTES = 8 << 20
_REQUEST = struct.Struct("<5I")
_REPLY = struct.Struct("<2I2i2I")


class RunnerCrashError(Exception):
    """The process ended in the middle of a request; the message is what it wrote to stderr."""


@dataclass(frozen=True)
class Reply:
    """What came of a request.

    Attributes:
        ok: the model was accepted and ran.
        arena_used: bytes.
        op_index: operator that failed, -1 if none did.
        builtin_code: its code in the schema.
        reason: in one line, "" if ok.
        outputs: bytes of the outputs of each run, one after the other.
    """

    ok: bool
    arena_used: int
    op_index: int
    builtin_code: int
    reason: str
    outputs: bytes


class Runner:
    """The runner program, started on first use and again after a crash."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    def run(
        self,
        model: bytes,
        inputs: Sequence[Sequence[Array]] = (),
        *,
        arena_bytes: int = ARENA_BYTES,
        preserve_tensors: bool = False,
    ) -> Reply:
        """One inference for each element of `inputs`, with its arrays in the model's order."""
        data = b"".join(array.tobytes() for arrays in inputs for array in arrays)
        head = _REQUEST.pack(len(model), arena_bytes, preserve_tensors, len(inputs), len(data))
        process = self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(head + model + data)
            process.stdin.flush()
            ok, used, op, code, reason_bytes, output_bytes = _REPLY.unpack(self._take(_REPLY.size))
            reason = self._take(reason_bytes).decode()
            return Reply(bool(ok), used, op, code, reason, self._take(output_bytes))
        except (BrokenPipeError, struct.error) as error:
            raise RunnerCrashError(self._last_words()) from error

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen([self._program], stdin=pipe, stdout=pipe, stderr=pipe)
        return self._process

    def _take(self, count: int) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout.read(count)

    def _last_words(self) -> str:
        assert self._process is not None
        _, errors = self._process.communicate()
        code, self._process = self._process.returncode, None
        return f"exit code {code}: {errors.decode(errors='replace')[-2000:]}"


def split(data: bytes, shapes: Sequence[tuple[tuple[int, ...], Any]]) -> list[Array]:
    """Cut the bytes of one run's outputs into arrays of these shapes and types."""
    arrays: list[Array] = []
    for shape, dtype in shapes:
        count = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        arrays.append(np.frombuffer(data[:count], dtype).reshape(shape))
        data = data[count:]
    return arrays
