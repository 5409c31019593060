"""Int16 activations with int8 weights: random layers, compiled, on this PC and on the simulated
core, against TFLM."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import plan_of
from tinydeploy.fuzz import plans
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Quantization, Tensor, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge
from tinydeploy.lower import pack16
from tinydeploy.ops.shapes import window_size

ACTIVATIONS = ("NONE", "RELU", "RELU6")
COUNT = 24
KINDS = ("CONV_2D", "pointwise", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def layer(seed: int) -> Model:
    """One layer with random shape, weights, scales and activation."""
    rng = np.random.default_rng(300 + seed)
    kind, build = KINDS[seed % len(KINDS)], Builder()
    depth, units = (int(n) for n in rng.integers(1, 22, 2))
    given, output_scale = float(rng.uniform(0.5, 2) / 4096), float(10 ** rng.uniform(-4, -2.5))
    if kind == "FULLY_CONNECTED":
        rows = int(rng.integers(1, 4))
        x = build.input((rows, depth), Type.INT16, per_tensor(given, 0))
        weights, bias = constants(build, rng, (units, depth), 0, given)
        shape: tuple[int, ...] = (rows, units)
        options: dict[str, Any] = {}
        code = kind
    else:
        height, width = (int(n) for n in rng.integers(1, 10, 2))
        kernel = (1, 1) if kind == "pointwise" else tuple(int(n) for n in rng.integers(1, 5, 2))
        stride = (1, 1) if kind == "pointwise" else tuple(int(n) for n in rng.integers(1, 3, 2))
        x = build.input((1, height, width, depth), Type.INT16, per_tensor(given, 0))
        code = "CONV_2D" if kind == "pointwise" else kind
        units = depth if code == "DEPTHWISE_CONV_2D" else units
        of_weights = (1, *kernel, depth) if code != "CONV_2D" else (units, *kernel, depth)
        weights, bias = constants(build, rng, of_weights, 3 if code != "CONV_2D" else 0, given)
        sizes = zip((height, width), kernel, stride, strict=True)
        shape = (1, *(window_size(n, k, s, 1, "SAME") for n, k, s in sizes), units)
        options = {
            "padding": "SAME", "stride_h": stride[0], "stride_w": stride[1],
            "dilation_h_factor": 1, "dilation_w_factor": 1,
        }  # fmt: skip
        if code == "DEPTHWISE_CONV_2D":
            options["depth_multiplier"] = 1
    options["fused_activation_function"] = ACTIVATIONS[int(rng.integers(3))]
    y = build.op(
        code, [x, weights, bias], shape, Type.INT16, per_tensor(output_scale, 0), **options
    )
    return build.model(y)


def constants(
    build: Builder, rng: np.random.Generator, shape: tuple[int, ...], axis: int, given: float
) -> tuple[Tensor, Tensor | None]:
    channels = shape[axis]
    scales = (10 ** rng.uniform(-3, -1, channels)).astype(np.float32)
    zeros = np.zeros(channels, np.int64)
    values = rng.integers(-127, 128, shape).astype(np.int8)
    weights = build.constant(values, quantization=Quantization(scales, zeros, axis))
    if rng.random() < 0.2:
        return weights, None
    bias = rng.integers(-(1 << 20), 1 << 20, channels)
    bias_scales = (scales * np.float32(given)).astype(np.float32)
    return weights, build.constant(bias, quantization=Quantization(bias_scales, zeros, 0))


@pytest.fixture(scope="module")
def cases() -> list[tuple[plans.Plan, list[Any], bytes]]:
    found = []
    for seed in range(COUNT):
        model = layer(seed)
        data, shape = dump(model), model.main.inputs[0].shape
        rng = np.random.default_rng(seed)
        given = rng.integers(-32768, 32768, shape).astype(np.int16)
        found.append((plan_of(data), [given], Judge(data).run([given])[0].tobytes()))
    return found


@pytest.fixture(scope="module", params=[plans.HostPlans, plans.CortexM4Plans])
def machine(
    request: pytest.FixtureRequest, cases: Any, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    machine = request.param([plan for plan, _, _ in cases], tmp_path_factory.mktemp("int16"))
    yield machine
    machine.close()


@pytest.mark.parametrize("seed", range(COUNT))
def test_equals_tflm(cases: Any, machine: Any, seed: int) -> None:
    plan, inputs, expected = cases[seed]
    assert plans.run(machine, seed, plan, inputs) == expected


def test_all_run_in_kernels_of_their_own(cases: Any) -> None:
    called = [step.function for plan, _, _ in cases for step in plan.steps]
    assert set(called) == {"td_conv16", "td_depthwise16", "td_fully_connected16"}
    inner = {a for plan, _, _ in cases for step in plan.steps for a in step.arguments}
    assert {"td_dot16_signed", "td_dot16_positive", "td_dot16_clamped"} <= inner


def test_sums_beyond_32_bits_are_left_to_the_interpreter() -> None:
    weights, scales = np.full((1, 600), 127, np.int8), np.array([1e-3])
    assert pack16.scaling(scales, weights[:, :500], np.zeros(1, np.int64)) is not None
    assert pack16.scaling(scales, weights, np.zeros(1, np.int64)) is None
    assert pack16.scaling(scales, weights[:, :1], np.array([1 << 31])) is None


@pytest.mark.parametrize("scale", [1e-9, 3e-5, 0.0021, 0.3, 0.75, 1.7])
def test_the_upper_word_is_what_tflm_computes(scale: float) -> None:
    rng = np.random.default_rng(7)
    weights, bias = rng.integers(-127, 128, (1, 16)).astype(np.int8), np.array([12345])
    numbers = pack16.scaling(np.array([scale]), weights, bias)
    assert numbers is not None
    most = int(np.abs(weights.astype(int)).sum()) * 32768
    for total in (0, 1, -1, most, -most, *rng.integers(-most, most, 200).tolist()):
        multiplier, shift = pack16._short(*pack16.quantize_multiplier(scale))
        wanted = (total * multiplier + (1 << shift - 1)) >> shift
        assert ((total << numbers.left) * int(numbers.multiplier[0]) + (1 << 31)) >> 32 == wanted
