"""SVDF and LSTM against TFLM: random models, several inferences, the state kept between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from compare import Case, check, seeds
from one_op import Tensor
from runner import Runner

Rng = np.random.Generator
CASES = 12
RUNS = 4


def _scale(rng: Rng, low: float = 0.005, high: float = 0.05) -> float:
    return float(rng.uniform(low, high))


def _weights(rng: Rng, shape: Sequence[int], dtype: str, scale: float) -> Tensor:
    if dtype == "float32":
        return Tensor(tuple(shape), dtype, data=rng.normal(0, 0.5, shape))
    most = np.iinfo(dtype).max
    return Tensor(tuple(shape), dtype, scale, data=rng.integers(-most, most + 1, shape))


def _svdf(rng: Rng, dtype: str, state_type: str) -> Case:
    batches, inputs, units, rank, memory = (int(n) for n in rng.integers(1, 7, 5))
    filters = units * rank
    quantized = dtype == "int8"
    zero_point = int(rng.integers(-128, 128))
    image = Tensor((batches, inputs), dtype, _scale(rng) if quantized else None, zero_point)
    features = _weights(rng, (filters, inputs), dtype, _scale(rng))
    times = _weights(rng, (filters, memory), state_type, _scale(rng, 1e-4, 1e-3))
    state_scale = _scale(rng, 0.0005, 0.05) if quantized else None
    state = Tensor((batches, filters * memory), state_type, state_scale, variable=True)
    # TFLM crashes without a bias.
    values = rng.integers(-2000, 2000, units) if quantized else rng.normal(size=units)
    bias_scale = state_scale * times.scale if quantized else None
    bias = Tensor((units,), "int32" if quantized else dtype, bias_scale, data=values)
    output = Tensor((batches, units), dtype, _scale(rng, 0.01, 0.3) if quantized else None, 5)
    activation = int(rng.integers(0, 2))
    options = ("SVDFOptions", {"rank": rank, "fusedActivationFunction": activation})
    return Case("SVDF", [image, features, times, bias, state], [output], options, 1e-5, 1e-5)


@pytest.mark.parametrize(
    ("dtype", "state_type"), [("float32", "float32"), ("int8", "int8"), ("int8", "int16")]
)
def test_svdf_equals_tflm(dtype: str, state_type: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        check(runner, _svdf(rng, dtype, state_type), rng, runs=RUNS)


def _lstm(rng: Rng, dtype: str) -> Case:
    batches, steps, inputs, units = (int(n) for n in rng.integers(1, 7, 4))
    time_major = bool(rng.integers(2))
    quantized = dtype != "float32"
    zero_points = rng.integers(-128, 128, 2) if dtype == "int8" else [0, 0]
    scale = _scale(rng, 0.005, 0.02) if dtype == "int8" else _scale(rng, 1e-5, 1e-4)
    hidden_scale = 1 / 128 if dtype == "int8" else 1 / 32768
    first = (steps, batches) if time_major else (batches, steps)
    image = Tensor((*first, inputs), dtype, scale if quantized else None, int(zero_points[0]))
    kind = "int8" if quantized else dtype
    own = [_weights(rng, (units, inputs), kind, _scale(rng, 0.002, 0.02)) for _ in range(4)]
    recurrent = [_weights(rng, (units, units), kind, _scale(rng, 0.002, 0.02)) for _ in range(4)]
    biases = []
    for weights in own:
        if quantized:
            bias_type = "int32" if dtype == "int8" else "int64"
            bias_scale = float(np.float32(scale) * np.float32(weights.scale))
            values = rng.integers(-3000, 3000, units)
            biases.append(Tensor((units,), bias_type, bias_scale, data=values))
        else:
            biases.append(Tensor((units,), dtype, data=rng.normal(size=units)))
    hidden = Tensor(
        (batches, units),
        dtype,
        hidden_scale if quantized else None,
        int(zero_points[1]),
        0,
        None,
        True,
    )
    cell_scale = 2.0 ** -int(rng.integers(9, 15))
    cell_type, cell_scale = ("int16", cell_scale) if quantized else (dtype, None)
    cell = Tensor((batches, units), cell_type, cell_scale, variable=True)
    output = Tensor((*first, units), dtype, hidden.scale, hidden.zero_point)
    clip = float(rng.choice([0.0, 0.7, 10.0]))
    options = (
        "UnidirectionalSequenceLSTMOptions",
        {"fusedActivationFunction": 4, "cellClip": clip, "timeMajor": time_major},
    )
    tensors = [image, *own, *recurrent, *[None] * 3, *biases, None, None, hidden, cell, *[None] * 4]
    return Case("UNIDIRECTIONAL_SEQUENCE_LSTM", tensors, [output], options, 1e-5, 1e-5)


@pytest.mark.parametrize("dtype", ["float32", "int8", "int16"])
def test_lstm_equals_tflm(dtype: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        check(runner, _lstm(rng, dtype), rng, runs=RUNS)


def test_svdf_without_bias_is_one_with_zeros(runner: Runner) -> None:
    rng = np.random.default_rng(3)
    case = _svdf(rng, "float32", "float32")
    bias = case.inputs[3]
    assert bias is not None
    values = [[rng.normal(size=case.inputs[0].shape).astype(np.float32)]]
    replies = []
    for tensor in (None, Tensor(bias.shape, "float32", data=np.zeros(bias.shape))):
        inputs = [*case.inputs[:3], tensor, case.inputs[4]]
        model = Case("SVDF", inputs, case.outputs, case.options).model()
        replies.append(runner.run(model, values))
    assert replies[0].ok
    assert replies[0].outputs == replies[1].outputs
