"""Runs any model in the interpreter engine: as a process on this PC, or on a simulated Cortex-M4.

Both have one method, `run(model, inputs)`, and take thousands of models a minute.
"""

from __future__ import annotations

import signal
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydeploy import tools
from tinydeploy.errors import DeviceError
from tinydeploy.fuzz import rooms
from tinydeploy.graph.ir import Array
from tinydeploy.simulate.cpu_harness import FLASH, RAM, CpuHarness
from tinydeploy.simulate.memory_map import Memory

HOST_ARENA_BYTES = 4 << 20
_REQUEST = struct.Struct("<5I")
_REPLY = struct.Struct("<2I2i2I")
_JOB = struct.Struct("<10I")


class RunnerCrashError(DeviceError):
    """The runtime came to an end in the middle of a model."""


class RunnerTimeoutError(RunnerCrashError):
    """A model took more CPU time than allowed."""


@dataclass(frozen=True)
class Reply:
    """What came of a model.

    Attributes:
        ok: it was accepted and ran.
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


class Piped:
    """A program that answers on its standard output, started on first use and after a crash."""

    def __init__(self, program: Path, *arguments: str) -> None:
        self._command: list[str | Path] = [program, *arguments]
        self._process: Any = None  # of tools.start_piped

    def give(self, data: bytes) -> None:
        """Write all of `data`.

        Raises:
            BrokenPipeError: the program has ended.
        """
        if self._process is None:
            self._process = tools.start_piped(self._command, what="the runner of models")
        view = memoryview(data)
        while view:
            view = view[self._process.stdin.write(view) :]

    def take(self, count: int) -> bytes:
        """`count` bytes, fewer at the end of the program."""
        parts = bytearray()
        while len(parts) < count and (part := self._process.stdout.read(count - len(parts))):
            parts += part
        return bytes(parts)

    def ended(self, what: str) -> RunnerCrashError:
        """The error for the program that has ended, with what it wrote to standard error."""
        _, errors = self._process.communicate()
        code, self._process = self._process.returncode, None
        if code == -signal.SIGVTALRM:
            return RunnerTimeoutError(f"{what} took too long")
        words = errors.decode(errors="replace")[-2000:]
        return RunnerCrashError(f"{what} crashed: exit code {code}: {words}")

    def close(self) -> None:
        """End the program."""
        if self._process is not None:
            self._process.communicate()
            self._process = None


class HostRunner:
    """The runner program on this PC.

    Args:
        cpu_limit_s: CPU seconds for each model; None: no limit.
    """

    def __init__(self, program: Path, *, cpu_limit_s: int | None = None) -> None:
        self._program = Piped(program, str(cpu_limit_s or 0))

    def run(
        self,
        model: bytes,
        inputs: Sequence[Sequence[Array]] = (),
        *,
        arena_bytes: int = HOST_ARENA_BYTES,
        preserve_tensors: bool = False,
    ) -> Reply:
        """One inference for each element of `inputs`, with its arrays in the model's order.

        Raises:
            RunnerCrashError: the process ended; the message is what it said last.
            RunnerTimeoutError: it reached its limit.
        """
        data = _joined(inputs)
        head = _REQUEST.pack(len(model), arena_bytes, preserve_tensors, len(inputs), len(data))
        take = self._program.take
        try:
            self._program.give(head + model + data)
            ok, used, op, code, reason_bytes, output_bytes = _REPLY.unpack(take(_REPLY.size))
            reason = take(reason_bytes).decode(errors="replace")
            return Reply(bool(ok), used, op, code, reason, take(output_bytes))
        except (BrokenPipeError, struct.error) as error:
            raise self._program.ended("the runtime") from error

    def close(self) -> None:
        """End the process."""
        self._program.close()


_ROOM_BYTES = {
    "model": rooms.MODEL_BYTES,
    "inputs": rooms.INPUT_BYTES,
    "arena": rooms.ARENA_BYTES,
    "outputs": rooms.OUTPUT_BYTES,
}
_RAM = Memory(RAM.origin, 16 << 20)  # all rooms in its upper half
_GARBAGE = b"\xa5" * rooms.ARENA_BYTES


class CortexM4Runner:
    """The bare program on a simulated Cortex-M4.

    Attributes:
        instructions: of the last model.
    """

    def __init__(self, elf: Path) -> None:
        self._elf = elf
        self.instructions = 0
        self._start()

    def _start(self) -> None:
        self._bench = CpuHarness(self._elf, memories=(FLASH, _RAM))
        self._places = {name: self._bench.place(bytes(size)) for name, size in _ROOM_BYTES.items()}

    def run(self, model: bytes, inputs: Sequence[Sequence[Array]] = ()) -> Reply:
        """As HostRunner.run; refused with a reason where the bench has no room.

        Raises:
            RunnerCrashError: a fault, or a model that takes for ever.
        """
        data = _joined(inputs)
        if len(model) > _ROOM_BYTES["model"] or len(data) > _ROOM_BYTES["inputs"]:
            return Reply(False, 0, -1, -1, "too large for the bench", b"")
        self._write("model", model)
        self._write("inputs", data)
        self._write("arena", _GARBAGE)
        request = (len(model), rooms.ARENA_BYTES, 0, len(inputs), len(data))
        places = [self._places[name] for name in ("model", "inputs", "arena", "outputs")]
        job = _JOB.pack(*request, *places, _ROOM_BYTES["outputs"])
        self._bench.machine.write(self._bench.address("g_job"), job)
        return self._call()

    def close(self) -> None:
        """Nothing to end."""

    def _call(self) -> Reply:
        try:
            self.instructions = self._bench.call("RunJob").instructions
        except DeviceError as error:
            self._start()
            raise RunnerCrashError(f"the runtime crashed: {error.message}") from error
        read = self._bench.read
        packed = read(self._bench.address("g_reply"), _REPLY.size)
        ok, used, op, code, reason_bytes, output_bytes = _REPLY.unpack(packed)
        reason = read(self._bench.address("g_reason"), reason_bytes).decode(errors="replace")
        outputs = read(self._places["outputs"], output_bytes)
        return Reply(bool(ok), used, op, code, reason, outputs)

    def _write(self, room: str, data: bytes) -> None:
        if data:
            self._bench.machine.write(self._places[room], data)


def _joined(inputs: Sequence[Sequence[Array]]) -> bytes:
    return b"".join(array.tobytes() for arrays in inputs for array in arrays)
