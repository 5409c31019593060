"""Memory that operators ask for, for their declarations: as the kernels' Prepare does."""

from __future__ import annotations

from tinydeploy.graph.ir import Op, Tensor, Type
from tinydeploy.ops.operator import Size

_CHANNEL_BYTES = 5  # multiplier and shift
_WORD_BYTES = 4


def first(op: Op) -> Tensor:
    """The first input; an operator of a file that is wrong may have none."""
    return op.operands[0] if op.operands else Tensor("", Type.INT8, (0,))


def rows(op: Op) -> int:
    """Of the first input; a row is its last dimension."""
    x = first(op)
    return x.size // max(x.shape[-1], 1) if x.shape else 1


def unpacked_int4(op: Op) -> tuple[int, ...]:
    """Scratch: int4 weights, a byte each."""
    weights = op.input(1)
    return (weights.size,) if weights is not None and weights.type is Type.INT4 else ()


def multipliers(axis: int) -> Size:
    """Trailing bytes of params: of each channel, along an axis of the weights."""

    def size(op: Op) -> int:
        weights = op.input(1)
        is_float = any(operand.type is Type.FLOAT32 for operand in op.operands)
        if weights is None or is_float or axis >= len(weights.shape):
            return 0
        return weights.shape[axis] * _CHANNEL_BYTES

    return size


def multipliers_if_several(op: Op) -> int:
    """The same along axis 0, where the weights have several scales."""
    weights = op.input(1)
    quantization = weights.quantization if weights is not None else None
    return multipliers(0)(op) if quantization is not None and quantization.per_channel else 0


def word_an_input(op: Op) -> int:
    """Trailing bytes of params."""
    return _WORD_BYTES * len(op.inputs)


def word_an_output(op: Op) -> int:
    """Trailing bytes of params."""
    return _WORD_BYTES * len(op.outputs)
