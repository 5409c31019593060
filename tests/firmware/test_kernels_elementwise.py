"""Elementwise operators and activations against TFLM, on random models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compare import Case, assert_equal, check, seeds
from one_op import Options, Tensor
from runner import Runner
from tinydeploy.judge import Judge

Rng = np.random.Generator
CASES = 20

COMPARISONS = ["EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"]
FLOAT_UNARY = [
    "ABS",
    "CEIL",
    "COS",
    "EXP",
    "FLOOR",
    "LOG",
    "NEG",
    "ROUND",
    "RSQRT",
    "SIN",
    "SQRT",
    "SQUARE",
]


def _shape(rng: Rng, most: int = 4) -> tuple[int, ...]:
    return tuple(int(n) for n in rng.integers(1, 6, rng.integers(1, most + 1)))


def _tensor(rng: Rng, shape: tuple[int, ...], dtype: str) -> Tensor:
    if dtype not in ("int8", "int16"):
        return Tensor(shape, dtype)
    zero_point = int(rng.integers(-128, 128)) if dtype == "int8" else 0
    return Tensor(shape, dtype, float(rng.uniform(0.005, 0.2)), zero_point)


def _shapes(rng: Rng) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Two input shapes and what they broadcast to."""
    output = _shape(rng)
    pair = []
    for _ in range(2):
        keeps = rng.random(len(output)) < 0.7
        shape = tuple(n if keep else 1 for n, keep in zip(output, keeps, strict=True))
        pair.append(shape[rng.integers(len(shape)) :] if rng.random() < 0.3 else shape)
    if rng.random() < 0.4:
        pair = [output, output]
    return pair[0], pair[1], np.broadcast_shapes(*pair)


def _arithmetic(rng: Rng, op: str, dtype: str) -> Case:
    a, b, output = _shapes(rng)
    options: Options | None = None
    if op != "SQUARED_DIFFERENCE":
        activation = int(rng.choice([0, 0, 1, 3])) if dtype in ("int8", "float32") else 0
        options = (f"{op.title()}Options", {"fusedActivationFunction": activation})
    inputs = [_tensor(rng, a, dtype), _tensor(rng, b, dtype)]
    return Case(op, inputs, [_tensor(rng, output, dtype)], options, 1e-6, 1e-6)


ARITHMETIC = [
    *[(op, kind) for op in ("ADD", "SUB", "MUL") for kind in ("int8", "int16", "float32")],
    ("ADD", "int32"),
    ("MUL", "int32"),
    ("DIV", "float32"),
    ("SQUARED_DIFFERENCE", "int8"),
    ("SQUARED_DIFFERENCE", "float32"),
]


@pytest.mark.parametrize(("op", "dtype"), ARITHMETIC)
def test_arithmetic_equals_tflm(op: str, dtype: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        check(runner, _arithmetic(rng, op, dtype), rng)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "float32"])
@pytest.mark.parametrize("op", ["MINIMUM", "MAXIMUM"])
def test_extremes_equal_tflm(op: str, dtype: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        a, b, output = _shapes(rng)
        tensors = [_tensor(rng, shape, dtype) for shape in (a, b, output)]
        check(runner, Case(op, tensors[:2], tensors[2:]), rng)


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "float32"])
@pytest.mark.parametrize("op", COMPARISONS)
def test_comparisons_equal_tflm(op: str, dtype: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        a, b, output = _shapes(rng)
        inputs = [_tensor(rng, a, dtype), _tensor(rng, b, dtype)]
        check(runner, Case(op, inputs, [Tensor(output, "bool")]), rng)


@pytest.mark.parametrize("op", ["LOGICAL_AND", "LOGICAL_OR"])
def test_logical_equals_tflm(op: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        shape = _shape(rng)
        check(runner, Case(op, [Tensor(shape, "bool")] * 2, [Tensor(shape, "bool")]), rng)


@pytest.mark.parametrize("op", FLOAT_UNARY)
def test_float_functions_equal_tflm(op: str, runner: Runner) -> None:
    low = 0.01 if op in ("LOG", "RSQRT", "SQRT") else -6.0
    for rng in seeds(CASES):
        shape = _shape(rng)
        tensor = Tensor(shape, "float32")
        check(runner, Case(op, [tensor], [tensor], None, 1e-6, 1e-6, low, 6.0), rng)


def test_logical_not_equals_tflm(runner: Runner) -> None:
    for rng in seeds(CASES):
        tensor = Tensor(_shape(rng), "bool")
        check(runner, Case("LOGICAL_NOT", [tensor], [tensor]), rng)


def _activation(rng: Rng, op: str, dtype: str) -> Case:
    shape = (1, 300) if dtype == "int8" else _shape(rng)
    image, output = _tensor(rng, shape, dtype), _tensor(rng, shape, dtype)
    options: Options | None = None
    if op in ("LOGISTIC", "TANH") and dtype != "float32":
        steps = 256 if dtype == "int8" else 65536
        signed = op == "TANH"
        zero_point = 0 if signed or dtype == "int16" else -128
        scale = (2 if signed or dtype == "int16" else 1) / steps
        output = Tensor(shape, dtype, scale, zero_point)
        span = float(rng.uniform(1, 20)) / (128 if dtype == "int8" else 32768)
        image = Tensor(shape, dtype, span, image.zero_point)
    if op == "LEAKY_RELU":
        options = (
            "LeakyReluOptions",
            {"alpha": float(rng.choice([-1.0, 0.0, rng.uniform(-2, 2)]))},
        )
    if op == "RELU6" and dtype != "float32":
        output = Tensor(shape, dtype, image.scale, image.zero_point)
    return Case(op, [image], [output], options, 2e-6, 2e-6, -12.0, 12.0)


ACTIVATIONS = [
    *[(op, kind) for op in ("LOGISTIC", "TANH", "LEAKY_RELU") for kind in ("int8", "int16")],
    *[(op, "int8") for op in ("RELU", "RELU6", "HARD_SWISH", "ELU")],
    *[
        (op, "float32")
        for op in ["LOGISTIC", "TANH", "RELU", "RELU6", "LEAKY_RELU", "HARD_SWISH", "ELU"]
    ],
]


@pytest.mark.parametrize(("op", "dtype"), ACTIVATIONS)
def test_activations_equal_tflm(op: str, dtype: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        check(runner, _activation(rng, op, dtype), rng)


@pytest.mark.parametrize("op", ["LOGISTIC", "TANH"])
@pytest.mark.parametrize("scale", [1.3, 2.7, 5.54, 40.0, 1000.0, 170_000.0])
def test_int16_sigmoids_of_coarse_inputs_equal_tflm(op: str, scale: float, runner: Runner) -> None:
    """Products of the factor that take more than 32 bits wrap."""
    for rng in seeds(3):
        image = Tensor((1, 200), "int16", scale, 0)
        check(runner, Case(op, [image], [Tensor((1, 200), "int16", 1 / 32768, 0)]), rng)


@pytest.mark.parametrize("output", ["int8", "int16"])
def test_softmax_int8_equals_tflm(output: str, runner: Runner) -> None:
    steps, zero_point = (256, -128) if output == "int8" else (65536, -32768)
    for rng in seeds(40):
        shape = (int(rng.integers(1, 5)), int(rng.integers(1, 40)))
        image = Tensor(shape, "int8", float(rng.uniform(0.005, 1.0)), int(rng.integers(-128, 128)))
        result = Tensor(shape, output, 1 / steps, zero_point)
        options = ("SoftmaxOptions", {"beta": float(rng.choice([1.0, 1.0, 0.5, 2.0]))})
        check(runner, Case("SOFTMAX", [image], [result], options), rng)


def test_softmax_float_is_close_to_tflm(runner: Runner) -> None:
    for rng in seeds(CASES):
        tensor = Tensor(_shape(rng), "float32")
        options = ("SoftmaxOptions", {"beta": float(rng.uniform(0.1, 2.0))})
        check(runner, Case("SOFTMAX", [tensor], [tensor], options, 2e-6, 1e-7), rng)


CONVERSIONS = [
    ("QUANTIZE", "float32", "int8"),
    ("QUANTIZE", "float32", "int16"),
    ("QUANTIZE", "int8", "int8"),
    ("QUANTIZE", "int8", "int16"),
    ("QUANTIZE", "int8", "int32"),
    ("QUANTIZE", "int16", "int8"),
    ("QUANTIZE", "int16", "int16"),
    ("QUANTIZE", "int16", "int32"),
    ("QUANTIZE", "int32", "int8"),
    ("QUANTIZE", "int32", "int16"),
    ("DEQUANTIZE", "int8", "float32"),
    ("DEQUANTIZE", "int16", "float32"),
    ("DEQUANTIZE", "uint8", "float32"),
]


def _converted(rng: Rng, shape: tuple[int, ...], dtype: str) -> Tensor:
    if dtype == "float32":
        return Tensor(shape, dtype)
    zero_point = int(rng.integers(-128, 128)) if dtype == "int8" else 0
    return Tensor(shape, dtype, float(rng.uniform(0.001, 0.2)), zero_point)


@pytest.mark.parametrize(("op", "source", "target"), CONVERSIONS)
def test_conversions_equal_tflm(op: str, source: str, target: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        shape = _shape(rng)
        case = Case(op, [_converted(rng, shape, source)], [_converted(rng, shape, target)])
        check(runner, case, rng)


def test_arithmetic_by_hand(runner: Runner) -> None:
    """Scale 1 everywhere: 5 + 7 = 12, and 100 + 100 saturates at 127."""
    tensor = Tensor((2,), "int8", 1.0)
    case = Case("ADD", [tensor, tensor], [tensor], ("AddOptions", {}))
    values: list[Any] = [np.array([5, 100], np.int8), np.array([7, 100], np.int8)]
    reply = runner.run(case.model(), [values])
    assert reply.ok
    assert np.frombuffer(reply.outputs, np.int8).tolist() == [12, 127]


@pytest.mark.parametrize("op", ["LOGISTIC", "TANH"])
def test_all_int16_inputs_of_a_sigmoid_equal_tflm(op: str, runner: Runner) -> None:
    values = np.arange(-32768, 32768, dtype=np.int32).astype(np.int16).reshape(1, -1)
    for scale in (8 / 32768, 12 / 32768, 0.0001):
        image = Tensor(values.shape, "int16", scale)
        case = Case(op, [image], [Tensor(values.shape, "int16", 1 / 32768)])
        reply = runner.run(case.model(), [[values]])
        expected = Judge(case.model()).run([values])[0]
        assert_equal(np.frombuffer(reply.outputs, np.int16), expected.ravel(), case)
