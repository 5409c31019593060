"""Patching: which rows a band needs, and the same results from less memory."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinydeploy import passes, tools
from tinydeploy.bench import architectures
from tinydeploy.bench.network import Network
from tinydeploy.errors import UsageError
from tinydeploy.graph import read_tflite
from tinydeploy.graph.ir import Model
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge
from tinydeploy.kernel_lab import harness
from tinydeploy.lower import patching
from tinydeploy.lower.build_plan import assemble
from tinydeploy.lower.compile_options import Choices
from tinydeploy.lower.emit.cpp import emit
from tinydeploy.lower.lowering import lower
from tinydeploy.lower.memory.planner import place
from tinydeploy.lower.plan.ir import Plan
from tinydeploy.lower.rules.table import RULES
from tinydeploy.stages.compile_plan import evaluate

RUN = """
extern "C" void run_{0}(uint8_t* arena) {{
  using namespace tinydeploy::compiled;
  for (int i = 0; i < kPlan{0}.step_count; ++i) kPlan{0}.steps[i].run(arena);
}}
"""


def network() -> Model:
    """Everything that can be split: strides, halos, a residual block with an unequal halo."""
    net = Network((1, 20, 12, 4), 0.1, 3, 5)
    net.conv(8, 3, 2, "RELU")  # 10 rows
    block = net.mark()
    net.depthwise(3, 1, "RELU6")
    net.conv(8, 1, 1)
    net.add(block, "RELU")
    net.conv(8, 5, 1)
    net.depthwise(3, 2, "RELU")  # 5 rows
    net.conv(4, 1, 1)
    net.reshape((1, 60))
    net.dense(3)
    return net.model()


def optimised(model: Model) -> tuple[bytes, Model]:
    data = dump(model)
    read = read_tflite.load(data)
    passes.optimise(read, evaluate)
    return data, read


def placed(patched: patching.Patched) -> Plan:
    plan = patched.finish(lower(patched.model, evaluate, RULES, patched.views))
    place(plan)
    return plan


def test_rows_of_a_halo() -> None:
    """SAME 3x3: row 5 needs 4 to 6; at stride 2 with 10 rows, 5 outputs pad below only."""
    net = Network((1, 10, 4, 4), 0.1, 0, 1)
    net.conv(4, 3, 1)
    net.conv(4, 3, 2)
    first, second = net.model().main.ops
    assert patching._input_rows(first, (5, 6)) == ((4, 7), 0)
    assert patching._input_rows(first, (0, 2)) == ((0, 3), 1)
    assert patching._input_rows(second, (0, 2)) == ((0, 5), 0)
    assert patching._input_rows(second, (3, 5)) == ((6, 10), 0)
    needed = patching._needed_rows([first, second], (3, 5))
    assert needed[first.outputs[0]] == (6, 10)
    assert needed[first.inputs[0]] == (5, 10)


def test_no_split_where_something_else_is_needed_later() -> None:
    _, model = optimised(network())
    codes = [op.code for op in model.main.ops]
    points = patching.split_points(model.main)
    assert [codes[point] for point in points] == [
        "CONV_2D", "ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D"
    ]  # fmt: skip
    assert patching.split(model, points[0], 11) is None  # more bands than rows


def test_results_are_the_same(tmp_path: Path) -> None:
    data, model = optimised(network())
    plans = [
        placed(patched)
        for point in patching.split_points(model.main)
        for bands in (2, 3, 5)
        if (patched := patching.split(model, point, bands)) is not None
    ]
    assert len(plans) >= 10
    library = _build(plans, tmp_path)
    given = np.random.default_rng(3).integers(-128, 128, (1, 20, 12, 4)).astype(np.int8)
    expected = Judge(data).run([given])[0]
    for index, plan in enumerate(plans):
        assert np.array_equal(_run(library, index, plan, given), expected), index


def test_constants_are_shared() -> None:
    _, model = optimised(network())
    whole = lower(model, evaluate, RULES)
    patched = patching.split(model, patching.split_points(model.main)[-1], 3)
    assert patched is not None
    assert placed(patched).flash_constants_bytes == whole.flash_constants_bytes


def test_arena_of_person_detection() -> None:
    """Half the memory for one more percent of work."""
    _, model = optimised(architectures.person_detect())
    whole = assemble(model, evaluate, RULES)
    patched = assemble(model, evaluate, RULES, Choices(patch="6"))
    assert patched.arena_bytes < 0.55 * whole.arena_bytes
    assert sum(s.macs for s in patched.steps) < 1.02 * sum(s.macs for s in whole.steps)
    budget = whole.arena_bytes * 3 // 4
    automatic = assemble(model, evaluate, RULES, Choices(patch="auto"), budget)
    assert automatic.arena_bytes <= budget
    enough = assemble(model, evaluate, RULES, Choices(patch="auto"), whole.arena_bytes)
    assert enough.arena_bytes == whole.arena_bytes


@pytest.mark.parametrize("wrong", [{"patch": "1"}, {"patch": "many"}, {"optimize": "fast"}])
def test_wrong_choices(wrong: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        Choices(**wrong)


def _build(plans: list[Plan], folder: Path) -> Any:
    files = []
    for index, plan in enumerate(plans):
        text = emit(plan, name=f"bands {index}", tensor_indices={}, regenerate="pytest")
        file = folder / f"plan_{index}.cc"
        file.write_text(f"#define kPlan kPlan{index}\n{text}{RUN.format(index)}")
        files.append(str(file))
    flags = ["-shared", "-fPIC", *harness.FLAGS, "-fsanitize=undefined"]
    flags += ["-fsanitize-trap=undefined", f"-I{harness.FIRMWARE}"]
    flags.append(f"-I{harness.FIRMWARE / 'tflm'}")
    compiler = tools.python_module_argv("ziglang", "c++")
    out = folder / "plans.so"
    sources = [*files, *harness._sources()]
    tools.run([*compiler, *flags, *sources, "-o", str(out)], what="building plans", timeout_s=300)
    return ctypes.CDLL(str(out))


def _run(library: Any, index: int, plan: Plan, given: Any) -> Any:
    arena = np.full(plan.arena_bytes + 16, 0x5A, np.uint8)
    source, result = plan.inputs[0], plan.outputs[0]
    arena[source.address : source.address + source.size] = given.reshape(-1).view(np.uint8)
    getattr(library, f"run_{index}")(arena.ctypes.data_as(ctypes.c_void_p))
    assert (arena[plan.arena_bytes :] == 0x5A).all()
    assert result.tensor is not None
    out = arena[result.address : result.address + result.size]
    return out.view(np.int8).reshape(result.tensor.shape)
