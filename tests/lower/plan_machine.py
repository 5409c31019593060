"""Compiles many plans into one library and runs them: on this PC, on the simulated Cortex-M4."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tinydeploy import tools
from tinydeploy.kernel_lab import harness
from tinydeploy.lower.emit.cpp import emit
from tinydeploy.lower.plan.ir import Plan
from tinydeploy.lower.rules.interpreter_fallback import kernel_sources

FIRMWARE = harness.FIRMWARE
INCLUDES = [f"-I{FIRMWARE}", f"-I{FIRMWARE / 'tflm'}"]
RUNNER = """
#include "compiled/plan.h"
namespace tinydeploy { namespace compiled {
extern "C" void run_plan(const Plan* plan, uint8_t* arena) {
  for (int i = 0; i < plan->step_count; ++i) plan->steps[i].run(arena);
}
"""


def write_sources(plans: Sequence[Plan], folder: Path) -> list[Path]:
    """A file for each plan, and one with `run_plan` and the names `plan_0`, `plan_1`, ..."""
    files = []
    runner = RUNNER
    for index, plan in enumerate(plans):
        text = emit(plan, name=f"random {index}", tensor_indices={}, regenerate="pytest")
        file = folder / f"plan_{index}.cc"
        file.write_text(f"#define kPlan kPlan{index}\n{text}")
        files.append(file)
        runner += f"extern const Plan kPlan{index};\n"
        runner += f'extern "C" const Plan* plan_{index}() {{ return &kPlan{index}; }}\n'
    main = folder / "runner.cc"
    main.write_text(runner + "}}\n")
    return [*files, main, *interpreters(plans, folder)]


def interpreters(plans: Sequence[Plan], folder: Path) -> list[Path]:
    """Kernels of the interpreter that the plans call, and what these need."""
    files = [FIRMWARE / "compiled" / "kernel.cpp"]
    for name, text in kernel_sources([step for plan in plans for step in plan.steps]).items():
        files.append(folder / name)
        files[-1].write_text(text)
    return files


def own_sources() -> list[Path]:
    """firmware/dsp and what it needs."""
    return [Path(source) for source in harness._sources()]


def build(
    files: Sequence[Path],
    out: Path,
    compiler: Sequence[str],
    flags: Sequence[str],
    libraries: Sequence[str] = (),
) -> Path:
    """Compile and link `files` with the kernels."""
    common = [*harness.FLAGS, *INCLUDES, *flags]
    sources = [str(file) for file in (*files, *own_sources())]
    command = [*compiler, *common, *sources, *libraries, "-o", str(out)]
    tools.run(command, what="building plans", timeout_s=600)
    return out


def run(machine: Any, index: int, plan: Plan, inputs: Sequence[Any]) -> list[Any]:
    """Outputs of plan `index`; the rest of the arena starts out as garbage."""
    space = np.full(plan.arena_bytes + 16, 0x5A, np.uint8)
    for buffer, value in zip(plan.inputs, inputs, strict=True):
        space[buffer.address : buffer.address + buffer.size] = value.reshape(-1).view(np.uint8)
    machine.run(index, space)
    assert (space[plan.arena_bytes :] == 0x5A).all(), "wrote behind the arena"
    return [
        space[buffer.address : buffer.address + buffer.size]
        .view(np.int8)
        .reshape(buffer.tensor.shape)
        for buffer in plan.outputs
        if buffer.tensor is not None
    ]


class HostPlans:
    """Plans in a shared library."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))

    def run(self, index: int, arena: Any) -> None:
        plan = getattr(self._library, f"plan_{index}")
        plan.restype = ctypes.c_void_p
        aligned = np.zeros(arena.size + 8, np.uint8)
        start = -aligned.ctypes.data % 8
        view = aligned[start : start + arena.size]
        view[:] = arena
        self._library.run_plan(ctypes.c_void_p(plan()), view.ctypes.data_as(ctypes.c_void_p))
        arena[:] = view


class CortexM4Plans:
    """Plans in an ELF for Cortex-M4."""

    def __init__(self, elf: Path) -> None:
        self._core = harness.CortexM4(elf)

    def run(self, index: int, arena: Any) -> None:
        self._core.call("run_plan", self._core.call(f"plan_{index}"), arena)
