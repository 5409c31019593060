"""Fixtures of the lowering tests: random models, their plans, machines that run these."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from tinydeploy import tools
from tinydeploy.config import FIRMWARE_DIR
from tinydeploy.kernel_lab import harness

sys.path.insert(0, str(Path(__file__).parent))  # the helpers beside the tests

import plan_machine
from lowered import COUNT, COUNT_ON_M4, Case, make_case


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
