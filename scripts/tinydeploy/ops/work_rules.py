"""Multiply-accumulates of one run, for the declarations of operators.

IndexError or ValueError where operands are missing or have an odd rank.
"""

from __future__ import annotations

import math

from tinydeploy.graph.ir import Op, Tensor


def _weights(op: Op, index: int = 1) -> tuple[int, ...]:
    tensor = op.input(index)
    return tensor.shape if tensor is not None else ()


def conv(op: Op) -> int:
    """Of each output the whole window."""
    _, *window = _weights(op)  # [filters, height, width, channels of a group]
    return op.outputs[0].size * math.prod(window)


def depthwise(op: Op) -> int:
    """Of each output the window of one channel."""
    _, *window, _ = _weights(op)  # [1, height, width, channels]
    return op.outputs[0].size * math.prod(window)


def transpose_conv(op: Op) -> int:
    """Each input element meets the whole window."""
    filters, height, width, _ = _weights(op)
    data = op.input(2)
    return data.size * filters * height * width if data is not None else 0


def fully_connected(op: Op) -> int:
    """Of each output a row of weights."""
    return op.outputs[0].size * _weights(op)[-1]  # [units, depth]


def batch_matmul(op: Op) -> int:
    """Of each output a row of the left matrix."""
    left = op.operands[0].shape
    return op.outputs[0].size * left[-2 if op.options.get("adj_x") else -1]


def svdf(op: Op) -> int:
    """Of each filter the features, then its memory."""
    filters, depth = _weights(op, 1)
    _, memory = _weights(op, 2)
    return op.operands[0].shape[0] * filters * (depth + memory)


def lstm(op: Op) -> int:
    """At each step the eight matrices."""
    steps = math.prod(op.operands[0].shape[:-1])
    return steps * sum(_matrix_size(op.input(index)) for index in range(1, 9))


def _matrix_size(tensor: Tensor | None) -> int:
    return tensor.size if tensor is not None else 0
