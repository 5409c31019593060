"""Operators with a state that stays from one inference to the next."""

from __future__ import annotations

import numpy as np

from tinydeploy.fuzz.draw import Draw, Shape, Types
from tinydeploy.graph.ir import Quantization, Tensor, Type, per_tensor

_BIASES = {Type.FLOAT32: Type.FLOAT32, Type.INT8: Type.INT32, Type.INT16: Type.INT64}
_HIDDEN = {Type.INT8: 1 / 128, Type.INT16: 1 / 32768}


def _scale(draw: Draw, low: float, high: float, zero_point: int = 0) -> Quantization:
    """Now and then wider, or at an edge of rounding."""
    real = float(draw.rng.uniform(low, high)) * (draw.pick((0.1, 4.0)) if draw.chance(0.1) else 1.0)
    real = draw.rounding_edge(real) if draw.chance(0.25) else real
    return per_tensor(float(np.float32(real)), zero_point)


def _weights(
    draw: Draw, shape: Shape, kind: Type, low: float, high: float, zero_point: int = 0
) -> Tensor:
    if kind is Type.FLOAT32:
        return draw.build.constant(draw.rng.normal(0, 0.5, shape).astype(np.float32))
    most = np.iinfo(kind.dtype).max
    values = draw.rng.integers(-most, most + 1, shape).astype(kind.dtype)
    if draw.chance(0.1):
        values = draw.values(shape, kind)
    return draw.build.constant(values, kind, _scale(draw, low, high, zero_point))


def _bias(draw: Draw, units: int, kind: Type, *factors: Tensor) -> Tensor:
    """Of the scale that is the product of the factors'."""
    if kind is Type.FLOAT32:
        return draw.build.constant(draw.rng.normal(size=units).astype(np.float32))
    scales = [t.quantization.scale for t in factors if t.quantization is not None]
    most = draw.pick((3000, 3000, 100_000, 1 << 28))
    values = draw.rng.integers(-most, most, units).astype(kind.dtype)
    return draw.build.constant(values, kind, per_tensor(float(np.float32(np.prod(scales))), 0))


def svdf(draw: Draw, code: str, types: Types) -> None:
    """SVDF: filters over features, then over time; TFLM crashes without a bias."""
    batches, depth = draw.integer(1, 3), draw.integer(1, 8)
    units, rank, memory = draw.integer(1, 6), draw.integer(1, 3), draw.integer(1, 7)
    filters, quantized = units * rank, types.data is Type.INT8
    kept = draw.pick((Type.INT8, Type.INT16)) if quantized else Type.FLOAT32
    given = _scale(draw, 0.005, 0.05, draw.zero_point(Type.INT8)) if quantized else None
    x = draw.build.input((batches, depth), types.data, given)
    features = _weights(draw, (filters, depth), types.weights, 0.005, 0.05)
    times = _weights(draw, (filters, memory), kept, 1e-4, 1e-3)
    scale = _scale(draw, 0.0005, 0.05) if quantized else None
    state = draw.build.variable((batches, filters * memory), kept, scale)
    bias = _bias(draw, units, Type.INT32 if quantized else Type.FLOAT32, state, times)
    draw.result(
        code, [x, features, times, bias, state], (batches, units), types.result, rank=rank,
        fused_activation_function=draw.pick(("NONE", "RELU")),
    )  # fmt: skip


def lstm(draw: Draw, code: str, types: Types) -> None:
    """UNIDIRECTIONAL_SEQUENCE_LSTM without peepholes, projection and normalization."""
    batches, steps = draw.integer(1, 3), draw.integer(1, 6)
    depth, units = draw.integer(1, 6), draw.integer(1, 6)
    time_major = draw.chance(0.5)
    first = (steps, batches) if time_major else (batches, steps)
    quantized = types.data is not Type.FLOAT32
    reach = (0.005, 0.02) if types.data is Type.INT8 else (1e-5, 1e-4)
    given = _scale(draw, *reach, draw.zero_point(types.data)) if quantized else None
    x = draw.build.input((*first, depth), types.data, given)

    def gates(columns: int) -> list[Tensor]:
        zero_points = [draw.integer(-128, 127) if draw.chance(0.05) else 0 for _ in range(4)]
        shape = (units, columns)
        return [_weights(draw, shape, types.weights, 0.002, 0.02, zero) for zero in zero_points]

    own, back = gates(depth), gates(units)
    biases = [_bias(draw, units, _BIASES[types.data], x, factors) for factors in own]
    hidden_scale, cell_scale = None, None
    if quantized:
        hidden_scale = per_tensor(_HIDDEN[types.data], draw.zero_point(types.data))
        cell_scale = per_tensor(2.0 ** -draw.integer(9, 14), 0)
    hidden = draw.build.variable((batches, units), types.data, hidden_scale)
    cell = draw.build.variable(
        (batches, units), Type.INT16 if quantized else Type.FLOAT32, cell_scale
    )
    tensors = [x, *own, *back, *[None] * 3, *biases, None, None, hidden, cell, *[None] * 4]
    draw.result(
        code, tensors, (*first, units), types.result, hidden_scale,
        fused_activation_function="TANH", cell_clip=draw.pick((0.0, 0.7, 10.0)),
        time_major=time_major,
    )  # fmt: skip


GENERATORS = {"SVDF": svdf, "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm}
