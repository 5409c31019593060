"""Transposed convolution, matrix products, normalizations, casts and sums against TFLM."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from compare import Case, check, random_values, seeds
from one_op import Tensor
from runner import Runner
from tinydeploy.judge import Judge

Rng = np.random.Generator
CASES = 15


def _shape(rng: Rng, rank: int, most: int = 6) -> tuple[int, ...]:
    return tuple(int(n) for n in rng.integers(1, most + 1, rank))


def _tensor(rng: Rng, shape: tuple[int, ...], dtype: str) -> Tensor:
    if dtype not in ("int8", "int16"):
        return Tensor(shape, dtype)
    zero_point = int(rng.integers(-128, 128)) if dtype == "int8" else 0
    return Tensor(shape, dtype, float(rng.uniform(0.01, 0.1)), zero_point)


def _indices(values: object) -> Tensor:
    array = np.asarray(values, np.int32)
    return Tensor(array.shape, "int32", data=array)


def _transpose_conv(rng: Rng, dtype: str, bias_type: str | None = None) -> Case:
    height, width, stride_h, stride_w = (int(n) for n in rng.integers(1, 5, 4))
    taps_h, taps_w, depth, channels = (int(n) for n in rng.integers(1, 6, 4))
    same = bool(rng.integers(2))
    small = [
        -(-n // s) if same else (n - k) // s + 1
        for n, s, k in ((height * 2 + taps_h, stride_h, taps_h), (width + taps_w, stride_w, taps_w))
    ]
    shape = (int(rng.integers(1, 3)), height * 2 + taps_h, width + taps_w, channels)
    filter_shape = (channels, taps_h, taps_w, depth)
    image = _tensor(rng, (shape[0], *small, depth), dtype)
    output = _tensor(rng, shape, dtype)
    if dtype == "float32":
        weights = Tensor(filter_shape, dtype, data=rng.normal(size=filter_shape))
        bias = Tensor((channels,), dtype, data=rng.normal(size=channels))
    else:
        scales = rng.uniform(0.001, 0.05, channels).tolist()
        values = rng.integers(-127, 128, filter_shape)
        weights = Tensor(filter_shape, "int8", scales, axis=0, data=values)
        kind = bias_type or {"int8": "int32", "int16": "int64"}[dtype]
        biases = rng.integers(-3000, 3000, channels)
        bias = Tensor((channels,), kind, [0.001] * channels, data=biases)
    options = (
        "TransposeConvOptions",
        {"padding": 0 if same else 1, "strideW": stride_w, "strideH": stride_h},
    )
    inputs = [_indices(shape), weights, image, *([bias] if rng.random() < 0.7 else [])]
    return Case("TRANSPOSE_CONV", inputs, [output], options, 1e-5, 1e-5)


def _batch_matmul(rng: Rng, dtype: str) -> Case:
    rows, depth, columns = _shape(rng, 3)
    adj_x, adj_y = (bool(flag) for flag in rng.integers(0, 2, 2))
    batch = _shape(rng, int(rng.integers(0, 4)), 3)
    left = tuple(1 if rng.random() < 0.3 else n for n in batch)
    right = tuple(
        1 if n != m and rng.random() < 0.5 else m for n, m in zip(left, batch, strict=True)
    )
    right = tuple(m if n == 1 else r for n, m, r in zip(left, batch, right, strict=True))
    a = _tensor(rng, (*left, *((depth, rows) if adj_x else (rows, depth))), dtype)
    b = _tensor(rng, (*right, *((columns, depth) if adj_y else (depth, columns))), dtype)
    output = _tensor(rng, (*batch, rows, columns), dtype)
    options = ("BatchMatMulOptions", {"adjX": adj_x, "adjY": adj_y})
    return Case("BATCH_MATMUL", [a, b], [output], options, 1e-5, 1e-5)


def _prelu(rng: Rng, dtype: str) -> Case:
    shape = _shape(rng, 4, 4)
    slopes = _tensor(rng, (1, 1, shape[3]) if rng.random() < 0.7 else shape, dtype)
    data = random_values(rng, slopes)
    slopes = Tensor(slopes.shape, dtype, slopes.scale, slopes.zero_point, data=data)
    image, output = _tensor(rng, shape, dtype), _tensor(rng, shape, dtype)
    return Case("PRELU", [image, slopes], [output])


def _log_softmax(rng: Rng, dtype: str) -> Case:
    shape = _shape(rng, int(rng.integers(1, 4)), 12)
    image = _tensor(rng, shape, dtype)
    if dtype == "float32":
        return Case("LOG_SOFTMAX", [image], [image], None, 1e-5, 1e-5)
    image = Tensor(shape, dtype, float(rng.choice([0.003, 0.02, 0.1, 0.3, 1.0])), image.zero_point)
    return Case("LOG_SOFTMAX", [image], [Tensor(shape, dtype, 16 / 256, 127)])


def _l2_normalization(rng: Rng, dtype: str) -> Case:
    shape = _shape(rng, int(rng.integers(2, 5)), 9)
    output = Tensor(shape, dtype, 1 / 128) if dtype == "int8" else Tensor(shape, dtype)
    inputs = [_tensor(rng, shape, dtype)]
    return Case("L2_NORMALIZATION", inputs, [output], ("L2NormOptions", {}), 1e-6, 1e-6)


def _l2_pool(rng: Rng, dtype: str) -> Case:
    shape, (height, width, stride_h, stride_w) = _shape(rng, 4, 7), _shape(rng, 4, 3)
    size = (-(-shape[1] // stride_h), -(-shape[2] // stride_w))
    fields = {"strideW": stride_w, "strideH": stride_h, "filterWidth": width}
    fields |= {"filterHeight": height, "fusedActivationFunction": int(rng.integers(4))}
    output = Tensor((shape[0], *size, shape[3]), dtype)
    options = ("Pool2DOptions", fields)
    return Case("L2_POOL_2D", [Tensor(shape, dtype)], [output], options, 1e-6, 1e-6)


def _along(op: str) -> Callable[[Rng, str], Case]:
    def make(rng: Rng, dtype: str) -> Case:
        shape = _shape(rng, int(rng.integers(1, 5)))
        axis = int(rng.integers(len(shape)))
        signed = _indices([axis - len(shape) if rng.random() < 0.3 else axis])
        image = _tensor(rng, shape, dtype)
        if op == "CUMSUM":
            exclusive, reverse = (bool(flag) for flag in rng.integers(0, 2, 2))
            options = ("CumsumOptions", {"exclusive": exclusive, "reverse": reverse})
            output = _tensor(rng, shape, dtype)
            return Case(op, [image, signed], [output], options, 1e-6, 1e-6)
        result = Tensor((*shape[:axis], *shape[axis + 1 :]), "int32")
        name = "ArgMaxOptions" if op == "ARG_MAX" else "ArgMinOptions"
        return Case(op, [image, signed], [result], (name, {"outputType": 2}))

    return make


def _add_n(rng: Rng, dtype: str) -> Case:
    shape = _shape(rng, int(rng.integers(1, 5)))
    image = _tensor(rng, shape, dtype)
    inputs = [image] * int(rng.integers(2, 6))
    return Case("ADD_N", inputs, [_tensor(rng, shape, dtype)], None, 1e-6, 1e-6)


def _floor_div(rng: Rng, dtype: str) -> Case:
    shape = _shape(rng, int(rng.integers(1, 5)))
    other = shape if rng.random() < 0.5 else tuple(1 if rng.random() < 0.4 else n for n in shape)
    op = "FLOOR_DIV" if rng.random() < 0.5 else "FLOOR_MOD"
    divisor = Tensor(other, dtype, data=rng.uniform(0.3, 3, other) * rng.choice([-1, 1], other))
    return Case(op, [Tensor(shape, dtype), divisor], [Tensor(shape, dtype)])


def _reduce_all(rng: Rng, dtype: str) -> Case:
    shape = _shape(rng, int(rng.integers(1, 5)), 3)
    axes = np.flatnonzero(rng.random(len(shape)) < 0.5)
    axes = axes if axes.size else np.array([0])
    keep = bool(rng.integers(2))
    result = np.sum(np.zeros(shape), axis=tuple(axes), keepdims=keep).shape
    options = ("ReducerOptions", {"keepDims": keep})
    inputs = [Tensor(shape, dtype), _indices(axes)]
    return Case("REDUCE_ALL", inputs, [Tensor(result, dtype)], options)


OPS: list[tuple[str, Callable[[Rng, str], Case], str]] = [
    ("TRANSPOSE_CONV", _transpose_conv, "int8 int16 float32"),
    ("BATCH_MATMUL", _batch_matmul, "int8 int16 float32"),
    ("PRELU", _prelu, "int8 float32"),
    ("LOG_SOFTMAX", _log_softmax, "int8 float32"),
    ("L2_NORMALIZATION", _l2_normalization, "int8 float32"),
    ("L2_POOL_2D", _l2_pool, "float32"),
    ("ARG_MAX", _along("ARG_MAX"), "int8 float32"),
    ("ARG_MIN", _along("ARG_MIN"), "int8 float32"),
    ("CUMSUM", _along("CUMSUM"), "int8 float32"),
    ("ADD_N", _add_n, "int8 float32"),
    ("FLOOR_DIV", _floor_div, "float32"),
    ("REDUCE_ALL", _reduce_all, "bool"),
]
SWEEPS = [(op, make, dtype) for op, make, types in OPS for dtype in types.split()]


@pytest.mark.parametrize(
    ("op", "make", "dtype"), SWEEPS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_op_equals_tflm(
    op: str, make: Callable[[Rng, str], Case], dtype: str, runner: Runner
) -> None:
    for rng in seeds(CASES):
        check(runner, make(rng, dtype), rng, runs=1)


def test_transpose_conv_with_int16_bias_equals_tflm(runner: Runner) -> None:
    for rng in seeds(CASES):
        check(runner, _transpose_conv(rng, "int16", "int16"), rng, runs=1)


CASTS = ["int8", "int16", "int32", "float32", "bool", "uint8", "int64"]


@pytest.mark.parametrize("source", CASTS)
def test_casts_equal_tflm(source: str, runner: Runner) -> None:
    tried = 0
    for rng in seeds(3):
        for target in CASTS:
            case = Case("CAST", [Tensor((4, 5), source)], [Tensor((4, 5), target)])
            try:
                Judge(case.model()).run([np.zeros((4, 5), source)])
            except Exception:  # TFLM has not this pair
                continue
            tried += 1
            check(runner, case, rng, runs=1)
    assert tried or source in ("bool", "uint8", "int64")
