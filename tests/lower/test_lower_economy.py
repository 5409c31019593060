"""What a plan takes of the arena: kernels of the interpreter in place, scratch that gives way."""

from __future__ import annotations

import numpy as np
import plan_checker
import pytest
from tinydeploy import arena
from tinydeploy.graph import read_tflite
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Quantization, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.lower.build_plan import most_arena
from tinydeploy.lower.plan.ir import Plan
from tinydeploy.stages.compile_plan import plan_model

WIDE = (1, 100)


def planned(model: Model) -> Plan:
    return plan_model(read_tflite.load(dump(model)))


def test_floats_are_computed_where_they_lie() -> None:
    build = Builder()
    x = build.input(WIDE, Type.FLOAT32)
    for code in ("ABS", "NEG", "SQUARE"):
        x = build.op(code, [x], WIDE, Type.FLOAT32)
    x = build.op("ADD", [x, x], WIDE, Type.FLOAT32, fused_activation_function="NONE")
    plan = planned(build.model(x))
    assert [step.function for step in plan.steps] == ["RunKernel"] * 4
    assert plan.arena_bytes == 400


def test_a_tensor_that_is_still_needed_is_not_written_over() -> None:
    build = Builder()
    x = build.input(WIDE, Type.FLOAT32)
    y = build.op("ABS", [x], WIDE, Type.FLOAT32)
    z = build.op("NEG", [x], WIDE, Type.FLOAT32)
    assert planned(build.model(y, z)).arena_bytes == 800


def test_floats_are_quantized_where_they_lie() -> None:
    build = Builder()
    x = build.input(WIDE, Type.FLOAT32)
    y = build.op("QUANTIZE", [x], WIDE, Type.INT8, per_tensor(0.1, 3))
    assert planned(build.model(y)).arena_bytes == 400


def column_of_int16() -> Model:
    """A convolution whose usual scratch is larger than its tensors."""
    build, rng = Builder(), np.random.default_rng(1)
    x = build.input((1, 40, 1, 4), Type.INT16, per_tensor(0.01, 0))
    scales = Quantization(np.full(2, 0.01, np.float32), np.zeros(2, np.int64), 0)
    weights = rng.integers(-127, 128, (2, 8, 1, 4)).astype(np.int8)
    w = build.constant(weights, quantization=scales)
    b = build.constant(np.zeros(2, np.int64), quantization=scales)
    y = build.op(
        "CONV_2D", [x, w, b], (1, 33, 1, 2), Type.INT16, per_tensor(0.1, 0), padding="VALID",
        stride_h=1, stride_w=1, dilation_h_factor=1, dilation_w_factor=1,
        fused_activation_function="NONE",
    )  # fmt: skip
    return build.model(y)


def test_scratch_gives_way_where_the_interpreter_takes_less() -> None:
    model = column_of_int16()
    plan = planned(model)
    plan_checker.check(plan)
    assert plan.arena_bytes <= arena.needs(model).total_bytes == most_arena(model)
    assert plan.steps[0].function == "td_conv16"
    assert plan.steps[0].params["pairs"] == 1


@pytest.mark.parametrize("height", [33, 40])
def test_a_kernel_gives_way_where_its_least_scratch_is_too_much(height: int) -> None:
    build, rng = Builder(), np.random.default_rng(1)
    x = build.input((1, 60, 5, 2), Type.INT8, per_tensor(0.02, 0))
    scales = Quantization(np.full(2, 0.01, np.float32), np.zeros(2, np.int64), 0)
    weights = rng.integers(-127, 128, (2, height, 5, 2)).astype(np.int8)
    w = build.constant(weights, quantization=scales)
    b = build.constant(np.zeros(2, np.int32), quantization=scales)
    y = build.op(
        "CONV_2D", [x, w, b], (1, 61 - height, 1, 2), Type.INT8, per_tensor(0.2, 0),
        padding="VALID", stride_h=1, stride_w=1, dilation_h_factor=1, dilation_w_factor=1,
        fused_activation_function="NONE",
    )  # fmt: skip
    model = build.model(y)
    plan = planned(model)
    assert plan.arena_bytes <= arena.needs(model).total_bytes
