"""Reductions and operators that move data against TFLM, on random models."""

from __future__ import annotations

import numpy as np
import pytest
from compare import Case, check, seeds
from one_op import Tensor
from runner import Runner

Rng = np.random.Generator
CASES = 20
TYPES = ["int8", "int16", "float32"]


def _shape(rng: Rng, rank: int) -> tuple[int, ...]:
    return tuple(int(n) for n in rng.integers(1, 7, rank))


def _tensor(rng: Rng, shape: tuple[int, ...], dtype: str) -> Tensor:
    if dtype == "float32":
        return Tensor(shape, dtype)
    zero_point = int(rng.integers(-128, 128)) if dtype == "int8" else 0
    return Tensor(shape, dtype, float(rng.uniform(0.01, 0.1)), zero_point)


def _indices(values: object) -> Tensor:
    array = np.asarray(values, np.int32)
    return Tensor(array.shape, "int32", data=array)


def _reduction(rng: Rng, op: str, dtype: str) -> Case:
    shape = _shape(rng, int(rng.integers(1, 5)))
    axes = np.flatnonzero(rng.random(len(shape)) < 0.5)
    axes = axes if axes.size else np.array([0])
    keep = bool(rng.integers(2))
    result = np.sum(np.zeros(shape), axis=tuple(axes), keepdims=keep).shape
    image = _tensor(rng, shape, dtype)
    output = _tensor(rng, result, dtype)
    if op.startswith("REDUCE") or rng.random() < 0.3:
        output = Tensor(result, dtype, image.scale, image.zero_point)
    options = ("ReducerOptions", {"keepDims": keep})
    return Case(op, [image, _indices(axes)], [output], options, 1e-5, 1e-5)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("op", ["MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"])
def test_reductions_equal_tflm(op: str, dtype: str, runner: Runner) -> None:
    if dtype == "int16" and op.startswith("REDUCE"):
        pytest.skip("TFLM has no int16 here")
    for rng in seeds(CASES):
        check(runner, _reduction(rng, op, dtype), rng)


@pytest.mark.parametrize("dtype", TYPES)
def test_mean_over_an_image_equals_tflm(dtype: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        shape = (1, *_shape(rng, 3))
        keep = bool(rng.integers(2))
        result = (1, 1, 1, shape[3]) if keep else (1, shape[3])
        tensors = [_tensor(rng, shape, dtype), _indices([1, 2])]
        options = ("ReducerOptions", {"keepDims": keep})
        check(runner, Case("MEAN", tensors, [_tensor(rng, result, dtype)], options, 1e-5), rng)


@pytest.mark.parametrize("dtype", TYPES)
def test_concatenation_equals_tflm(dtype: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        shape = list(_shape(rng, int(rng.integers(1, 5))))
        axis = int(rng.integers(len(shape)))
        sizes = rng.integers(1, 5, rng.integers(1, 5)).tolist()
        image = _tensor(rng, (), dtype)
        shapes = [(*shape[:axis], n, *shape[axis + 1 :]) for n in [*sizes, sum(sizes)]]
        tensors = [Tensor(s, dtype, image.scale, image.zero_point) for s in shapes]
        signed = axis - len(shape) if rng.random() < 0.3 else axis
        options = ("ConcatenationOptions", {"axis": signed})
        check(runner, Case("CONCATENATION", tensors[:-1], tensors[-1:], options), rng)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("op", ["PAD", "PADV2"])
def test_pads_equal_tflm(op: str, dtype: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        shape = _shape(rng, int(rng.integers(1, 5)))
        paddings = rng.integers(0, 3, (len(shape), 2))
        image = _tensor(rng, shape, dtype)
        result = tuple(int(n) for n in np.array(shape) + paddings.sum(axis=1))
        output = Tensor(result, dtype, image.scale, image.zero_point)
        inputs = [image, _indices(paddings)]
        if op == "PADV2":
            value = rng.integers(-100, 100, (1,))
            inputs.append(Tensor((1,), dtype, image.scale, image.zero_point, data=value))
        check(runner, Case(op, inputs, [output]), rng)


@pytest.mark.parametrize("dtype", TYPES)
def test_transpose_equals_tflm(dtype: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        shape = _shape(rng, int(rng.integers(2, 6)))
        order = rng.permutation(len(shape))
        result = tuple(shape[i] for i in order)
        image = _tensor(rng, shape, dtype)
        output = Tensor(result, dtype, image.scale, image.zero_point)
        check(runner, Case("TRANSPOSE", [image, _indices(order)], [output]), rng)


@pytest.mark.parametrize("dtype", TYPES)
def test_slice_equals_tflm(dtype: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        shape = _shape(rng, int(rng.integers(1, 5)))
        begin = [int(rng.integers(n)) for n in shape]
        size = [int(rng.integers(1, n - b + 1)) for n, b in zip(shape, begin, strict=True)]
        image = _tensor(rng, shape, dtype)
        output = Tensor(tuple(size), dtype, image.scale, image.zero_point)
        check(runner, Case("SLICE", [image, _indices(begin), _indices(size)], [output]), rng)


def _strided_slice(rng: Rng, dtype: str) -> Case:
    while True:
        shape = _shape(rng, int(rng.integers(1, 5)))
        begin = [int(rng.integers(-n, n)) for n in shape]
        end = [int(rng.integers(-n - 1, n + 2)) for n in shape]
        stride = [int(s) for s in rng.choice([1, 1, 2, 3, -1, -2], len(shape))]
        begin_mask, end_mask = (int(m) for m in rng.integers(0, 1 << len(shape), 2))
        slices = [
            slice(
                None if begin_mask >> i & 1 else begin[i],
                None if end_mask >> i & 1 else end[i],
                stride[i],
            )
            for i in range(len(shape))
        ]
        result = np.zeros(shape)[tuple(slices)].shape
        if 0 not in result:
            break
    image = _tensor(rng, shape, dtype)
    output = Tensor(result, dtype, image.scale, image.zero_point)
    options = ("StridedSliceOptions", {"beginMask": begin_mask, "endMask": end_mask})
    inputs = [image, _indices(begin), _indices(end), _indices(stride)]
    return Case("STRIDED_SLICE", inputs, [output], options)


@pytest.mark.parametrize("dtype", TYPES)
def test_strided_slice_equals_tflm(dtype: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        check(runner, _strided_slice(rng, dtype), rng)


@pytest.mark.parametrize("dtype", TYPES)
def test_reshapes_equal_tflm(dtype: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        shape = _shape(rng, 3)
        image = _tensor(rng, (1, *shape), dtype)
        flat = Tensor((int(np.prod(shape)),), dtype, image.scale, image.zero_point)
        squeezed = Tensor(shape, dtype, image.scale, image.zero_point)
        check(runner, Case("RESHAPE", [image, _indices(flat.shape)], [flat]), rng)
        options = ("SqueezeOptions", {"squeezeDims": [0]})
        check(runner, Case("SQUEEZE", [image], [squeezed], options), rng)
        check(runner, Case("EXPAND_DIMS", [squeezed, _indices([0])], [image]), rng)
