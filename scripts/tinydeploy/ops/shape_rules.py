"""Output shapes by inputs and options, for the declarations of operators.

Each rule gives the shape of the first output, or None where it is not known before the operator
runs. ValueError: inputs or options that the operator cannot take; the text says which.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinydeploy.graph.ir import Op, Tensor
from tinydeploy.ops.operator import Shape


def window_size(size: int, window: int, stride: int, dilation: int, padding: str) -> int:
    """Positions of a sliding window along one axis."""
    reach = (window - 1) * dilation + 1
    free = size if padding == "SAME" else size - reach + 1
    if free < 1 or stride < 1 or dilation < 1:
        raise ValueError(f"a window of {reach} and stride {stride} does not fit size {size}")
    return -(-free // stride)


def _windows(op: Op, data: Shape, height: int, width: int) -> tuple[int, int]:
    get = op.options.get
    padding = op.options["padding"]
    rows = window_size(data[1], height, get("stride_h", 1), get("dilation_h_factor", 1), padding)
    columns = window_size(data[2], width, get("stride_w", 1), get("dilation_w_factor", 1), padding)
    return rows, columns


def _shape(op: Op, index: int) -> Shape:
    tensor = op.inputs[index]
    if tensor is None:
        raise ValueError(f"lacks its input {index}")
    return tensor.shape


def conv(op: Op) -> Shape:
    """Filters are [filters, height, width, channels of a group]."""
    data, (filters, height, width, depth) = _four(op, 0), _four(op, 1)
    if data[3] % depth or filters % (data[3] // depth):
        raise ValueError(f"has filters for {depth} channels, its input has {data[3]}")
    return (data[0], *_windows(op, data, height, width), filters)


def depthwise(op: Op) -> Shape:
    """Filters are [1, height, width, channels]."""
    data, (_, height, width, channels) = _four(op, 0), _four(op, 1)
    if channels % data[3]:
        raise ValueError(f"has {channels} filters for {data[3]} channels")
    return (data[0], *_windows(op, data, height, width), channels)


def _four(op: Op, index: int) -> Shape:
    shape = _shape(op, index)
    if len(shape) != 4:
        raise ValueError(f"needs 4 dimensions in input {index}, it has {len(shape)}")
    return shape


def pool(op: Op) -> Shape:
    """[batches, rows, columns, channels]."""
    data = _four(op, 0)
    height, width = op.options["filter_height"], op.options["filter_width"]
    return (data[0], *_windows(op, data, height, width), data[3])


def fully_connected(op: Op) -> Shape | None:
    """[batches, units], or the data's leading dimensions where they are kept."""
    data, (units, depth) = _shape(op, 0), _shape(op, 1)
    if math.prod(data) % depth:
        raise ValueError(f"has weights for {depth} numbers, its input has {math.prod(data)}")
    if op.options.get("keep_num_dims"):
        return (*data[:-1], units)
    # TFLM takes the batches from the output; a converter may have kept leading ones.
    return None if len(op.outputs[0].shape) != 2 else (math.prod(data) // depth, units)


def same(op: Op) -> Shape:
    """That of the first input."""
    return _shape(op, 0)


def broadcast(op: Op) -> Shape:
    """That of both inputs together."""
    return tuple(int(size) for size in np.broadcast_shapes(_shape(op, 0), _shape(op, 1)))


def reshape(op: Op) -> Shape:
    """What the file says, if it has as many elements."""
    old, new = _shape(op, 0), op.outputs[0].shape
    if math.prod(old) != math.prod(new):
        raise ValueError(f"cannot make {list(new)} of {list(old)}")
    return new


def concatenation(op: Op) -> Shape:
    """Sizes along the axis add up."""
    shapes = [tensor.shape for tensor in op.operands]
    axis = op.options["axis"] % len(shapes[0])
    for shape in shapes:
        if len(shape) != len(shapes[0]) or _without(shape, axis) != _without(shapes[0], axis):
            raise ValueError(f"joins {list(shape)} with {list(shapes[0])} along axis {axis}")
    return (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]


def pad(op: Op) -> Shape | None:
    """Constant paddings are [before, after] of each dimension."""
    pads = _values(op.inputs[1])
    if pads is None:
        return None
    data = _shape(op, 0)
    pairs = np.reshape(pads, (-1, 2)).tolist()
    return tuple(size + before + after for size, (before, after) in zip(data, pairs, strict=True))


def transpose(op: Op) -> Shape | None:
    """By a constant order of the dimensions."""
    order = _values(op.inputs[1])
    return None if order is None else tuple(_shape(op, 0)[axis] for axis in order)


def reduce(op: Op) -> Shape | None:
    """Without constant axes, or with 1 in their place."""
    axes = _values(op.inputs[1])
    if axes is None:
        return None
    data = _shape(op, 0)
    gone = {axis % len(data) for axis in axes}
    if op.options.get("keep_dims"):
        return tuple(1 if axis in gone else size for axis, size in enumerate(data))
    return tuple(size for axis, size in enumerate(data) if axis not in gone)


def _values(tensor: Tensor | None) -> Sequence[int] | None:
    """A constant's numbers in one row; None if it is not constant."""
    if tensor is None or tensor.data is None:
        return None
    return [int(value) for value in tensor.data.reshape(-1)]
