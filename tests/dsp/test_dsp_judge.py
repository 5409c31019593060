"""A sample of layers against TFLM itself, from the scales in the file to the last byte."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tinydeploy.abi import params as declared
from tinydeploy.graph import ir, write_tflite
from tinydeploy.judge import Judge
from tinydeploy.kernel_lab import cases, layers
from tinydeploy.kernel_lab.cases import Array, Case, params_of
from tinydeploy.kernel_lab.harness import CortexM4, Host
from tinydeploy.lower.packing import (
    conv_general,
    conv_weights,
    depthwise_weights,
    elementwise,
    sums,
)
from tinydeploy.lower.packing.exactness import Scaling, channel_scaling

Machine = Host | CortexM4
Scale = tuple[float, int]


def tensor(shape: tuple[int, ...], scale: Scale, data: Array | None = None) -> ir.Tensor:
    return ir.Tensor("t", ir.Type.INT8, shape, data, ir.per_tensor(*scale))


def per_channel(data: Array, scales: Array, axis: int) -> ir.Tensor:
    zeros = np.zeros(len(scales), np.int64)
    quantization = ir.Quantization(scales.astype(np.float32), zeros, axis)
    return ir.Tensor("w", ir.Type.INT8, data.shape, data, quantization)


def bias_of(values: Array, scales: Array) -> ir.Tensor:
    quantization = ir.Quantization(scales.astype(np.float32), np.zeros(len(scales), np.int64), 0)
    return ir.Tensor("b", ir.Type.INT32, values.shape, values.astype(np.int32), quantization)


def judged(
    code: str, inputs: list[ir.Tensor], output: ir.Tensor, given: list[Array], **options: Any
) -> Array:
    """What TFLM makes of one operator."""
    variable = [t for t in inputs if not t.is_constant]
    graph = ir.Subgraph("main", [*inputs, output], [ir.Op(code, [*inputs], [output], options)])
    graph.inputs, graph.outputs = variable, [output]
    judge = Judge(write_tflite.dump(ir.Model([graph])))
    return np.asarray(
        judge.run([x.reshape(t.shape) for x, t in zip(given, variable, strict=True)])[0]
    )


def scaling_of(
    weights: Array, bias: Array, source: Scale, scales: Array, target: Scale, biased: bool
) -> tuple[Array, Scaling]:
    start = sums.fold_bias(bias, weights, source[1])
    real = sums.effective_scales(source[0], scales, target[0])
    bounds = sums.accumulator_bounds(weights, start)
    scaling = channel_scaling(real, target[1], bounds, biased=biased)
    assert not scaling.reasons
    return start, scaling


@pytest.mark.parametrize("zero_point", [-128, 11])
@pytest.mark.parametrize(("size", "kernel", "stride"), [(7, 3, 2), (8, 1, 1), (6, 4, 1)])
def test_conv(
    size: int, kernel: int, stride: int, zero_point: int, machine: Machine, rng: np.random.Generator
):
    given = cases.random_int8(rng, size, size, 6)
    weights = cases.random_int8(rng, 9, kernel, kernel, 6, low=-127)
    bias, scales = rng.integers(-3000, 3000, 9), rng.uniform(0.001, 0.009, 9)
    source, target = (0.031, -7), (0.11 * kernel, zero_point)
    out, before = layers.same_padding(size, kernel, stride)
    expected = judged(
        "CONV_2D",
        [
            tensor((1, size, size, 6), source),
            per_channel(weights, scales, 0),
            bias_of(bias, scales * source[0]),
        ],
        tensor((1, out, out, 9), target),
        [given],
        padding="SAME", stride_w=stride, stride_h=stride,
        dilation_w_factor=1, dilation_h_factor=1,
    )  # fmt: skip
    start, scaling = scaling_of(weights.reshape(9, -1), bias, source, scales, target, True)
    if kernel == 1:
        geometry = conv_weights.pointwise_geometry(size * size, 6, 9)
    else:
        geometry = conv_weights.conv_geometry(
            (size, size, 6), (out, out, 9), (kernel, kernel), (stride, stride),
            (before, before), source[1],
        )  # fmt: skip
    Case(
        "td_pointwise" if kernel == 1 else "td_conv",
        params_of(declared.POINTWISE if kernel == 1 else declared.CONV, geometry.params),
        given,
        expected[0],
        [cases.words(conv_weights.pack_conv(weights, start, scaling))],
        scratch_bytes=geometry.scratch_bytes,
        extra=(f"td_dot_pairs_{scaling.mode}",),
    ).check(machine)


@pytest.mark.parametrize("zero_point", [-128, 0])
@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise(stride: int, zero_point: int, machine: Machine, rng: np.random.Generator):
    given = cases.random_int8(rng, 9, 6, 7)
    weights = cases.random_int8(rng, 3, 3, 7, low=-127)
    bias, scales = rng.integers(-3000, 3000, 7), rng.uniform(0.001, 0.009, 7)
    source, target = (0.031, 5), (0.12, zero_point)
    (out_h, top), (out_w, left) = (layers.same_padding(n, 3, stride) for n in (9, 6))
    expected = judged(
        "DEPTHWISE_CONV_2D",
        [
            tensor((1, 9, 6, 7), source),
            per_channel(weights[None], scales, 3),
            bias_of(bias, scales * source[0]),
        ],
        tensor((1, out_h, out_w, 7), target),
        [given],
        padding="SAME", stride_w=stride, stride_h=stride, depth_multiplier=1,
        dilation_w_factor=1, dilation_h_factor=1,
    )  # fmt: skip
    flat = np.ascontiguousarray(weights.reshape(9, 7).T)
    start, scaling = scaling_of(flat, bias, source, scales, target, False)
    geometry = depthwise_weights.geometry((9, 6, 7), (out_h, out_w), stride, (top, left), source[1])
    prefix = "td_depthwise_stride2" if stride == 2 else "td_depthwise"
    Case(
        "td_depthwise",
        params_of(declared.DEPTHWISE, geometry.params),
        given,
        expected[0],
        [cases.words(depthwise_weights.pack(weights, start, scaling))],
        scratch_bytes=geometry.scratch_bytes,
        extra=(f"{prefix}_{scaling.mode}",),
    ).check(machine)


@pytest.mark.parametrize("zero_point", [-128, 20])
def test_fully_connected(zero_point: int, machine: Machine, rng: np.random.Generator):
    given = cases.random_int8(rng, 2, 50)
    weights = cases.random_int8(rng, 21, 50, low=-127)
    bias = rng.integers(-3000, 3000, 21)
    source, target, scale = (0.0317, -7), (0.213, zero_point), 0.00713
    expected = judged(
        "FULLY_CONNECTED",
        [
            tensor((2, 50), source),
            tensor((21, 50), (scale, 0), weights),
            bias_of(bias, np.array([scale * source[0]])),
        ],
        tensor((2, 21), target),
        [given],
    )
    start = sums.fold_bias(bias, weights, source[1])
    real = np.full(21, sums.effective_scales(source[0], np.array([scale]), target[0])[0])
    bounds = sums.accumulator_bounds(weights, start)
    scaling = channel_scaling(real, zero_point, bounds, biased=True)
    assert not scaling.reasons
    Case(
        "td_fully_connected",
        np.array([2, 50, 21], "<u2"),
        given,
        expected,
        [cases.words(conv_weights.pack_dense(weights, start, scaling))],
        scratch_bytes=conv_weights.dense_scratch_bytes(50),
        extra=(f"td_dot_one_{scaling.mode}",),
    ).check(machine)


@pytest.mark.parametrize("code", ["ADD", "SUB"])
@pytest.mark.parametrize("seed", range(4))
def test_add(code: str, seed: int, machine: Machine):
    rng = np.random.default_rng(seed)
    first, second = cases.random_int8(rng, 2001), cases.random_int8(rng, 2001)
    sign = 1 if code == "ADD" else -1
    while True:
        scales, zeros = rng.uniform(0.01, 0.05, 3), rng.integers(-128, 128, 3)
        a, b, out = [(float(s), int(z)) for s, z in zip(scales, zeros, strict=True)]
        params = elementwise.add_params(a, b, out, 2001, sign)
        if params is not None:
            break
    expected = judged(
        code, [tensor((1, 2001), a), tensor((1, 2001), b)], tensor((1, 2001), out), [first, second]
    )
    words = params_of(declared.ADD, params)
    Case("td_add", words, first, expected[0], second=second).check(machine)


@pytest.mark.parametrize(("depth", "scale"), [(2, 0.5), (12, 0.09), (12, 0.3), (200, 0.02)])
def test_softmax(depth: int, scale: float, machine: Machine, rng: np.random.Generator):
    given = cases.random_int8(rng, 5, depth)
    expected = judged(
        "SOFTMAX",
        [tensor((5, depth), (scale, 17))],
        tensor((5, depth), (1 / 256, -128)),
        [given],
        beta=1.0,
    )
    table = np.frombuffer(elementwise.softmax_table(1.0, scale), "<i4").copy()
    Case("td_softmax", np.array([5, depth, len(table)], "<u4"), given, expected, [table]).check(
        machine
    )


@pytest.mark.parametrize("code", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_pools(code: str, machine: Machine, rng: np.random.Generator):
    given = cases.random_int8(rng, 9, 7, 6)
    scale = (0.1, 3)
    expected = judged(
        code,
        [tensor((1, 9, 7, 6), scale)],
        tensor((1, 5, 4, 6), scale),
        [given],
        padding="SAME", stride_w=2, stride_h=2, filter_width=3, filter_height=2,
    )  # fmt: skip
    (_, top), (_, left) = layers.same_padding(9, 2, 2), layers.same_padding(7, 3, 2)
    params = elementwise.pool_params((9, 7, 6), (5, 4), (2, 3), (2, 2), (top, left))
    name = "td_average_pool" if code == "AVERAGE_POOL_2D" else "td_max_pool"
    Case(name, params_of(declared.POOL8, params), given, expected[0]).check(machine)


@pytest.mark.parametrize("target", [(0.1, 3), (0.07, -20)])
@pytest.mark.parametrize("size", [5, 19])
def test_mean(size: int, target: Scale, machine: Machine, rng: np.random.Generator):
    given = cases.random_int8(rng, size, size, 6)
    axes = ir.Tensor("axes", ir.Type.INT32, (2,), np.array([1, 2], np.int32))
    expected = judged(
        "MEAN",
        [tensor((1, size, size, 6), (0.1, 3)), axes],
        tensor((1, 6), target),
        [given],
        keep_dims=False,
    )
    params = elementwise.mean_params(size * size, 6, (0.1, 3), target)
    Case("td_mean", params_of(declared.MEAN, params), given, expected[0]).check(machine)


def test_requantize_by_table(machine: Machine):
    source, target = (0.031, 5), (0.0247, -60)
    given = np.arange(-128, 128).astype(np.int8)
    expected = judged("QUANTIZE", [tensor((256,), source)], tensor((256,), target), [given])
    table = np.frombuffer(elementwise.requantize_table(source, target), np.int8).copy()
    Case("td_lookup", np.array([256], "<u4"), given, expected, [table]).check(machine)


def general(
    weights: Array, bias: Array, real: Array, given: Array, expected: Array, **how: Any
) -> Case:
    options = conv_general.ConvOptions(**how)
    packed = conv_general.pack_general(weights, bias, real, given.shape, expected.shape, options)
    channels = np.frombuffer(packed.channels, "<i4").copy()
    filters = np.frombuffer(packed.weights, np.int8).copy()
    params = params_of(declared.GENERAL, packed.params)
    return Case("td_conv_general", params, given, expected, [channels, filters])


def test_general_conv(machine: Machine, rng: np.random.Generator):
    """Dilation, weights of -128, a scale above 1, a clamp by RELU6."""
    given = cases.random_int8(rng, 1, 8, 9, 5)
    weights, bias = cases.random_int8(rng, 4, 3, 2, 5), rng.integers(-3000, 3000, 4)
    weights[0] = -128
    source, target = (0.9, -7), (0.05, -30)
    scales = np.array([0.001, 0.2, 0.9, 0.01])
    expected = judged(
        "CONV_2D",
        [
            tensor((1, 8, 9, 5), source),
            per_channel(weights, scales, 0),
            bias_of(bias, scales * source[0]),
        ],
        tensor((1, 8, 9, 4), target),
        [given],
        padding="SAME", stride_w=1, stride_h=1, dilation_w_factor=3, dilation_h_factor=2,
        fused_activation_function="RELU6",
    )  # fmt: skip
    real = sums.effective_scales(source[0], scales, target[0])
    general(
        weights, bias, real, given, expected, dilation=(2, 3), padding=(2, 1),
        zero_points=(source[1], target[1]), activation=(-30, 90),
    ).check(machine)  # fmt: skip


def test_general_depthwise(machine: Machine, rng: np.random.Generator):
    """A multiplier of 2, 5x1, stride 2."""
    given = cases.random_int8(rng, 1, 11, 6, 3)
    weights, bias = cases.random_int8(rng, 5, 1, 6), rng.integers(-3000, 3000, 6)
    source, target, scales = (0.03, 5), (0.05, 2), rng.uniform(0.001, 0.009, 6)
    expected = judged(
        "DEPTHWISE_CONV_2D",
        [
            tensor((1, 11, 6, 3), source),
            per_channel(weights[None], scales, 3),
            bias_of(bias, scales * source[0]),
        ],
        tensor((1, 6, 3, 6), target),
        [given],
        padding="SAME", stride_w=2, stride_h=2, depth_multiplier=2,
        dilation_w_factor=1, dilation_h_factor=1,
    )  # fmt: skip
    real = sums.effective_scales(source[0], scales, target[0])
    general(
        np.ascontiguousarray(weights.transpose(2, 0, 1)[..., None]), bias, real, given, expected,
        stride=(2, 2), padding=(2, 0), zero_points=(source[1], target[1]),
    ).check(machine)  # fmt: skip
