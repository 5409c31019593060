"""What the cycles of an operator grow with: numbers of elements, rows, taps and products."""

from __future__ import annotations

import math

from tinydeploy.graph.ir import Op, Tensor
from tinydeploy.ops.declared import operator_of
from tinydeploy.ops.types import signature
from tinydeploy.ops.work import op_macs

Features = dict[str, float]


def key(op: Op) -> str:
    """Operators with one key have one kernel, or nearly; what moves data does not look at it."""
    if operator_of(op).moves and op.outputs:
        return f"{op.name} {op.outputs[0].type.dtype.itemsize}"
    return f"{op.name} {signature(op)}"


def features(op: Op) -> Features:
    """Counts by name, none below 0; `one` is the call itself."""
    given = [tensor for tensor in op.operands if not tensor.is_constant]
    outputs = sum(tensor.size for tensor in op.outputs)
    inputs = sum(tensor.size for tensor in given)
    first = op.outputs[0] if op.outputs else None
    return {
        "one": 1.0,
        "out": outputs,
        "in": inputs,
        "macs": op_macs(op),
        "rows": _rows(first),
        "in_rows": _rows(op.operands[0] if op.operands else None),
        "taps": _taps(op),
        "broadcast": outputs if _is_broadcast(op) else 0,
        "parts": len(op.operands) + len(op.outputs),
        "pieces": _pieces(op),
        "in_log": inputs * math.log2(max(inputs, 1)) if op.name.startswith("Signal") else 0,
    }


def _rows(tensor: Tensor | None) -> float:
    """Elements but for those along the last axis."""
    if tensor is None or not tensor.shape:
        return 1
    return tensor.size / max(tensor.shape[-1], 1)


def _taps(op: Op) -> float:
    """Positions of the window, over all places where it stands; of pools for each channel."""
    out = op.outputs[0] if op.outputs else None
    if out is None:
        return 0
    if "filter_width" in op.options:
        return out.size * int(op.options["filter_width"]) * int(op.options["filter_height"])
    weights = op.input(1)
    if op.code in ("CONV_2D", "DEPTHWISE_CONV_2D") and weights is not None:
        return _rows(out) * math.prod(weights.shape[1:3])
    return 0


def _pieces(op: Op) -> float:
    """Runs of elements that are moved together."""
    axis = _axis(op)
    whole = max([*op.operands, *op.outputs], key=lambda tensor: len(tensor.shape), default=None)
    if axis is None or whole is None:
        return 0
    before = whole.shape[: axis % max(len(whole.shape), 1)]
    return math.prod(before) * max(len(op.operands), len(op.outputs))


def _axis(op: Op) -> int | None:
    place = operator_of(op).axis
    if place is None:
        axis = op.options.get("axis")
        return axis if isinstance(axis, int) else None
    operand = op.input(place)
    if operand is None or operand.data is None or operand.size != 1:
        return None
    return int(operand.data.reshape(-1)[0])


def _is_broadcast(op: Op) -> bool:
    sizes = {tensor.size for tensor in op.operands[:2]}
    return len(op.operands) > 1 and len(sizes) > 1
