"""Operators that join, split and pick tensors."""

from __future__ import annotations

import numpy as np

from tinydeploy.fuzz.draw import Draw, Shape, Types
from tinydeploy.graph.ir import Tensor


def _resized(shape: Shape, axis: int, size: int) -> Shape:
    return (*shape[:axis], size, *shape[axis + 1 :])


def concatenation(draw: Draw, code: str, types: Types) -> None:
    """CONCATENATION of one to four tensors of one scale."""
    first = draw.source(types.data)
    axis, signed = draw.axis(len(first.shape))

    def joins(tensor: Tensor) -> bool:
        same_rank = len(tensor.shape) == len(first.shape)
        return same_rank and _resized(tensor.shape, axis, 0) == _resized(first.shape, axis, 0)

    parts = [first]
    for _ in range(draw.integer(0, 3)):
        shape = _resized(first.shape, axis, draw.integer(1, 4))
        known = [t for t in draw.pool if t.type is types.data and joins(t) and t is not first]
        shape = draw.pick(known).shape if known and draw.chance(0.7) else shape
        parts.append(draw.other(types.data, shape, like=first))
    order = [parts[index] for index in draw.rng.permutation(len(parts))]
    size = sum(part.shape[axis] for part in parts)
    draw.result(
        code, order, _resized(first.shape, axis, size), types.result, first.quantization,
        axis=signed,
    )  # fmt: skip


def pack(draw: Draw, code: str, types: Types) -> None:
    """PACK."""
    first = draw.source(types.data, (1, 2, 3))
    count = draw.integer(1, 4)
    parts = [first]
    parts += [draw.source(types.data, shape=first.shape, like=first) for _ in range(count - 1)]
    axis, signed = draw.axis(len(first.shape) + 1)
    shape = (*first.shape[:axis], count, *first.shape[axis:])
    draw.result(
        code, parts, shape, types.result, first.quantization, values_count=count, axis=signed
    )


def unpack(draw: Draw, code: str, types: Types) -> None:
    """UNPACK."""
    x = draw.source(types.data, (2, 3, 4))
    axis, signed = draw.axis(len(x.shape))
    shape = (*x.shape[:axis], *x.shape[axis + 1 :])
    outputs = [draw.build.tensor(shape, types.result, x.quantization) for _ in range(x.shape[axis])]
    draw.results(code, [x], outputs, num=len(outputs), axis=signed)


def split(draw: Draw, code: str, types: Types) -> None:
    """SPLIT into equal parts."""
    count = draw.integer(1, 4)
    shape = draw.shape(draw.integer(1, 4))
    axis, _ = draw.axis(len(shape))
    if draw.grows:
        x = draw.source(types.data, suits=lambda t: any(n % count == 0 for n in t.shape))
        axis = draw.pick([axis for axis, n in enumerate(x.shape) if n % count == 0])
    else:
        x = draw.source(types.data, shape=_resized(shape, axis, shape[axis] * count))
    part = _resized(x.shape, axis, x.shape[axis] // count)
    signed = axis - len(x.shape) if draw.chance(0.33) else axis
    outputs = [draw.build.tensor(part, types.result, x.quantization) for _ in range(count)]
    draw.results(code, [draw.numbers(signed), x], outputs, num_splits=count)


def split_v(draw: Draw, code: str, types: Types) -> None:
    """SPLIT_V into parts of given sizes."""
    x = draw.source(types.data, most=9)
    axis, signed = draw.axis(len(x.shape))
    sizes: list[int] = []
    left = x.shape[axis]
    while left:
        sizes.append(draw.integer(1, min(left, 5)) if len(sizes) < 5 else left)
        left -= sizes[-1]
    outputs = [
        draw.build.tensor(_resized(x.shape, axis, size), types.result, x.quantization)
        for size in sizes
    ]
    inputs = [x, draw.numbers(sizes), draw.numbers(signed)]
    draw.results(code, inputs, outputs, num_splits=len(sizes))


def gather(draw: Draw, code: str, types: Types) -> None:
    """GATHER along an axis, now and then with batch dimensions."""
    x = draw.source(types.data)
    rank = len(x.shape)
    axis = draw.integer(0, rank - 1)
    batch_dims = draw.integer(0, axis) if draw.chance(0.4) else 0
    own = draw.shape(draw.integer(1 if batch_dims else 0, 2), 4)[: 5 - rank]
    indices = draw.rng.integers(0, x.shape[axis], (*x.shape[:batch_dims], *own))
    shape = (*x.shape[:axis], *own, *x.shape[axis + 1 :])
    draw.result(
        code, [x, draw.numbers(indices)], shape, types.result, x.quantization, axis=axis,
        batch_dims=batch_dims,
    )  # fmt: skip


def gather_nd(draw: Draw, code: str, types: Types) -> None:
    """GATHER_ND."""
    x = draw.source(types.data)
    depth = draw.integer(1, len(x.shape))
    rows = draw.shape(draw.integer(1, 2), 4)
    indices = np.stack([draw.rng.integers(0, n, rows) for n in x.shape[:depth]], axis=-1)
    shape = (*rows, *x.shape[depth:])
    draw.result(code, [x, draw.numbers(indices)], shape, types.result, x.quantization)


GENERATORS = {
    "CONCATENATION": concatenation,
    "GATHER": gather,
    "GATHER_ND": gather_nd,
    "PACK": pack,
    "SPLIT": split,
    "SPLIT_V": split_v,
    "UNPACK": unpack,
}
