"""Integer types of operators that are mostly seen with others, against TFLM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from compare import Case, check, seeds
from one_op import Tensor
from runner import Runner

Rng = np.random.Generator
CASES = 20


def _shape(rng: Rng) -> tuple[int, ...]:
    return tuple(int(n) for n in rng.integers(1, 6, int(rng.integers(1, 5))))


def _tensor(rng: Rng, shape: tuple[int, ...], dtype: str, low: float = 0.002) -> Tensor:
    zero_point = int(rng.integers(-128, 128)) if dtype == "int8" else 0
    return Tensor(shape, dtype, float(np.float32(rng.uniform(low, 0.1))), zero_point)


def _absolute(rng: Rng, dtype: str) -> Case:
    shape = _shape(rng)
    x = _tensor(rng, shape, dtype)
    same = Tensor(shape, dtype, x.scale, _tensor(rng, shape, dtype).zero_point)
    return Case("ABS", [x], [same if rng.random() < 0.4 else _tensor(rng, shape, dtype)])


def _rsqrt(rng: Rng) -> Case:
    """From the zero point on: TFLM fails on negative numbers."""
    shape = _shape(rng)
    x = Tensor(shape, "int8", float(np.float32(rng.uniform(0.002, 0.1))), -128)
    return Case("RSQRT", [x], [_tensor(rng, shape, "int8", 0.01)])


def _rsqrt_wide(rng: Rng) -> Case:
    shape = _shape(rng)
    x = Tensor(shape, "int16", float(rng.uniform(1e-5, 1e-3)), data=rng.integers(0, 32768, shape))
    return Case("RSQRT", [x], [Tensor(shape, "int16", float(rng.uniform(1e-4, 1e-2)))])


def _division(rng: Rng) -> Case:
    shape = _shape(rng)
    divisor = _tensor(rng, shape, "int8")
    values = rng.integers(-128, 128, shape)
    values[values == divisor.zero_point] -= 1 if divisor.zero_point > -128 else -1
    by = Tensor(shape, "int8", divisor.scale, divisor.zero_point, data=values)
    options = ("DivOptions", {"fusedActivationFunction": int(rng.integers(0, 2))})
    return Case("DIV", [_tensor(rng, shape, "int8"), by], [_tensor(rng, shape, "int8")], options)


def _whole_division(rng: Rng) -> Case:
    shape = _shape(rng)
    by = Tensor(shape, "int32", data=rng.choice([-100, -7, -2, -1, 1, 3, 50], shape))
    return Case("DIV", [Tensor(shape, "int32"), by], [Tensor(shape, "int32")], ("DivOptions", {}))


def _squared_difference(rng: Rng) -> Case:
    shape = _shape(rng)
    tensors = [Tensor(shape, "int16", float(np.float32(rng.uniform(1e-5, 1e-3)))) for _ in range(3)]
    return Case("SQUARED_DIFFERENCE", tensors[:2], tensors[2:], ("SquaredDifferenceOptions", {}))


def _softmax(rng: Rng) -> Case:
    shape = (*_shape(rng)[:2], int(rng.integers(1, 200)))
    x = Tensor(shape, "int16", float(np.float32(10 ** rng.uniform(-5, -2))))
    result = Tensor(shape, "int16", 1 / 32768)
    return Case("SOFTMAX", [x], [result], ("SoftmaxOptions", {"beta": float(rng.uniform(0.5, 2))}))


def _int4_conv(rng: Rng) -> Case:
    channels, filters = (int(n) for n in rng.integers(1, 7, 2))
    weights = _int4(rng, (filters, 3, 2, channels), 0)
    image = _tensor(rng, (1, 5, 4, channels), "int8")
    options = ("Conv2DOptions", {"strideW": 1, "strideH": 2, "padding": 0})
    inputs = [image, weights, _bias(rng, filters)]
    return Case("CONV_2D", inputs, [_tensor(rng, (1, 3, 4, filters), "int8")], options)


def _int4_depthwise(rng: Rng) -> Case:
    channels = int(rng.integers(1, 9))
    weights = _int4(rng, (1, 3, 3, channels), 3)
    image = _tensor(rng, (1, 5, 4, channels), "int8")
    options = {"strideW": 1, "strideH": 1, "padding": 0, "depthMultiplier": 1}
    inputs = [image, weights, _bias(rng, channels)]
    result = _tensor(rng, image.shape, "int8")
    return Case("DEPTHWISE_CONV_2D", inputs, [result], ("DepthwiseConv2DOptions", options))


def _int4_fully_connected(rng: Rng) -> Case:
    depth, units = (int(n) for n in rng.integers(1, 20, 2))
    weights = replace(_int4(rng, (units, depth), 0), scale=0.01)  # TFLM takes one scale only
    x = _tensor(rng, (2, depth), "int8")
    bias = replace(_bias(rng, units), scale=0.01 * x.scale)  # TFLM checks that
    result = _tensor(rng, (2, units), "int8")
    return Case("FULLY_CONNECTED", [x, weights, bias], [result], ("FullyConnectedOptions", {}))


def _int4(rng: Rng, shape: tuple[int, ...], axis: int) -> Tensor:
    scales = rng.uniform(0.01, 0.1, shape[axis]).tolist()
    return Tensor(shape, "int4", scales, axis=axis, data=rng.integers(-8, 8, shape))


def _bias(rng: Rng, channels: int) -> Tensor:
    return Tensor((channels,), "int32", [0.001] * channels, data=rng.integers(-99, 99, channels))


SWEEPS: dict[str, Callable[[Rng], Case]] = {
    "abs_int8": lambda rng: _absolute(rng, "int8"),
    "abs_int16": lambda rng: _absolute(rng, "int16"),
    "rsqrt_int8": _rsqrt,
    "rsqrt_int16": _rsqrt_wide,
    "div_int8": _division,
    "div_int32": _whole_division,
    "squared_difference_int16": _squared_difference,
    "softmax_int16": _softmax,
    "conv_int4": _int4_conv,
    "depthwise_int4": _int4_depthwise,
    "fully_connected_int4": _int4_fully_connected,
}


@pytest.mark.parametrize("name", SWEEPS)
def test_types_equal_tflm(name: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        check(runner, SWEEPS[name](rng), rng)


@pytest.mark.parametrize("dtype", ["int8", "int32"])
def test_division_by_zero_is_an_error(dtype: str, runner: Runner) -> None:
    tensor = Tensor((2,), dtype, 1.0 if dtype == "int8" else None)
    zero = Tensor((2,), dtype, tensor.scale, data=[1, 0])
    model = Case("DIV", [tensor, zero], [tensor], ("DivOptions", {})).model()
    reply = runner.run(model, [[np.ones(2, dtype)]])
    assert reply.reason == "the operator refused its input"


def test_the_root_of_a_negative_number_is_an_error(runner: Runner) -> None:
    tensor = Tensor((2,), "int8", 0.1)
    reply = runner.run(Case("RSQRT", [tensor], [tensor]).model(), [[np.array([1, -1], np.int8)]])
    assert reply.reason == "the operator refused its input"
