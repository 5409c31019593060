"""Sizes beyond what a kernel takes go to another kernel, operator by operator; none is cut off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lowered import plan_of
from tinydeploy.abi import limits, params
from tinydeploy.abi.emit import FOLDER, headers
from tinydeploy.abi.layout import FieldRangeError
from tinydeploy.config import ROOT
from tinydeploy.fuzz import plans
from tinydeploy.fuzz.cases import at_edge, model_of
from tinydeploy.fuzz.edges import DERIVED, Edge, edges_of
from tinydeploy.graph import read_tflite
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Quantization, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge
from tinydeploy.lower.lowering import NotCompilableError
from tinydeploy.lower.memory.planner import place
from tinydeploy.lower.packing import conv_weights

CASES = ROOT.parent / "shared" / "data" / "cases"


def conv(kernel: tuple[int, int], kind: Type = Type.INT8) -> bytes:
    """A convolution of two channels, as tall as the kernel and a bit."""
    rng = np.random.default_rng(kernel)
    b, zero = Builder(), 3 if kind is Type.INT8 else 0
    height, width = kernel[0] + 3, kernel[1] + 1
    x = b.input((1, height, width, 2), kind, per_tensor(0.05, zero))
    w = b.constant(rng.integers(-20, 20, (3, *kernel, 2)).astype(np.int8), Type.INT8, _scale(0.01))
    wide = (Type.INT32, np.int32) if kind is Type.INT8 else (Type.INT64, np.int64)
    bias = b.constant(rng.integers(-9, 9, 3).astype(wide[1]), wide[0], _scale(0.0005))
    out = (1, 4, 2, 3)
    y = b.op(
        "CONV_2D", [x, w, bias], out, kind, per_tensor(0.2, zero), padding="VALID", stride_w=1,
        stride_h=1, dilation_w_factor=1, dilation_h_factor=1, fused_activation_function="NONE",
    )  # fmt: skip
    return dump(b.model(y))


def max_pool(window: tuple[int, int], kind: Type) -> bytes:
    """A pool over all of its image."""
    b = Builder()
    x = b.input((1, *window, 2), kind, per_tensor(0.05, 0))
    y = b.op(
        "MAX_POOL_2D", [x], (1, 1, 1, 2), kind, per_tensor(0.05, 0), padding="VALID", stride_w=1,
        stride_h=1, filter_height=window[0], filter_width=window[1],
        fused_activation_function="NONE",
    )  # fmt: skip
    return dump(b.model(y))


def _scale(scale: float) -> Quantization:
    return per_tensor(scale, 0)


def functions(data: bytes) -> list[str]:
    return [step.function for step in plan_of(data).steps]


@pytest.mark.parametrize(
    ("data", "function"),
    [
        (lambda: conv((32, 2)), "td_conv"),
        (lambda: conv((33, 2)), "td_conv"),
        (lambda: conv((255, 1)), "td_conv"),
        (lambda: conv((256, 1)), "RunKernel"),
        (lambda: conv((255, 1), Type.INT16), "td_conv16"),
        (lambda: conv((256, 1), Type.INT16), "RunKernel"),
        (lambda: max_pool((255, 3), Type.INT8), "td_max_pool"),
        (lambda: max_pool((256, 1), Type.INT8), "RunKernel"),
        (lambda: max_pool((255, 3), Type.INT16), "td_max_pool16"),
        (lambda: max_pool((256, 1), Type.INT16), "RunKernel"),
    ],
)
def test_beyond_a_limit_another_kernel_runs(data: Callable[[], bytes], function: str) -> None:
    assert functions(data()) == [function]


def test_what_runs_beyond_computes_what_tflm_does(tmp_path: Path) -> None:
    """On this PC, with the kernels' own checks."""
    models = [conv((rows, 2)) for rows in (31, 32, 33, 40, 256)]
    models += [conv((256, 1), Type.INT16), max_pool((256, 1), Type.INT16)]
    made = [plans.plan_of(data) for data in models]
    machine = plans.HostPlans(made, tmp_path)
    try:
        for index, (data, plan) in enumerate(zip(models, made, strict=True)):
            _compare(machine, index, plan, data)
    finally:
        machine.close()


def _compare(machine: plans.HostPlans, index: int, plan: Any, data: bytes) -> None:
    rng, kind = np.random.default_rng(index), np.int8
    shape = plan.inputs[0].tensor.shape
    if plan.inputs[0].tensor.type is Type.INT16:
        kind = np.int16
    given = rng.integers(np.iinfo(kind).min, np.iinfo(kind).max, shape).astype(kind)
    ours = np.frombuffer(plans.run(machine, index, plan, [[given]]), kind)
    assert np.array_equal(ours, Judge(data).run([given])[0].reshape(-1)), index


@pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not there")
@pytest.mark.parametrize("name", ["tall_conv33", "tall_conv40"])
def test_tall_convolutions_of_the_cases(name: str, tmp_path: Path) -> None:
    data = (CASES / f"{name}.tflite").read_bytes()
    plan = plans.lowered(read_tflite.load(data))  # in the memory that it likes best
    place(plan)
    assert [step.function for step in plan.steps] == ["td_conv"]
    machine = plans.CortexM4Plans([plan], tmp_path)
    try:
        _compare(machine, 0, plan, data)  # type: ignore[arg-type]
    finally:
        machine.close()


def test_more_dimensions_than_the_runtime_knows() -> None:
    b = Builder()
    x = b.input((1, 1, 1, 1, 1, 2, 2), Type.FLOAT32)
    y = b.op("ABS", [x], x.shape, Type.FLOAT32)
    with pytest.raises(NotCompilableError, match="7 dimensions, the runtime knows 6"):
        plan_of(dump(b.model(y)))


def test_a_field_says_what_it_does_not_hold() -> None:
    with pytest.raises(FieldRangeError, match=r"kernel_height of 256 is not in \[0, 255\]"):
        conv_weights.conv_geometry((300, 4, 4), (45, 4, 4), (256, 1), (1, 1), (0, 0), 0)


def test_the_committed_headers_are_those_of_the_declarations() -> None:
    for name, text in headers().items():
        assert (FOLDER / name).read_text() == text, name


def test_every_limit_is_named_in_the_firmware() -> None:
    sources = [p for p in (ROOT / "firmware").rglob("*.[ch]*") if p.parent != FOLDER]
    text = "\n".join(path.read_text(errors="replace") for path in sources if path.is_file())
    for limit in limits.LIMITS:
        name = "k" + "".join(word.capitalize() for word in limit.name.split("_"))
        assert f"limits::{name}" in text, limit.name


def test_each_narrow_field_and_limit_has_edges() -> None:
    for code, structs in params.OF_OPERATOR.items():
        drawn = {(edge.size, edge.most) for edge in edges_of(code)}
        for struct in structs:
            narrow = [f for f in struct.fields if f.range[1] < 1 << 15 and f.name not in DERIVED]
            assert {(f.name, f.range[1]) for f in narrow} <= drawn, struct.name
    for limit in limits.LIMITS:
        for code in limit.operators:
            assert [e.value - limit.most for e in edges_of(code) if e.most == limit.most] == [
                -1, 0, 1,
            ], limit.name  # fmt: skip


@pytest.mark.parametrize("step", [-1, 0, 1])
def test_edges_are_drawn(step: int) -> None:
    rows = limits.CONV_WINDOW_ROWS.most
    edge = Edge("kernel_height", rows + step, rows)
    model = model_of(at_edge(np.random.default_rng(1), "CONV_2D", "int8", edge))
    assert model.main.ops[0].operands[1].shape[1] == rows + step
