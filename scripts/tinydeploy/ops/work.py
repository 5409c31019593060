"""How much an operator computes: multiply-accumulates, parameters.

Only products of data with weights (or data) count as multiply-accumulates, as MLPerf Tiny and the
converters count them: no pooling, no element-wise arithmetic, no requantization.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tinydeploy.graph.ir import Model, Op, Tensor


def macs(model: Model) -> int:
    """Multiply-accumulates of one inference; each branch and loop body counts once."""
    return sum(op_macs(op) for op in model.ops)


def op_macs(op: Op) -> int:
    """Multiply-accumulates of one operator; 0 for those that only move or map numbers.

    Also 0 where operands are missing or have an odd rank: `support` refuses those.
    """
    try:
        return _RULES.get(op.code, _none)(op)
    except (IndexError, ValueError):
        return 0


def parameters(model: Model) -> int:
    """Number of constants with arithmetic meaning: weights and biases, not shapes and paddings."""
    weights = {
        tensor
        for op in model.ops
        for tensor in op.operands
        if tensor.is_constant and (op.code in _RULES or tensor.quantization or tensor.type.is_float)
    }
    return sum(tensor.size for tensor in weights)


def _none(op: Op) -> int:
    return 0


def _weights(op: Op, index: int = 1) -> tuple[int, ...]:
    tensor = op.input(index)
    return tensor.shape if tensor is not None else ()


def _conv(op: Op) -> int:
    _, *window = _weights(op)  # [filters, height, width, channels of a group]
    return op.outputs[0].size * math.prod(window)


def _depthwise(op: Op) -> int:
    _, *window, _ = _weights(op)  # [1, height, width, channels]
    return op.outputs[0].size * math.prod(window)


def _transpose_conv(op: Op) -> int:
    filters, height, width, _ = _weights(op)  # each input element meets the whole window
    data = op.input(2)
    return data.size * filters * height * width if data is not None else 0


def _fully_connected(op: Op) -> int:
    return op.outputs[0].size * _weights(op)[-1]  # [units, depth]


def _batch_matmul(op: Op) -> int:
    left = op.operands[0].shape
    return op.outputs[0].size * left[-2 if op.options.get("adj_x") else -1]


def _svdf(op: Op) -> int:
    filters, depth = _weights(op, 1)
    _, memory = _weights(op, 2)
    return op.operands[0].shape[0] * filters * (depth + memory)


def _lstm(op: Op) -> int:
    steps = math.prod(op.operands[0].shape[:-1])
    return steps * sum(_matrix_size(op.input(index)) for index in range(1, 9))


def _matrix_size(tensor: Tensor | None) -> int:
    return tensor.size if tensor is not None else 0


_RULES: dict[str, Callable[[Op], int]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transpose_conv,
    "FULLY_CONNECTED": _fully_connected,
    "BATCH_MATMUL": _batch_matmul,
    "SVDF": _svdf,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
}
