"""Operators that cut, join, pick, spread and resize tensors against TFLM, on random models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compare import Case, check, seeds
from one_op import Tensor
from runner import Runner

Rng = np.random.Generator
CASES = 12
TYPES = ["int8", "int16", "float32"]


def _shape(rng: Rng, rank: int, most: int = 6) -> tuple[int, ...]:
    return tuple(int(n) for n in rng.integers(1, most + 1, rank))


def _like(shape: Any, dtype: str, scale: float = 0.05, zero_point: int = 3) -> Tensor:
    shape = tuple(int(n) for n in shape)
    if dtype == "int8":
        return Tensor(shape, dtype, scale, zero_point)
    return Tensor(shape, dtype, scale if dtype == "int16" else None)


def _indices(values: object, dtype: str = "int32") -> Tensor:
    array = np.asarray(values, dtype)
    return Tensor(array.shape, dtype, data=array)


def _signed(rng: Rng, axis: int, rank: int) -> int:
    return axis - rank if rng.random() < 0.4 else axis


def _replaced(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    return (*shape[:axis], size, *shape[axis + 1 :])


def _split(rng: Rng, dtype: str) -> Case:
    parts, rank = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    shape, axis = _shape(rng, rank), int(rng.integers(rank))
    image = _like(_replaced(shape, axis, shape[axis] * parts), dtype)
    outputs = [_like(shape, dtype) for _ in range(parts)]
    options = ("SplitOptions", {"numSplits": parts})
    return Case("SPLIT", [_indices(_signed(rng, axis, rank)), image], outputs, options)


def _split_v(rng: Rng, dtype: str) -> Case:
    sizes, rank = rng.integers(1, 5, rng.integers(1, 5)), int(rng.integers(1, 5))
    shape, axis = _shape(rng, rank), int(rng.integers(rank))
    image = _like(_replaced(shape, axis, int(sizes.sum())), dtype)
    outputs = [_like(_replaced(shape, axis, int(n)), dtype) for n in sizes]
    options = ("SplitVOptions", {"numSplits": len(sizes)})
    inputs = [image, _indices(sizes), _indices(_signed(rng, axis, rank))]
    return Case("SPLIT_V", inputs, outputs, options)


def _pack(rng: Rng, dtype: str) -> Case:
    count, shape = int(rng.integers(1, 5)), _shape(rng, int(rng.integers(0, 4)))
    axis = int(rng.integers(len(shape) + 1))
    whole = (*shape[:axis], count, *shape[axis:])
    options = ("PackOptions", {"valuesCount": count, "axis": _signed(rng, axis, len(whole))})
    inputs = [_like(shape, dtype) for _ in range(count)]
    return Case("PACK", inputs, [_like(whole, dtype)], options)


def _unpack(rng: Rng, dtype: str) -> Case:
    count, shape = int(rng.integers(1, 5)), _shape(rng, int(rng.integers(1, 4)))
    axis = int(rng.integers(len(shape) + 1))
    whole = (*shape[:axis], count, *shape[axis:])
    options = ("UnpackOptions", {"num": count, "axis": _signed(rng, axis, len(whole))})
    outputs = [_like(shape, dtype) for _ in range(count)]
    return Case("UNPACK", [_like(whole, dtype)], outputs, options)


def _gather(rng: Rng, dtype: str) -> Case:
    shape = _shape(rng, int(rng.integers(1, 5)))
    axis = int(rng.integers(len(shape)))
    batch_dims = int(rng.integers(0, axis + 1)) if rng.random() < 0.5 else 0
    own = _shape(rng, int(rng.integers(0 if batch_dims == 0 else 1, 3)), 4)
    own = own[: 5 - len(shape)]
    indices = rng.integers(0, shape[axis], (*shape[:batch_dims], *own))
    result = (*shape[:axis], *own, *shape[axis + 1 :])
    options = ("GatherOptions", {"axis": axis, "batchDims": batch_dims})
    return Case("GATHER", [_like(shape, dtype), _indices(indices)], [_like(result, dtype)], options)


def _gather_nd(rng: Rng, dtype: str) -> Case:
    shape = _shape(rng, int(rng.integers(1, 5)))
    depth = int(rng.integers(1, len(shape) + 1))
    rows = _shape(rng, int(rng.integers(1, 3)), 4)
    indices = np.stack([rng.integers(0, n, rows) for n in shape[:depth]], axis=-1)
    result = (*rows, *shape[depth:])
    return Case("GATHER_ND", [_like(shape, dtype), _indices(indices)], [_like(result, dtype)])


def _depth_to_space(rng: Rng, dtype: str) -> Case:
    edge, (b, h, w, c) = int(rng.integers(1, 4)), _shape(rng, 4, 4)
    options = ("DepthToSpaceOptions", {"blockSize": edge})
    image, output = (b, h, w, c * edge * edge), (b, h * edge, w * edge, c)
    return Case("DEPTH_TO_SPACE", [_like(image, dtype)], [_like(output, dtype)], options)


def _space_to_depth(rng: Rng, dtype: str) -> Case:
    edge, (b, h, w, c) = int(rng.integers(1, 4)), _shape(rng, 4, 4)
    options = ("SpaceToDepthOptions", {"blockSize": edge})
    image, output = (b, h * edge, w * edge, c), (b, h, w, c * edge * edge)
    return Case("SPACE_TO_DEPTH", [_like(image, dtype)], [_like(output, dtype)], options)


def _batch_blocks(rng: Rng) -> tuple[np.ndarray, np.ndarray, tuple[int, ...], tuple[int, ...]]:
    axes = int(rng.integers(1, 3))
    block = rng.integers(1, 4, axes)
    pads = rng.integers(0, 3, (axes, 2))
    small = rng.integers(1, 5, axes)
    while np.any(small * block <= pads.sum(axis=1)):
        small = rng.integers(1, 8, axes)
    batch, depth = int(rng.integers(1, 3)), int(rng.integers(1, 4))
    large = (batch, *(small * block - pads.sum(axis=1)).tolist(), depth)
    return block, pads, large, (batch * int(np.prod(block)), *small.tolist(), depth)


def _space_to_batch(rng: Rng, dtype: str) -> Case:
    block, pads, large, small = _batch_blocks(rng)
    inputs = [_like(large, dtype), _indices(block), _indices(pads)]
    return Case("SPACE_TO_BATCH_ND", inputs, [_like(small, dtype)])


def _batch_to_space(rng: Rng, dtype: str) -> Case:
    block, crops, large, small = _batch_blocks(rng)
    inputs = [_like(small, dtype), _indices(block), _indices(crops)]
    return Case("BATCH_TO_SPACE_ND", inputs, [_like(large, dtype)])


def _mirror_pad(rng: Rng, dtype: str) -> Case:
    mode, shape = int(rng.integers(2)), _shape(rng, int(rng.integers(1, 5)))
    most = [n if mode == 1 else n - 1 for n in shape]
    pads = np.array([rng.integers(0, min(n, 3) + 1, 2) for n in most])
    result = np.array(shape) + pads.sum(axis=1)
    options = ("MirrorPadOptions", {"mode": mode})
    inputs = [_like(shape, dtype), _indices(pads)]
    return Case("MIRROR_PAD", inputs, [_like(result, dtype)], options)


def _reverse(rng: Rng, dtype: str) -> Case:
    shape = _shape(rng, int(rng.integers(1, 5)))
    axis = int(rng.integers(len(shape)))
    return Case("REVERSE_V2", [_like(shape, dtype), _indices([axis])], [_like(shape, dtype)])


def _broadcast_to(rng: Rng, dtype: str) -> Case:
    result = _shape(rng, int(rng.integers(1, 6)), 4)
    shape = tuple(1 if rng.random() < 0.4 else n for n in result[int(rng.integers(len(result))) :])
    return Case("BROADCAST_TO", [_like(shape, dtype), _indices(result)], [_like(result, dtype)])


def _embedding_lookup(rng: Rng, dtype: str) -> Case:
    shape = _shape(rng, int(rng.integers(2, 4)))
    ids = rng.integers(0, shape[0], int(rng.integers(1, 6)))
    return Case(
        "EMBEDDING_LOOKUP",
        [_indices(ids), _like(shape, dtype)],
        [_like((len(ids), *shape[1:]), dtype)],
    )


def _dynamic_update_slice(rng: Rng, dtype: str) -> Case:
    shape = _shape(rng, int(rng.integers(1, 5)))
    update = [int(rng.integers(1, n + 1)) for n in shape]
    starts = [int(rng.integers(-1, n + 1)) for n in shape]
    inputs = [_like(shape, dtype), _like(update, dtype), _indices(starts)]
    return Case("DYNAMIC_UPDATE_SLICE", inputs, [_like(shape, dtype)])


def _select(rng: Rng, dtype: str) -> Case:
    result = _shape(rng, int(rng.integers(1, 5)), 4)
    shapes = [tuple(1 if rng.random() < 0.3 else n for n in result) for _ in range(3)]
    if rng.random() < 0.4:
        shapes = [result] * 3
    result = np.broadcast_shapes(*shapes)
    inputs = [Tensor(shapes[0], "bool"), _like(shapes[1], dtype), _like(shapes[2], dtype)]
    return Case("SELECT_V2", inputs, [_like(result, dtype)])


def _fill(rng: Rng, dtype: str) -> Case:
    shape = _shape(rng, int(rng.integers(1, 5)))
    return Case("FILL", [_indices(shape), _like((), dtype)], [_like(shape, dtype)])


def _zeros_like(rng: Rng, dtype: str) -> Case:
    shape = _shape(rng, int(rng.integers(1, 5)))
    return Case("ZEROS_LIKE", [_like(shape, dtype)], [_like(shape, dtype)])


def _shape_of(rng: Rng, dtype: str) -> Case:
    shape = _shape(rng, int(rng.integers(1, 5)))
    return Case("SHAPE", [_like(shape, dtype)], [Tensor((len(shape),), "int32")])


def _resize(rng: Rng, dtype: str, op: str) -> Case:
    shape, size = _shape(rng, 4, 5), _shape(rng, 2, 9)
    align = bool(rng.random() < 0.3)
    half = not align and bool(rng.random() < 0.5)
    name = "".join(word.capitalize() for word in op.split("_")) + "Options"
    options = (name, {"alignCorners": align, "halfPixelCenters": half})
    result = (shape[0], *size, shape[3])
    inputs = [_like(shape, dtype), _indices(size)]
    return Case(op, inputs, [_like(result, dtype)], options, 1e-6, 1e-6)


def _nearest(rng: Rng, dtype: str) -> Case:
    return _resize(rng, dtype, "RESIZE_NEAREST_NEIGHBOR")


def _bilinear(rng: Rng, dtype: str) -> Case:
    return _resize(rng, dtype, "RESIZE_BILINEAR")


Make = Callable[[Rng, str], Case]
OPS: list[tuple[Make, str]] = [
    (_split, "int8 int16 float32 int32"),
    (_split_v, "int8 int16 float32 int32"),
    (_pack, "int8 int16 float32 int32 int64"),
    (_unpack, "int8 int16 float32 int32"),
    (_gather, "int8 float32"),
    (_gather_nd, "int8 float32"),
    (_depth_to_space, "int8 float32"),
    (_space_to_depth, "int8 float32"),
    (_space_to_batch, "int8 float32"),
    (_batch_to_space, "int8 float32"),
    (_mirror_pad, "int8 float32"),
    (_reverse, "int8 int16 float32 int32 int64 uint8 bool"),
    (_broadcast_to, "int8 int16 float32 int32"),
    (_embedding_lookup, "int8 float32"),
    (_dynamic_update_slice, "int8 int16 float32 int32"),
    (_select, "int8 int16 float32"),
    (_fill, "int8 float32 int32"),
    (_zeros_like, "int8 float32 int32 int64"),
    (_shape_of, "int8 int16 float32 int32"),
    (_nearest, "int8 int16 float32"),
    (_bilinear, "int8 float32"),
]
SWEEPS = [(make, dtype) for make, types in OPS for dtype in types.split()]


@pytest.mark.parametrize(("make", "dtype"), SWEEPS, ids=lambda v: getattr(v, "__name__", v))
def test_layout_equals_tflm(make: Make, dtype: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        check(runner, make(rng, dtype), rng, runs=1)


def test_embedding_lookup_of_int8_as_float_equals_tflm(runner: Runner) -> None:
    for rng in seeds(CASES):
        shape = _shape(rng, 2)
        table = Tensor(shape, "int8", 0.03, data=rng.integers(-128, 128, shape))
        ids = _indices(rng.integers(0, shape[0], 5))
        output = Tensor((5, shape[1]), "float32")
        check(runner, Case("EMBEDDING_LOOKUP", [ids, table], [output]), rng, runs=1)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_broadcast_args_equal_tflm(dtype: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        result = _shape(rng, int(rng.integers(1, 6)))
        first = [1 if rng.random() < 0.3 else n for n in result]
        second = [n if a == 1 else 1 for n, a in zip(result, first, strict=True)]
        second = second[next((i for i, n in enumerate(second) if n > 1), len(second) - 1) :]
        inputs = [_indices(first, dtype), _indices(second, dtype)]
        check(runner, Case("BROADCAST_ARGS", inputs, [Tensor((len(result),), dtype)]), rng, runs=1)


def test_indices_out_of_range_are_refused(runner: Runner) -> None:
    image, output = Tensor((3, 2), "float32"), Tensor((1, 2), "float32")
    for index in (-1, 3):
        case = Case("GATHER", [image, _indices([index])], [output], ("GatherOptions", {}))
        reply = runner.run(case.model(), [[np.zeros((3, 2), np.float32)]])
        assert (reply.ok, reply.reason) == (False, "the operator refused its input")
