"""Operators that move, repeat and resize: pads, transposes, blocks, shapes."""

from __future__ import annotations

import math

import numpy as np

from tinydeploy.fuzz.draw import Draw, Types
from tinydeploy.graph.ir import Type


def reshape(draw: Draw, code: str, types: Types) -> None:
    """RESHAPE to a shuffle of the factors of the size."""
    x = draw.source(types.data)
    rank, left, shape = draw.integer(1, 4), x.size, []
    for _ in range(rank - 1):
        divisors = [n for n in range(1, left + 1) if left % n == 0]
        shape.append(draw.pick(divisors))
        left //= shape[-1]
    shape.append(left)
    said = list(shape)
    if draw.chance(0.3):
        said[draw.integer(0, rank - 1)] = -1
    draw.result(code, [x, draw.numbers(said)], shape, types.result, x.quantization, new_shape=said)


def squeeze(draw: Draw, code: str, types: Types) -> None:
    """SQUEEZE of some or all dimensions of 1."""
    shape = draw.shape(draw.integer(1, 3))
    axis = draw.integer(0, len(shape))
    x = draw.source(types.data, shape=(*shape[:axis], 1, *shape[axis:]))
    given = [axis] if draw.chance(0.7) else []
    result = shape if given else tuple(n for n in x.shape if n != 1)
    draw.result(code, [x], result, types.result, x.quantization, squeeze_dims=given)


def expand_dims(draw: Draw, code: str, types: Types) -> None:
    """EXPAND_DIMS."""
    x = draw.source(types.data, (1, 2, 3))
    axis, signed = draw.axis(len(x.shape) + 1)
    shape = (*x.shape[:axis], 1, *x.shape[axis:])
    draw.result(code, [x, draw.numbers(signed)], shape, types.result, x.quantization)


def transpose(draw: Draw, code: str, types: Types) -> None:
    """TRANSPOSE."""
    x = draw.source(types.data, (2, 3, 4) if draw.grows else (2, 3, 4, 5))
    order = draw.rng.permutation(len(x.shape))
    shape = [x.shape[axis] for axis in order]
    draw.result(code, [x, draw.numbers(order)], shape, types.result, x.quantization)


def pad(draw: Draw, code: str, types: Types) -> None:
    """PAD and PADV2."""
    x = draw.source(types.data)
    borders = draw.rng.integers(0, 3, (len(x.shape), 2))
    if len(x.shape) == 4 and draw.chance(0.5):
        borders[[0, 3]] = 0
    inputs = [x, draw.numbers(borders)]
    if code == "PADV2":
        value = draw.values((1,), types.data)
        inputs.append(draw.build.constant(value, types.data, x.quantization))
    draw.result(code, inputs, np.array(x.shape) + borders.sum(axis=1), types.result, x.quantization)


def mirror_pad(draw: Draw, code: str, types: Types) -> None:
    """MIRROR_PAD, which can repeat no more than is there."""
    x = draw.source(types.data)
    mode = draw.pick(("REFLECT", "SYMMETRIC"))
    most = [min(n if mode == "SYMMETRIC" else n - 1, 3) for n in x.shape]
    borders = np.array([[draw.integer(0, n), draw.integer(0, n)] for n in most])
    shape = np.array(x.shape) + borders.sum(axis=1)
    draw.result(code, [x, draw.numbers(borders)], shape, types.result, x.quantization, mode=mode)


def depth_space(draw: Draw, code: str, types: Types) -> None:
    """DEPTH_TO_SPACE and SPACE_TO_DEPTH."""
    edge = draw.integer(1, 3)
    batch, height, width, depth = draw.shape(4, 4)
    small = (batch, height, width, depth * edge * edge)
    large = (batch, height * edge, width * edge, depth)
    given, shape = (small, large) if code == "DEPTH_TO_SPACE" else (large, small)
    x = draw.source(types.data, shape=given)
    draw.result(code, [x], shape, types.result, x.quantization, block_size=edge)


def batch_space(draw: Draw, code: str, types: Types) -> None:
    """BATCH_TO_SPACE_ND and SPACE_TO_BATCH_ND over one or two axes."""
    axes = draw.integer(1, 2)
    block = [draw.integer(1, 3) for _ in range(axes)]
    pads = [[draw.integer(0, 2), draw.integer(0, 2)] for _ in range(axes)]
    tiles = [
        draw.integer(sum(p) // b + 1, sum(p) // b + 4) for p, b in zip(pads, block, strict=True)
    ]
    batch, depth = draw.integer(1, 2), draw.integer(1, 3)
    sides = [t * b - sum(p) for t, b, p in zip(tiles, block, pads, strict=True)]
    large = (batch, *sides, depth)
    small = (batch * math.prod(block), *tiles, depth)
    given, shape = (small, large) if code == "BATCH_TO_SPACE_ND" else (large, small)
    x = draw.source(types.data, shape=given)
    inputs = [x, draw.numbers(block), draw.numbers(pads)]
    draw.result(code, inputs, shape, types.result, x.quantization)


def reverse(draw: Draw, code: str, types: Types) -> None:
    """REVERSE_V2 along one axis."""
    x = draw.source(types.data)
    axis = draw.integer(0, len(x.shape) - 1)
    draw.result(code, [x, draw.numbers([axis])], x.shape, types.result, x.quantization)


def broadcast_to(draw: Draw, code: str, types: Types) -> None:
    """BROADCAST_TO."""
    x = draw.source(types.data)
    shape = tuple(draw.integer(1, 4) if n == 1 else n for n in x.shape)
    shape = (*draw.shape(draw.integer(0, 5 - len(x.shape)), 3), *shape)
    draw.result(code, [x, draw.numbers(shape)], shape, types.result, x.quantization)


def broadcast_args(draw: Draw, code: str, types: Types) -> None:
    """BROADCAST_ARGS of two constant shapes."""
    shape = draw.shape(draw.integer(1, 5))
    first = [1 if draw.chance(0.3) else n for n in shape]
    second = [n if a == 1 else draw.pick((1, a)) for n, a in zip(shape, first, strict=True)]
    while len(second) > 1 and second[0] == 1 and draw.chance(0.5):
        second.pop(0)
    inputs = [draw.numbers(first, types.data), draw.numbers(second, types.data)]
    draw.result(code, inputs, (len(shape),), types.result)


def fill(draw: Draw, code: str, types: Types) -> None:
    """FILL with a value of rank 0."""
    value = draw.source(types.result, shape=())
    shape = draw.shape(draw.integer(1, 4))
    dims = Type.INT64 if types.data is Type.INT64 else Type.INT32
    inputs = [draw.numbers(shape, dims), value]
    draw.result(code, inputs, shape, types.result, value.quantization)


def zeros_like(draw: Draw, code: str, types: Types) -> None:
    """ZEROS_LIKE."""
    x = draw.source(types.data)
    draw.result(code, [x], x.shape, types.result, x.quantization)


def shape_of(draw: Draw, code: str, types: Types) -> None:
    """SHAPE."""
    x = draw.source(types.data)
    draw.result(code, [x], (len(x.shape),), Type.INT32, out_type="INT32")


def resize(draw: Draw, code: str, types: Types) -> None:
    """RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR."""
    x = draw.source(types.data, (4,))
    size = draw.shape(2, 9)
    align = draw.chance(0.3)
    draw.result(
        code, [x, draw.numbers(size)], (x.shape[0], *size, x.shape[3]), types.result,
        x.quantization, align_corners=align, half_pixel_centers=not align and draw.chance(0.5),
    )  # fmt: skip


GENERATORS = {
    "BATCH_TO_SPACE_ND": batch_space,
    "BROADCAST_ARGS": broadcast_args,
    "BROADCAST_TO": broadcast_to,
    "DEPTH_TO_SPACE": depth_space,
    "EXPAND_DIMS": expand_dims,
    "FILL": fill,
    "MIRROR_PAD": mirror_pad,
    "PAD": pad,
    "PADV2": pad,
    "RESHAPE": reshape,
    "RESIZE_BILINEAR": resize,
    "RESIZE_NEAREST_NEIGHBOR": resize,
    "REVERSE_V2": reverse,
    "SHAPE": shape_of,
    "SPACE_TO_BATCH_ND": batch_space,
    "SPACE_TO_DEPTH": depth_space,
    "SQUEEZE": squeeze,
    "TRANSPOSE": transpose,
    "ZEROS_LIKE": zeros_like,
}
