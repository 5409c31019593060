"""Plans of the compiled engine, many in one program, on this PC and on a bare Cortex-M4."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from tinydeploy import passes, tools, whole
from tinydeploy.config import FIRMWARE_DIR, cache_dir
from tinydeploy.errors import DeviceError
from tinydeploy.fuzz import build
from tinydeploy.fuzz.runner import Piped, RunnerCrashError
from tinydeploy.graph import read_tflite
from tinydeploy.graph.ir import Array, Model
from tinydeploy.kernel_lab import harness
from tinydeploy.lower.emit import cross_compile
from tinydeploy.lower.emit.cpp import emit
from tinydeploy.lower.lowering import lower
from tinydeploy.lower.plan.ir import Buffer, Plan, Step
from tinydeploy.lower.rules.interpreter_fallback import kernel_sources
from tinydeploy.lower.rules.table import RULES
from tinydeploy.simulate.cpu_harness import CpuHarness
from tinydeploy.stages.compile_plan import evaluate, plan_model

GARBAGE, GUARD_BYTES = 0x5A, 64
_FOLDERS = ("abi", "dsp", "kernels", "runtime", "compiled", "any_model")
_SHARED = (
    *("activations/sigmoid_table", "normalize/inverse_root", "normalize/logarithm"),
    "signal/fft",
)
_AT_THE_TOP = ("#include", "extern ")
_OPENING = "namespace tinydeploy {\nnamespace compiled {\n"
_CLOSING = "}  // namespace compiled\n}  // namespace tinydeploy\n"


def plan_of(data: bytes) -> Plan:
    """As stages.compile_plan makes it.

    Raises:
        NotCompilableError: an operator has no exact kernel.
    """
    return plan_model(read_tflite.load(data))


def lowered(model: Model) -> Plan:
    """The plan before anything has an address; changes `model`.

    Raises:
        NotCompilableError: an operator has no exact kernel.
    """
    passes.optimise(model, evaluate)
    return lower(model, evaluate, RULES)


def source_of(plans: Sequence[Plan]) -> str:
    """One C++ file of all plans: each in a namespace of its own, then a table of them."""
    includes: dict[str, None] = {'#include "any_model/any_plan.h"': None}
    kernels: dict[str, None] = {}
    bodies = []
    for index, plan in enumerate(plans):
        text = emit(plan, name=f"plan {index}", tensor_indices={}, regenerate="tinydeploy fuzz")
        lines = text.splitlines()
        includes |= dict.fromkeys(line for line in lines if line.startswith("#include"))
        kernels |= dict.fromkeys(line for line in lines if line.startswith("extern "))
        body = "\n".join(line for line in lines if not line.startswith(_AT_THE_TOP)) + "\n"
        begin, end = body.index(_OPENING), body.index(_CLOSING)
        inner = body[begin + len(_OPENING) : end]
        bodies.append(f"namespace plan_{index} {{\n{inner}}}  // namespace plan_{index}\n")
    names = ", ".join(f"&plan_{index}::kPlan" for index in range(len(plans)))
    table = f"const Plan* const kPlans[] = {{{names}}};\n"
    return "\n".join([*includes, "", _OPENING, *kernels, *bodies, table, _CLOSING])


class PlanMachine(Protocol):
    """Something that runs the plans of one batch."""

    def run(self, index: int, arena: bytes, *, fresh: bool = True) -> bytes:
        """The arena after plan `index` has run on it; `fresh`: for the first time."""

    def close(self) -> None:
        """End it."""


class HostPlans:
    """The plans in a process on this PC, with the undefined-behaviour sanitizer."""

    def __init__(self, plans: Sequence[Plan], folder: Path) -> None:
        command = [*tools.python_module_argv("ziglang", "c++"), *_HOST]
        self._program = Piped(
            _link(plans, folder, "host", command, ["any_plan_host.cpp"], _HOST_LINK)
        )

    def run(self, index: int, arena: bytes, *, fresh: bool = True) -> bytes:
        """See PlanMachine."""
        try:
            self._program.give(struct.pack("<3I", index, len(arena), fresh) + arena)
            after = self._program.take(len(arena))
        except BrokenPipeError:
            after = b""
        if len(after) != len(arena):
            raise self._program.ended("the plan")
        return after

    def close(self) -> None:
        """End the process."""
        self._program.close()


class CortexM4Plans:
    """The plans on a simulated Cortex-M4.

    Args:
        kernel_level: how the compiler optimises kernels of the interpreter; "-O2" is what a
            deployment has, "-O1" is compiled faster.
        kernels: objects of them, from `kernel_objects`; None: made here.

    Attributes:
        cycles: of the last run.
    """

    def __init__(
        self,
        plans: Sequence[Plan],
        folder: Path,
        kernel_level: str = "-O1",
        kernels: Sequence[Path] | None = None,
    ) -> None:
        command = _cortex_m4()
        link = [*build.BARE_LINK, "-Wl,-e,RunPlan"]
        made = kernel_level if kernels is None else kernels
        self._elf = _link(plans, folder, "cortex_m4", command, [], link, made)
        self._most = max(plan.arena_bytes for plan in plans) + GUARD_BYTES
        self.cycles = 0
        self._start()

    def _start(self) -> None:
        self._bench = CpuHarness(self._elf)
        self._place = self._bench.place(bytes(self._most))

    def run(self, index: int, arena: bytes, *, fresh: bool = True) -> bytes:
        """See PlanMachine."""
        self._bench.machine.write(self._place, arena)
        try:
            self.cycles = self._bench.call("RunPlan", index, self._place, int(fresh)).cycles
        except DeviceError as error:
            self._start()  # what crashed is no CPU for the next plan
            raise RunnerCrashError(f"the plan crashed: {error.message}") from error
        return self._bench.read(self._place, len(arena))

    def close(self) -> None:
        """Nothing to end."""


def run(machine: PlanMachine, index: int, plan: Plan, runs: Sequence[Sequence[Array]]) -> bytes:
    """Bytes of all outputs of runs one after another.

    What the plan does not keep is garbage before each.

    Raises:
        RunnerCrashError: it crashed, or wrote past the arena.
    """
    answers: list[bytes] = []
    kept: dict[Buffer, Array] = {}
    for number, inputs in enumerate(runs):
        space = arena_of(plan, inputs)
        for buffer, value in kept.items():
            space[buffer.address : buffer.address + buffer.size] = value
        after = machine.run(index, space.tobytes(), fresh=number == 0)
        if after[plan.arena_bytes :].strip(bytes([GARBAGE])):
            raise RunnerCrashError("the plan wrote past its arena")
        answers += [after[b.address : b.address + b.size] for b in plan.outputs]
        left = np.frombuffer(after, np.uint8)
        kept = {b: left[b.address : b.address + b.size] for b in plan.kept}
    return b"".join(answers)


def arena_of(plan: Plan, inputs: Sequence[Array]) -> Array:
    """The arena before a run: the inputs, and garbage everywhere else, up to the guard."""
    space = np.full(plan.arena_bytes + GUARD_BYTES, GARBAGE, np.uint8)
    for buffer, value in zip(plan.inputs, inputs, strict=True):
        space[buffer.address : buffer.address + buffer.size] = np.frombuffer(
            value.tobytes(), np.uint8
        )
    return space


_HOST_LINK = ["-lm", "-Wl,--gc-sections"]  # Prepare needs what a plan has not
_HOST = [
    "-ffunction-sections",
    "-O1",
    "-g",
    "-fsanitize=undefined",
    "-fno-sanitize-recover=undefined",
    harness.CHECKED,
]


def _link(
    plans: Sequence[Plan], folder: Path, name: str, command: list[str], faces: list[str],
    link: list[str], interpreters: str | Sequence[Path] = "-O1",
) -> Path:  # fmt: skip
    """A program of the plans, the kernels and the faces; the interpreter's kernels from these
    objects, or compiled with this option.
    """
    source, program = folder / f"{name}.cc", folder / f"{name}_plans"
    whole.write(source, source_of(plans))
    steps = {step.kernel: step for plan in plans for step in plan.steps if step.kernel is not None}
    made = build.objects(folder / name, [*command, "-O1"], [source])
    made += _kernels(name, command, faces)
    if not isinstance(interpreters, str):
        made += interpreters
    elif kernels := _interpreted(name, [*command, interpreters], steps.values()):
        made.append(folder / f"{name}_kernels.o")  # of one file two have the same functions
        merge = [*tools.python_module_argv("ziglang", "ld.lld"), "-r", "-z", "muldefs"]
        tools.run([*merge, *kernels, "-o", made[-1]], what="merging kernels")
    linker = ["cc" if word == "c++" else word for word in command]
    tools.run([*linker, *made, *link, "-o", program], what="linking the plans")
    return program


def _cortex_m4() -> list[str]:
    return [*tools.python_module_argv("ziglang", "c++"), *build.CORTEX_M4, "-O2", "-g"]


def kernel_objects(plans: Iterable[Plan], kernel_level: str = "-O2") -> list[Path]:
    """An object for each file of kernels that the steps of all these plans call: for many plans,
    few compilations. Kept in the cache.
    """
    texts = kernel_sources([step for plan in plans for step in plan.steps])
    command = [*_cortex_m4(), kernel_level]
    folder = cache_dir() / "fuzz" / f"files-cortex_m4-{build.digest(command, _FOLDERS)}"
    targets = {
        name: folder / f"{Path(name).stem}-{cross_compile.digest_of(texts[name])}.o"
        for name in sorted(texts)
    }
    missing = [name for name, target in targets.items() if not target.exists()]
    with whole.scratch(folder) as scratch:
        sources = [scratch / name for name in missing]
        for source in sources:
            whole.write(source, texts[source.name])
        made = build.objects(scratch / "made", command, sources)
        for name, file in zip(missing, made, strict=True):
            os.replace(file, targets[name])
    return list(targets.values())


def _interpreted(name: str, command: list[str], steps: Iterable[Step]) -> list[Path]:
    """An object for each kernel of the interpreter that the steps call, kept in the cache too."""
    folder = cache_dir() / "fuzz" / f"kernels-{name}-{build.digest(command, _FOLDERS)}"
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        folder / f"{step.kernel.name}-{cross_compile.digest_of(text)}.o": text
        for step in steps
        if step.kernel is not None
        for text in kernel_sources([step]).values()
    }
    missing = [target for target in texts if not target.exists()]
    with whole.scratch(folder) as scratch:
        sources = [scratch / f"{target.stem}.cc" for target in missing]
        for source, target in zip(sources, missing, strict=True):
            whole.write(source, texts[target])
        made = build.objects(scratch, command, sources)
        for source, target in zip(made, missing, strict=True):
            os.replace(source, target)
    return list(texts)


def _kernels(name: str, command: list[str], faces: list[str]) -> list[Path]:
    """Objects of the kernels and faces, kept in the cache until one changes."""
    here = FIRMWARE_DIR / "any_model"
    files = [
        *sorted((FIRMWARE_DIR / "dsp").glob("*.cpp")),
        *sorted((FIRMWARE_DIR / "kernels" / "common").glob("*.cpp")),
        *(FIRMWARE_DIR / "kernels" / f"{name}.cpp" for name in _SHARED),
        FIRMWARE_DIR / "compiled" / "kernel.cpp",
        *(here / face for face in ["any_plan.cpp", *faces]),
    ]
    folder = cache_dir() / "fuzz" / f"plans-{name}-{build.digest([*command, *_SHARED], _FOLDERS)}"
    if not (folder / "complete").exists():
        build.objects(folder, command, files)
        (folder / "complete").touch()
    return sorted(folder.glob("*.o"))
