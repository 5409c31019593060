"""The generated C++: the same for the same model, readable, taken by strict compilers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from lowered import Case, make_case, plan_of
from plan_machine import INCLUDES
from tinydeploy import tools
from tinydeploy.lower.emit.cpp import emit
from tinydeploy.lower.plan.ir import Plan

STRICT = ["-std=c++17", "-Wall", "-Wextra", "-Werror"]
COMPILERS = {
    "zig": tools.python_module_argv("ziglang", "c++"),
    "g++": ["g++"],
    "arm-none-eabi-g++": ["arm-none-eabi-g++"],
}


def _text(plan: Plan) -> str:
    return emit(plan, name="random", tensor_indices={}, regenerate="pytest")


@pytest.fixture(scope="module")
def case() -> Case:
    return make_case(4)


def test_text_depends_on_the_model_alone(case: Case) -> None:
    assert _text(plan_of(case.data)) == _text(case.plan)


def test_every_step_names_its_operator_and_its_memory(case: Case) -> None:
    text = _text(case.plan)
    for index, step in enumerate(case.plan.steps):
        assert f"// Step {index}, operator {step.op_index}: {step.title}" in text
        for buffer in step.buffers:
            assert f"{buffer.name}: {buffer.size} bytes at {buffer.address}" in text
    assert f"arena of {case.plan.arena_bytes:,} bytes" in text


@pytest.mark.parametrize("compiler", COMPILERS)
def test_strict_compilers_take_it(case: Case, compiler: str, tmp_path: Path) -> None:
    if compiler != "zig" and shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} on the PATH")
    file = tmp_path / "plan.cc"
    file.write_text(_text(case.plan))
    tools.run(
        [*COMPILERS[compiler], *STRICT, *INCLUDES, "-c", str(file), "-o", str(tmp_path / "o")],
        what="compiling the plan",
    )
