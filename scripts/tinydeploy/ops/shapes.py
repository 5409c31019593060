"""Output shapes that follow from an operator's inputs and options.

A converter writes the shapes into the file; where they are not what the operator computes, the
model is damaged or was cut by hand, and the device would refuse it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tinydeploy.graph.ir import Op, Tensor

Shape = tuple[int, ...]


def expected_shape(op: Op) -> Shape | None:
    """Shape of the first output; None where it is not known before it runs.

    Raises:
        ValueError: inputs or options that the operator cannot take; the text says which.
    """
    rule = _RULES.get(op.code)
    if rule is None:
        return None
    try:
        return rule(op)
    except (IndexError, KeyError, AttributeError, ZeroDivisionError):
        raise ValueError("has inputs of an odd number or rank") from None


def shape_problem(op: Op) -> str:
    """What is wrong with the shapes of `op`, "" if nothing is."""
    try:
        expected = expected_shape(op)
    except ValueError as error:
        return str(error)
    actual = op.outputs[0].shape if op.outputs else None
    if expected is None or expected == actual:
        return ""
    return f"gives the shape {list(expected)}, the file says {list(actual or ())}"


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


def _conv(op: Op) -> Shape:
    data, (filters, height, width, depth) = _four(op, 0), _four(op, 1)
    if data[3] % depth or filters % (data[3] // depth):
        raise ValueError(f"has filters for {depth} channels, its input has {data[3]}")
    return (data[0], *_windows(op, data, height, width), filters)


def _depthwise(op: Op) -> Shape:
    data, (_, height, width, channels) = _four(op, 0), _four(op, 1)
    if channels % data[3]:
        raise ValueError(f"has {channels} filters for {data[3]} channels")
    return (data[0], *_windows(op, data, height, width), channels)


def _four(op: Op, index: int) -> Shape:
    shape = _shape(op, index)
    if len(shape) != 4:
        raise ValueError(f"needs 4 dimensions in input {index}, it has {len(shape)}")
    return shape


def _pool(op: Op) -> Shape:
    data = _four(op, 0)
    height, width = op.options["filter_height"], op.options["filter_width"]
    return (data[0], *_windows(op, data, height, width), data[3])


def _fully_connected(op: Op) -> Shape | None:
    data, (units, depth) = _shape(op, 0), _shape(op, 1)
    if math.prod(data) % depth:
        raise ValueError(f"has weights for {depth} numbers, its input has {math.prod(data)}")
    if op.options.get("keep_num_dims"):
        return (*data[:-1], units)
    # TFLM takes the batches from the output; a converter may have kept leading ones.
    return None if len(op.outputs[0].shape) != 2 else (math.prod(data) // depth, units)


def _same(op: Op) -> Shape:
    return _shape(op, 0)


def _broadcast(op: Op) -> Shape:
    return tuple(int(size) for size in np.broadcast_shapes(_shape(op, 0), _shape(op, 1)))


def _reshape(op: Op) -> Shape:
    old, new = _shape(op, 0), op.outputs[0].shape
    if math.prod(old) != math.prod(new):
        raise ValueError(f"cannot make {list(new)} of {list(old)}")
    return new


def _concatenation(op: Op) -> Shape:
    shapes = [tensor.shape for tensor in op.operands]
    axis = op.options["axis"] % len(shapes[0])
    for shape in shapes:
        if len(shape) != len(shapes[0]) or _without(shape, axis) != _without(shapes[0], axis):
            raise ValueError(f"joins {list(shape)} with {list(shapes[0])} along axis {axis}")
    return (*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :])


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]


def _pad(op: Op) -> Shape | None:
    pads = _values(op.inputs[1])
    if pads is None:
        return None
    data = _shape(op, 0)
    pairs = np.reshape(pads, (-1, 2)).tolist()
    return tuple(size + before + after for size, (before, after) in zip(data, pairs, strict=True))


def _transpose(op: Op) -> Shape | None:
    order = _values(op.inputs[1])
    return None if order is None else tuple(_shape(op, 0)[axis] for axis in order)


def _reduce(op: Op) -> Shape | None:
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


_UNARY = """
    ABS CAST CEIL COS DEQUANTIZE ELU EXP FLOOR HARD_SWISH L2_NORMALIZATION LEAKY_RELU LOG LOGISTIC
    LOGICAL_NOT LOG_SOFTMAX NEG QUANTIZE RELU RELU6 ROUND RSQRT SIN SOFTMAX SQRT SQUARE TANH
    ZEROS_LIKE
"""
_BINARY = """
    ADD DIV EQUAL FLOOR_DIV FLOOR_MOD GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND LOGICAL_OR
    MAXIMUM MINIMUM MUL NOT_EQUAL PRELU SQUARED_DIFFERENCE SUB
"""
_RULES: dict[str, Callable[[Op], Shape | None]] = {
    "AVERAGE_POOL_2D": _pool,
    "CONCATENATION": _concatenation,
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "L2_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "MEAN": _reduce,
    "PAD": _pad,
    "PADV2": _pad,
    "REDUCE_MAX": _reduce,
    "REDUCE_MIN": _reduce,
    "RESHAPE": _reshape,
    "SUM": _reduce,
    "TRANSPOSE": _transpose,
    **dict.fromkeys(_UNARY.split(), _same),
    **dict.fromkeys(_BINARY.split(), _broadcast),
}
