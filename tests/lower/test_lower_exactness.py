"""Layers of which some channels are hard: what each costs, and that all equal TFLM."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from lowered import plan_of
from tinydeploy.fuzz.cases import Case
from tinydeploy.fuzz.compare import difference
from tinydeploy.fuzz.engines import Compiled
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Array, Model, Quantization, Tensor, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge
from tinydeploy.lower.plan.ir import Step
from tinydeploy.ops.shape_rules import window_size

RNG = np.random.default_rng(20261201)
WINDOW = {
    "padding": "SAME",
    "stride_w": 1,
    "stride_h": 1,
    "dilation_w_factor": 1,
    "dilation_h_factor": 1,
    "fused_activation_function": "NONE",
}
SOURCE = (0.02, -5)  # scale and zero point of a layer's input


def _constant(build: Builder, values: Array, scales: Array, axis: int = 0) -> Tensor:
    zeros = np.zeros(len(scales), np.int64)
    return build.constant(values, quantization=Quantization(scales.astype(np.float32), zeros, axis))


def layer(
    code: str,
    weights: Array,
    scales: Array,
    bias: Array,
    *,
    output: tuple[float, int] = (0.05, 3),
    size: tuple[int, int] = (5, 4),
    **options: Any,
) -> Model:
    """A layer whose channels are those of `scales`; weights as the operator wants them."""
    build = Builder()
    channels, depth = len(scales), weights.shape[-1]
    shape = (1, depth) if code == "FULLY_CONNECTED" else (1, *size, depth)
    x = build.input(shape, Type.INT8, per_tensor(*SOURCE))
    axis = 3 if code == "DEPTHWISE_CONV_2D" else 0
    filters = _constant(build, weights.astype(np.int8), scales, axis)
    start = _constant(build, bias.astype(np.int32), scales * SOURCE[0])
    if code == "FULLY_CONNECTED":
        options = {"fused_activation_function": "NONE", "keep_num_dims": False} | options
        sides: tuple[int, ...] = (1,)
    else:
        options = WINDOW | options
        sides = (1, *_outputs(size, weights.shape[1:3], options))
    if code == "DEPTHWISE_CONV_2D":
        options["depth_multiplier"] = channels // depth
    y = build.op(
        code, [x, filters, start], (*sides, channels), Type.INT8, per_tensor(*output), **options
    )
    return build.model(y)


def _outputs(
    size: tuple[int, int], kernel: tuple[int, ...], options: dict[str, Any]
) -> Iterator[int]:
    """Height and width of a window's output."""
    for side, inputs, taps in zip("hw", size, kernel, strict=True):
        numbers = options[f"stride_{side}"], options[f"dilation_{side}_factor"]
        yield window_size(inputs, taps, *numbers, options["padding"])


def weights_for(code: str, channels: int, depth: int, kernel: int = 3) -> Array:
    """Random weights without -128."""
    shapes = {
        "CONV_2D": (channels, kernel, kernel, depth),
        "DEPTHWISE_CONV_2D": (1, kernel, kernel, channels),
        "FULLY_CONNECTED": (channels, depth),
    }
    return RNG.integers(-127, 128, shapes[code]).astype(np.int8)


def case_of(model: Model, seed: int) -> Case:
    """With random inputs, and the extremes."""
    data, rng = dump(model), np.random.default_rng(seed)
    shapes = [x.shape for x in model.main.inputs]
    runs = [[rng.integers(-128, 128, s).astype(np.int8) for s in shapes] for _ in range(3)]
    runs += [[np.full(s, value, np.int8) for s in shapes] for value in (-128, 127)]
    runs += [[rng.choice([-128, 127], s).astype(np.int8) for s in shapes]]
    return Case(seed, "", model.main.ops[0].name, model, data, runs)


def check(cases: Iterable[Case], target: str) -> None:
    """All of them in one program against TFLM."""
    cases = list(cases)
    outcomes = Compiled(target).run(cases)
    for case, outcome in zip(cases, outcomes, strict=True):
        judge = Judge(case.data)
        expected = [judge.run(given) for given in case.inputs]
        assert outcome.outputs is not None, outcome
        assert difference(case, outcome.outputs, expected) == "", f"case {case.seed}"


def steps_of(model: Model) -> list[Step]:
    return plan_of(dump(model)).steps


# ---- By hand: one layer of eight channels, of which one is hard. ----


def one_hard_channel(code: str, kind: str, zero_point: int = 3) -> Model:
    channels = 8
    weights = weights_for(code, channels, 6 if code != "DEPTHWISE_CONV_2D" else channels)
    scales, bias = np.full(channels, 0.004), RNG.integers(-500, 500, channels)
    first = weights[..., 3] if code == "DEPTHWISE_CONV_2D" else weights[3]
    match kind:
        case "a steep scale":
            scales[3] = 2.0
        case "a channel that is constant by its bias":
            bias[3] = 1 << 30
        case "sums beyond 2^23":
            bias[3], scales[3] = 8_400_000, 1e-6
        case "a weight of -128":
            first.reshape(-1)[:] = -128
        case "a tiny scale":
            scales[3], bias[3] = 2e-6, 8_000_000
        case "a dead channel":
            first.reshape(-1)[:] = 0
    return layer(code, weights, scales, bias, output=(0.05, zero_point))


KINDS = (
    "a steep scale",
    "a channel that is constant by its bias",
    "sums beyond 2^23",
    "a weight of -128",
    "a tiny scale",
    "a dead channel",
)
CODES = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("kind", KINDS)
def test_one_hard_channel_leaves_the_others_fast(code: str, kind: str) -> None:
    steps = steps_of(one_hard_channel(code, kind))
    assert steps[0].function != "td_conv_general"
    for step in steps[1:]:
        assert (step.function, step.params["channels"]) == ("td_conv_general", 1)
        assert step.fallback.startswith("1 of 8 channels: ")
    if kind in ("a channel that is constant by its bias", "a dead channel"):
        assert len(steps) == 1
    if code == "DEPTHWISE_CONV_2D":  # neither lanes nor pairs of channels
        assert len(steps) == 1 or kind in ("sums beyond 2^23", "a steep scale")


@pytest.mark.parametrize("target", ["host", "simulator"])
def test_hard_channels_equal_tflm(target: str) -> None:
    models = [one_hard_channel(c, k, z) for c in CODES for k in KINDS for z in (3, -128)]
    check([case_of(model, seed) for seed, model in enumerate(models)], target)


@pytest.mark.parametrize("code", CODES)
def test_a_layer_without_a_fast_channel_is_the_interpreters(code: str) -> None:
    weights = weights_for(code, 4, 4)
    (step,) = steps_of(layer(code, weights, np.full(4, 3.0), np.zeros(4)))
    assert step.function == "RunKernel"
    assert step.fallback.startswith("the interpreter's kernel: 4 of 4 channels: ")


@pytest.mark.parametrize(
    ("code", "hard", "function"),
    [
        ("CONV_2D", 8, "td_conv"),
        ("CONV_2D", 13, "RunKernel"),
        ("DEPTHWISE_CONV_2D", 3, "td_depthwise"),
        ("DEPTHWISE_CONV_2D", 4, "RunKernel"),
        ("FULLY_CONNECTED", 8, "td_fully_connected"),
        ("FULLY_CONNECTED", 13, "RunKernel"),
    ],
)
def test_where_the_two_kernels_would_cost_more_the_interpreters_does_it(
    code: str, hard: int, function: str
) -> None:
    """Of 16 channels: prices are in convolution.py and depthwise.py, measured in engines.md."""
    scales = np.full(16, 0.004)
    scales[:hard] = 3.0
    model = layer(code, weights_for(code, 16, 16), scales, np.zeros(16))
    assert steps_of(model)[0].function == function
    check([case_of(model, 1)], "host")


def test_groups_of_one_channel_keep_the_general_kernel() -> None:
    """The interpreter takes twice as long for these; for other groups it does not."""
    for depth, function in ((1, "td_conv_general"), (4, "RunKernel")):
        build = Builder()
        x = build.input((1, 6, 5, 8), Type.INT8, per_tensor(0.02, -5))
        w = _constant(build, RNG.integers(-127, 128, (8, 3, 3, depth)).astype(np.int8), np.ones(8))
        b = _constant(build, np.arange(8, dtype=np.int32), np.full(8, 0.02))
        options = {"padding": "SAME", "stride_w": 1, "stride_h": 1} | WINDOW
        y = build.op("CONV_2D", [x, w, b], (1, 6, 5, 8), Type.INT8, per_tensor(9.0, 3), **options)
        model = build.model(y)
        (step,) = steps_of(model)
        assert (step.function, "groups" in step.fallback) == (function, True)
        check([case_of(model, depth)], "host")


def test_sums_of_tensors_of_coarse_scales() -> None:
    """3.9 steps of the output for one of the input."""
    build = Builder()
    a, b = (
        build.input((1, 40), Type.INT8, per_tensor(s, z)) for s, z in ((0.1951, 9), (0.18313, 0))
    )
    model = build.model(build.op("ADD", [a, b], (1, 40), Type.INT8, per_tensor(0.05, -20)))
    assert [step.function for step in steps_of(model)] == ["td_add"]
    check([case_of(model, 1)], "host")


# ---- The sweep: scales at the edges, weights of -128, dead channels, in every shape. ----


def swept(seed: int) -> Case:
    rng = np.random.default_rng([9, seed])
    code = CODES[seed % 3]
    channels = int(rng.integers(1, 14))
    depth = channels if code == "DEPTHWISE_CONV_2D" else int(rng.integers(1, 10))
    weights = weights_for(code, channels, depth, int(rng.integers(1, 4)))
    low = -128 if rng.random() < 0.5 else -127
    weights = rng.integers(low, 128, weights.shape).astype(np.int8)
    by_channel = np.moveaxis(weights, -1 if code == "DEPTHWISE_CONV_2D" else 0, 0)
    by_channel[rng.random(channels) < 0.1] = 0
    by_channel[rng.random(channels) < 0.2] = -128
    scales = np.exp2(rng.uniform(-12, -4, channels))
    edges = rng.random(channels) < 0.4
    scales[edges] = np.exp2(rng.integers(-30, 4, edges.sum())) * rng.choice([0.999999, 1, 1.000001])
    bias = (rng.integers(-(2**20), 2**20, channels) >> rng.integers(0, 20, channels)).astype(int)
    bias[rng.random(channels) < 0.1] <<= 10
    output = (float(rng.uniform(0.01, 0.3)), int(rng.choice([-128, 127, rng.integers(-128, 128)])))
    act = "NONE" if rng.random() < 0.7 else "RELU6"
    model = layer(code, weights, scales, bias, output=output, fused_activation_function=act)
    return case_of(model, seed)


@pytest.mark.parametrize("target", ["host", "simulator"])
def test_swept_layers_equal_tflm(target: str) -> None:
    cases = [swept(seed) for seed in range(90)]
    kinds = [step.fallback for case in cases for step in plan_of(case.data).steps]
    assert sum(bool(kind) for kind in kinds) > 15
    check(cases, target)
