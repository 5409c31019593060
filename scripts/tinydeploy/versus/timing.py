"""Cycles of one inference on a simulated Cortex-M4, without link, without copying inputs."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinydeploy.config import FIRMWARE_DIR, cache_dir
from tinydeploy.errors import DeviceError
from tinydeploy.fuzz import build, plans
from tinydeploy.fuzz.cases import Case
from tinydeploy.lower.emit import cross_compile
from tinydeploy.lower.plan.ir import Plan
from tinydeploy.simulate.cpu_harness import CpuHarness

_FOLDERS = ("runtime", "kernels", "tflm", "any_model")
_JOB = struct.Struct("<4I")
_MODEL_BYTES, _ARENA_BYTES = 1 << 20, 512 << 10


@dataclass(frozen=True)
class Timed:
    """What came of a case.

    Attributes:
        cycles: of the last inference; 0 if there was none.
        outputs: bytes of the outputs of all inferences, one after the other.
        why: of a failure, "" if there was none.
    """

    cycles: int = 0
    outputs: bytes = b""
    why: str = ""


class Interpreter:
    """The interpreter engine, one model after another."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._bench = CpuHarness(_interpreter_program())
        self._model = self._bench.place(bytes(_MODEL_BYTES))
        self._arena = self._bench.place(bytes(_ARENA_BYTES))

    def run(self, case: Case) -> Timed:
        """Open the model and run its inputs."""
        if len(case.data) > _MODEL_BYTES:
            return Timed(why="too large for the bench")
        write, call = self._bench.machine.write, self._bench.call
        write(self._model, case.data)
        write(self._arena, b"\xa5" * _ARENA_BYTES)
        job = _JOB.pack(self._model, len(case.data), self._arena, _ARENA_BYTES)
        write(self._bench.address("g_timed"), job)
        cycles, outputs = 0, b""
        try:
            if not call("TimedOpen").value:
                return Timed(why="refused")
            for arrays in case.inputs:
                for index, array in enumerate(arrays):
                    if array.size:
                        write(call("TimedInput", index).value, array.tobytes())
                result = call("TimedInvoke")
                if not result.value:
                    return Timed(why="an operator refuses its input")
                cycles = result.cycles
                for index, tensor in enumerate(case.model.main.outputs):
                    place = call("TimedOutput", index).value
                    outputs += self._bench.read(place, tensor.nbytes)
        except DeviceError as error:
            self._start()  # what crashed is no CPU for the next model
            return Timed(why=error.message)
        return Timed(cycles, outputs)


def compiled(made: Sequence[Plan], given: Sequence[Case]) -> list[Timed]:
    """The compiled engine: plans of some cases, in one program."""
    if not made:
        return []
    with tempfile.TemporaryDirectory() as folder:
        machine = plans.CortexM4Plans(made, Path(folder), "-O2")
        return [
            _one(machine, index, *pair) for index, pair in enumerate(zip(made, given, strict=True))
        ]


def _one(machine: plans.CortexM4Plans, index: int, plan: Plan, case: Case) -> Timed:
    try:
        outputs = plans.run(machine, index, plan, case.inputs)
    except DeviceError as error:
        return Timed(why=error.message)
    return Timed(machine.cycles, outputs)


def _interpreter_program() -> Path:
    command = [*cross_compile.zig(), *build.CORTEX_M4, "-O2", "-g"]
    files = [*build.runtime_sources(), FIRMWARE_DIR / "any_model" / "timed.cpp"]
    digest = cross_compile.digest(command, _FOLDERS)
    program = cache_dir() / "versus" / f"timed-{digest}" / "runner"

    def make(scratch: Path, target: Path) -> None:
        entries = ("TimedOpen", "TimedInput", "TimedOutput", "TimedInvoke")
        link = [*build.BARE_LINK, "-Wl,-e,TimedOpen", *(f"-Wl,-u,{name}" for name in entries)]
        cross_compile.link(command, cross_compile.objects(scratch, command, files), link, target)

    return cross_compile.build_cached(program, make)
