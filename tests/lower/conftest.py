"""Fixtures of the lowering tests: random models, their plans, machines that run these."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinydeploy import passes, tools
from tinydeploy.config import FIRMWARE_DIR
from tinydeploy.graph import read_tflite
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge
from tinydeploy.kernel_lab import harness
from tinydeploy.lower.lowering import lower
from tinydeploy.lower.memory.planner import place
from tinydeploy.lower.plan.ir import Plan
from tinydeploy.lower.rules.table import RULES
from tinydeploy.stages.compile_plan import evaluate

sys.path.insert(0, str(Path(__file__).parent))  # the helpers beside the tests

import plan_machine
from random_graphs import RandomGraph

COUNT = 30
COUNT_ON_M4 = 8


@dataclass
class Case:
    """A random model: its plan, and what TFLM answers to its inputs."""

    seed: int
    data: bytes
    plan: Plan
    inputs: list[list[Any]]
    expected: list[list[Any]]


def plan_of(data: bytes) -> Plan:
    """As stages.compile_plan does it."""
    model = read_tflite.load(data)
    passes.optimise(model, evaluate)
    plan = lower(model, evaluate, RULES)
    place(plan)
    return plan


def make_case(seed: int) -> Case:
    rng = np.random.default_rng(1000 + seed)
    model = RandomGraph(seed).grow(int(rng.integers(10, 31)))
    data = dump(model)
    shapes = [tensor.shape for tensor in model.main.inputs]
    inputs = [[rng.integers(-128, 128, s).astype(np.int8) for s in shapes] for _ in range(2)]
    judge = Judge(data)
    return Case(seed, data, plan_of(data), inputs, [judge.run(given) for given in inputs])


@pytest.fixture(scope="session")
def cases() -> list[Case]:
    return [make_case(seed) for seed in range(COUNT)]


@pytest.fixture(scope="session")
def host_plans(cases: list[Case], tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("plans")
    files = plan_machine.write_sources([case.plan for case in cases], folder)
    compiler = tools.python_module_argv("ziglang", "c++")
    flags = ["-shared", "-fPIC", "-fsanitize=undefined", "-fsanitize-trap=undefined"]
    return plan_machine.HostPlans(plan_machine.build(files, folder / "plans.so", compiler, flags))


@pytest.fixture(scope="session", params=["zig", "gcc"])
def m4_plans(
    request: pytest.FixtureRequest, cases: list[Case], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    if request.param == "gcc" and shutil.which("arm-none-eabi-g++") is None:
        pytest.skip("no GNU Arm compiler on the PATH")
    folder = tmp_path_factory.mktemp(f"plans_{request.param}")
    files = plan_machine.write_sources([case.plan for case in cases[:COUNT_ON_M4]], folder)
    script = folder / "plans.ld"
    script.write_text(harness.LINKER_SCRIPT)
    flags = [*harness.CORE[request.param], "-ffunction-sections", "-nostdlib", "-T", str(script)]
    flags += [
        "-Wl,--gc-sections",
        "-Wl,-e,0",
        "-isystem",
        str(FIRMWARE_DIR / "platformio" / "libc"),
    ]
    libraries = ["-lc", "-lgcc"] if request.param == "gcc" else []
    compiler = harness._compiler(request.param)
    return plan_machine.CortexM4Plans(
        plan_machine.build(files, folder / "plans.elf", compiler, flags, libraries)
    )
