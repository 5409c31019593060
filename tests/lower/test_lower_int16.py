"""Int16 activations: random layers, compiled, on this PC and on the simulated
core, against TFLM."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lowered import plan_of
from tinydeploy.fuzz import plans
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Quantization, Tensor, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge
from tinydeploy.lower.emit import aot_prepare
from tinydeploy.lower.packing import elementwise_int16, weights_int16
from tinydeploy.lower.rules.unary_pool_softmax import stays_behind
from tinydeploy.ops.shape_rules import window_size

ACTIVATIONS = ("NONE", "RELU", "RELU6")
KINDS = (
    *("CONV_2D", "pointwise", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"),
    *("ADD", "SUB", "MUL", "AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN", "SOFTMAX"),
)
COUNT = 8 * len(KINDS)


def layer(seed: int) -> Model:
    """One layer with random shape, weights, scales and activation."""
    rng = np.random.default_rng(300 + seed)
    kind, build = KINDS[seed % len(KINDS)], Builder()
    if kind in WITHOUT_WEIGHTS:
        return WITHOUT_WEIGHTS[kind](rng, build, kind)
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
    inputs = [x, weights] if bias is None else [x, weights, bias]  # TFLM may crash on a bias of -1
    y = build.op(code, inputs, shape, Type.INT16, per_tensor(output_scale, 0), **options)
    return build.model(y)


def scale(rng: np.random.Generator) -> Quantization:
    return per_tensor(float(10 ** rng.uniform(-4.5, -2.5)), 0)


def arithmetic(rng: np.random.Generator, build: Builder, code: str) -> Model:
    """Of one shape, or with a constant that repeats, on either side, of equal scales or not."""
    shape = (1, *(int(n) for n in rng.integers(1, 12, 3)))
    first = scale(rng)
    a = build.input(shape, Type.INT16, first)
    second = first if rng.random() < 0.3 else scale(rng)
    if rng.random() < 0.5:
        b = build.input(shape, Type.INT16, second)
    else:
        repeats = [shape, (shape[-1],), (1, 1, 1, shape[-1]), (1,), (1, *shape[2:])]
        values = rng.integers(-32768, 32768, repeats[rng.integers(5)]).astype(np.int16)
        b = build.constant(values, quantization=second)
    given = [a, b] if rng.random() < 0.5 else [b, a]
    reach = first.scale * second.scale * 32768 if code == "MUL" else first.scale + second.scale
    result = per_tensor(float(reach * rng.uniform(0.4, 1.2)), 0)
    activation = (*ACTIVATIONS, "RELU_N1_TO_1")[rng.integers(4)]
    y = build.op(code, given, shape, Type.INT16, result, fused_activation_function=activation)
    return build.model(y)


def pool(rng: np.random.Generator, build: Builder, code: str) -> Model:
    """Windows of any size, the whole image included."""
    height, width, depth = (int(n) for n in rng.integers(1, 11, 3))
    x = build.input((1, height, width, depth), Type.INT16, scale(rng))
    kernel = [int(n) for n in rng.integers(1, 5, 2)]
    stride = [int(n) for n in rng.integers(1, 4, 2)]
    padding = "SAME"
    if rng.random() < 0.5:
        kernel = [min(n, k) for n, k in zip((height, width), kernel, strict=True)]
        kernel = [height, width] if rng.random() < 0.4 else kernel
        padding = "VALID"
    sizes = zip((height, width), kernel, stride, strict=True)
    out = [window_size(n, k, s, 1, padding) for n, k, s in sizes]
    y = build.op(
        code, [x], (1, *out, depth), Type.INT16, x.quantization, filter_height=kernel[0],
        filter_width=kernel[1], stride_h=stride[0], stride_w=stride[1], padding=padding,
        fused_activation_function=ACTIVATIONS[rng.integers(3)],
    )  # fmt: skip
    return build.model(y)


def mean(rng: np.random.Generator, build: Builder, code: str) -> Model:
    """Of an image, a sequence, or everything; the result has any scale."""
    shape = tuple(int(n) for n in rng.integers(1, 14, 3))
    case = int(rng.integers(3))
    shape, axes = [((1, *shape), (1, 2)), ((1, *shape[1:]), (1,)), (shape, (0, 1, 2))][case]
    x = build.input(shape, Type.INT16, scale(rng))
    over = build.constant(np.array(axes, np.int32))
    left = tuple(n for axis, n in enumerate(shape) if axis not in axes) or (1,)
    result = x.quantization if rng.random() < 0.3 else scale(rng)
    return build.model(build.op(code, [x, over], left, Type.INT16, result, keep_dims=False))


def softmax(rng: np.random.Generator, build: Builder, code: str) -> Model:
    """Rows of 1 to 40 numbers, of scales on both sides of the table's."""
    shape = (int(rng.integers(1, 4)), int(rng.integers(1, 41)))
    x = build.input(shape, Type.INT16, per_tensor(float(10 ** rng.uniform(-5.5, -2)), 0))
    y = build.op(code, [x], shape, Type.INT16, per_tensor(1 / 32768, 0), beta=1.0)
    return build.model(y)


WITHOUT_WEIGHTS = {
    **dict.fromkeys(("ADD", "SUB", "MUL"), arithmetic),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), pool),
    "MEAN": mean,
    "SOFTMAX": softmax,
}


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


def numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Int16, one in ten at a limit."""
    limits = rng.choice([-32768, 32767, 0], shape)
    return np.where(rng.random(shape) < 0.1, limits, rng.integers(-32768, 32768, shape)).astype(
        np.int16
    )


@pytest.fixture(scope="module")
def cases() -> list[tuple[plans.Plan, list[Any], bytes]]:
    found = []
    for seed in range(COUNT):
        model = layer(seed)
        data, rng = dump(model), np.random.default_rng(seed)
        given = [numbers(rng, tensor.shape) for tensor in model.main.inputs]
        found.append((plan_of(data), given, Judge(data).run(given)[0].tobytes()))
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
    assert plans.run(machine, seed, plan, [inputs]) == expected


def test_all_run_in_kernels_of_their_own(cases: Any) -> None:
    called = [step.function for plan, _, _ in cases for step in plan.steps]
    assert set(called) == {
        *("td_conv16", "td_depthwise16", "td_fully_connected16"),
        *("td_add16", "td_subtract16", "td_multiply16"),
        *("td_average_pool16", "td_max_pool16", "td_mean16", "td_softmax16"),
    }
    inner = {a for plan, _, _ in cases for step in plan.steps for a in step.arguments}
    for body in ("td_dot16", "td_add_pairs16"):
        assert {f"{body}_{mode}" for mode in ("signed", "positive", "clamped")} <= inner


def test_what_may_lie_over_its_input_does(cases: Any) -> None:
    over = {
        step.function
        for plan, _, _ in cases
        for step in plan.steps
        if step.writes[0].base is not None and step.writes[0].base in step.reads
    }
    assert over >= {
        *("td_add16", "td_subtract16", "td_multiply16", "td_mean16", "td_softmax16"),
        *("td_average_pool16", "td_max_pool16"),
    }


def test_a_pool_with_padding_stays_beside_its_input() -> None:
    window = {"stride_height": 1, "stride_width": 1, "in_width": 4, "out_height": 4, "out_width": 4}
    assert stays_behind({**window, "pad_top": 0, "pad_left": 0})
    assert not stays_behind({**window, "pad_top": 1, "pad_left": 0})
    assert not stays_behind({**window, "pad_top": 0, "pad_left": 1})


def test_curves_of_softmax_are_those_of_the_interpreter() -> None:
    build = Builder()
    x = build.input((1, 4), Type.INT16, per_tensor(1e-3, 0))
    y = build.op("SOFTMAX", [x], (1, 4), Type.INT16, per_tensor(1 / 32768, 0), beta=1.0)
    params = aot_prepare.prepare(dump(build.model(y))).params
    curves = np.concatenate(
        [elementwise_int16.exponential_curve(), elementwise_int16.reciprocal_curve()]
    )
    assert params.endswith(curves.astype("<i2").tobytes() + bytes(-2 * len(curves) % 4))
    assert elementwise_int16.reciprocal_curve()[[0, -1]].tolist() == [32767, 16384]


def test_the_factor_of_equal_scales_is_a_half_of_every_int16() -> None:
    x, factor = np.arange(-32768, 32768), elementwise_int16.fine_factor(0.25, 0.25)
    high = (x * factor.multiplier + (1 << 15)) >> 16
    half = 1 << factor.shift - 1
    assert np.array_equal((high + half - (x < 0)) >> factor.shift, x << 14)


def test_sums_beyond_32_bits_are_left_to_the_interpreter() -> None:
    weights, scales = np.full((1, 600), 127, np.int8), np.array([1e-3])
    assert weights_int16.scaling(scales, weights[:, :500], np.zeros(1, np.int64)) is not None
    assert weights_int16.scaling(scales, weights, np.zeros(1, np.int64)) is None
    assert weights_int16.scaling(scales, weights[:, :1], np.array([1 << 31])) is None


@pytest.mark.parametrize("scale", [1e-9, 3e-5, 0.0021, 0.3, 0.75, 1.7])
def test_the_upper_word_is_what_tflm_computes(scale: float) -> None:
    rng = np.random.default_rng(7)
    weights, bias = rng.integers(-127, 128, (1, 16)).astype(np.int8), np.array([12345])
    numbers = weights_int16.scaling(np.array([scale]), weights, bias)
    assert numbers is not None
    most = int(np.abs(weights.astype(int)).sum()) * 32768
    for total in (0, 1, -1, most, -most, *rng.integers(-most, most, 200).tolist()):
        multiplier, shift = weights_int16._short(*weights_int16.quantize_multiplier(scale))
        wanted = (total * multiplier + (1 << shift - 1)) >> shift
        assert ((total << numbers.left) * int(numbers.multiplier[0]) + (1 << 31)) >> 32 == wanted


@pytest.mark.parametrize(
    ("shape", "axes", "over"),
    [
        ((1, 5, 4, 6), (1, 2), (20, 6)),
        ((1, 9, 6), (1,), (9, 6)),
        ((1, 5, 4, 6), (1,), (5, 24)),
        ((3, 1, 4), (0, -1), (12, 1)),
    ],
)
@pytest.mark.parametrize("kind", [Type.INT8, Type.INT16])
def test_means_over_outer_axes_have_kernels(
    shape: tuple[int, ...], axes: tuple[int, ...], over: tuple[int, int], kind: Type
) -> None:
    build = Builder()
    x = build.input(shape, kind, per_tensor(0.01, 0))
    left = tuple(n for axis, n in enumerate(shape) if axis not in {a % len(shape) for a in axes})
    inputs = [x, build.constant(np.array(axes, np.int32))]
    y = build.op("MEAN", inputs, left or (1,), kind, per_tensor(0.01, 0), keep_dims=False)
    [step] = plan_of(dump(build.model(y))).steps
    assert step.function == ("td_mean16" if kind is Type.INT16 else "td_mean")
    assert (step.params["pixels"], step.params["channels"]) == over
