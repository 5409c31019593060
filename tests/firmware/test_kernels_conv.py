"""Convolutions, fully connected layers and pools against TFLM, on random models."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from compare import Case, check, seeds
from one_op import Tensor
from runner import Runner

Rng = np.random.Generator
CASES = 40


def _activation(rng: Rng, tensor_type: str) -> int:
    return int(rng.choice([0, 0, 1, 2, 3])) if tensor_type != "int16" else int(rng.choice([0, 1]))


def _zero_point(rng: Rng, dtype: str) -> int:
    return int(rng.integers(-128, 128)) if dtype == "int8" else 0


def _quantized(rng: Rng, shape: tuple[int, ...], dtype: str) -> Tensor:
    if dtype == "float32":
        return Tensor(shape, dtype)
    scale = float(rng.uniform(0.005, 0.1)) / (1 if dtype == "int8" else 256)
    return Tensor(shape, dtype, scale, _zero_point(rng, dtype))


def _weights(rng: Rng, shape: tuple[int, ...], dtype: str, axis: int) -> Tensor:
    if dtype == "float32":
        return Tensor(shape, dtype, data=rng.normal(size=shape))
    channels = shape[axis]
    count = 1 if rng.random() < 0.2 else channels
    scales = rng.uniform(0.001, 0.05, count)
    return Tensor(
        shape, "int8", scales.tolist(), 0, axis, data=rng.integers(-127, 128, shape, np.int8)
    )


def _bias(rng: Rng, channels: int, dtype: str, image: Tensor, weights: Tensor) -> Tensor | None:
    if rng.random() < 0.2:
        return None
    if dtype == "float32":
        return Tensor((channels,), dtype, data=rng.normal(size=channels))
    kind = "int32" if dtype == "int8" else "int64"
    scales = (np.atleast_1d(weights.scale) * float(np.asarray(image.scale))).tolist()
    return Tensor((channels,), kind, scales, data=rng.integers(-20000, 20000, channels))


def _output(size: int, filter_size: int, stride: int, dilation: int, padding: int) -> int:
    reach = (filter_size - 1) * dilation + 1
    return math.ceil(size / stride) if padding == 0 else math.ceil((size - reach + 1) / stride)


def _window(rng: Rng) -> dict[str, Any]:
    """Random geometry in which the window fits."""
    while True:
        g = {
            "padding": int(rng.integers(2)),
            "size": rng.integers(1, 12, 2),
            "filter": rng.integers(1, 5, 2),
            "stride": rng.integers(1, 4, 2),
            "dilation": rng.choice([1, 1, 1, 2, 3], 2),
        }
        args = zip(g["size"], g["filter"], g["stride"], g["dilation"], strict=True)
        g["output"] = [_output(*map(int, a), g["padding"]) for a in args]
        if min(g["output"]) >= 1:
            return g


def _conv(rng: Rng, dtype: str) -> Case:
    g = _window(rng)
    groups = int(rng.choice([1, 1, 1, 2])) if dtype == "int8" else 1
    depth = int(rng.integers(1, 9))
    units = int(rng.integers(1, 6)) * groups
    batches = int(rng.choice([1, 1, 2]))
    image = _quantized(rng, (batches, *map(int, g["size"]), depth * groups), dtype)
    weights = _weights(rng, (units, *map(int, g["filter"]), depth), dtype, 0)
    bias = _bias(rng, units, dtype, image, weights)
    output = _quantized(rng, (batches, *g["output"], units), dtype)
    options = {
        "padding": g["padding"],
        "strideH": int(g["stride"][0]),
        "strideW": int(g["stride"][1]),
        "dilationHFactor": int(g["dilation"][0]),
        "dilationWFactor": int(g["dilation"][1]),
        "fusedActivationFunction": _activation(rng, dtype),
    }
    return Case("CONV_2D", [image, weights, bias], [output], ("Conv2DOptions", options), 1e-5, 1e-5)


def _depthwise(rng: Rng, dtype: str) -> Case:
    g = _window(rng)
    depth, multiplier = int(rng.integers(1, 9)), int(rng.choice([1, 1, 2, 3]))
    units = depth * multiplier
    image = _quantized(rng, (1, *map(int, g["size"]), depth), dtype)
    weights = _weights(rng, (1, *map(int, g["filter"]), units), dtype, 3)
    bias = _bias(rng, units, dtype, image, weights)
    output = _quantized(rng, (1, *g["output"], units), dtype)
    options = {
        "padding": g["padding"],
        "strideH": int(g["stride"][0]),
        "strideW": int(g["stride"][1]),
        "dilationHFactor": int(g["dilation"][0]),
        "dilationWFactor": int(g["dilation"][1]),
        "depthMultiplier": multiplier,
        "fusedActivationFunction": _activation(rng, dtype),
    }
    name = "DepthwiseConv2DOptions"
    # TFLM crashes on an omitted (-1) bias here; leaving it out altogether is fine.
    inputs = [tensor for tensor in (image, weights, bias) if tensor is not None]
    return Case("DEPTHWISE_CONV_2D", inputs, [output], (name, options), 1e-5, 1e-5)


def _fully_connected(rng: Rng, dtype: str) -> Case:
    depth, units, batches = (int(v) for v in rng.integers(1, [80, 12, 3]))
    image = _quantized(rng, (batches, depth), dtype)
    weights = _weights(rng, (units, depth), dtype, 0)
    bias = _bias(rng, units, dtype, image, weights)
    output = _quantized(rng, (batches, units), dtype)
    options = {"fusedActivationFunction": _activation(rng, dtype)}
    inputs = [image, weights, bias]
    return Case("FULLY_CONNECTED", inputs, [output], ("FullyConnectedOptions", options), 1e-5, 1e-5)


def _pool(rng: Rng, dtype: str, op: str) -> Case:
    g = _window(rng)
    args = zip(g["size"], g["filter"], g["stride"], (1, 1), strict=True)
    out = [_output(*map(int, a), g["padding"]) for a in args]
    if min(out) < 1:
        return _pool(rng, dtype, op)
    depth = int(rng.integers(1, 6))
    image = _quantized(rng, (1, *map(int, g["size"]), depth), dtype)
    output = Tensor((1, *out, depth), dtype, image.scale, image.zero_point)
    options = {
        "padding": g["padding"],
        "strideH": int(g["stride"][0]),
        "strideW": int(g["stride"][1]),
        "filterHeight": int(g["filter"][0]),
        "filterWidth": int(g["filter"][1]),
        "fusedActivationFunction": _activation(rng, dtype),
    }
    return Case(op, [image], [output], ("Pool2DOptions", options), 1e-6, 1e-6)


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
@pytest.mark.parametrize("make", [_conv, _depthwise, _fully_connected])
def test_weighted_layers_equal_tflm(make: Any, dtype: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        check(runner, make(rng, dtype), rng)


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32"])
@pytest.mark.parametrize("op", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_pools_equal_tflm(op: str, dtype: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        check(runner, _pool(rng, dtype, op), rng)
