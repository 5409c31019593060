"""How much an operator computes: multiply-accumulates, parameters.

Only products of data with weights (or data) count as multiply-accumulates, as MLPerf Tiny and the
converters count them: no pooling, no element-wise arithmetic, no requantization.
"""

from __future__ import annotations

from tinydeploy.graph.ir import Model, Op
from tinydeploy.ops.declared import operator_of


def macs(model: Model) -> int:
    """Multiply-accumulates of one inference; each branch and loop body counts once."""
    return sum(op_macs(op) for op in model.ops)


def op_macs(op: Op) -> int:
    """Multiply-accumulates of one operator; 0 for those that only move or map numbers.

    Also 0 where operands are missing or have an odd rank: `support` refuses those.
    """
    rule = operator_of(op).macs
    try:
        return 0 if rule is None else rule(op)
    except (IndexError, ValueError):
        return 0


def parameters(model: Model) -> int:
    """Number of constants with arithmetic meaning: weights and biases, not shapes and paddings."""
    weights = {
        tensor
        for op in model.ops
        for computes in [operator_of(op).macs is not None]
        for tensor in op.operands
        if tensor.is_constant and (computes or tensor.quantization or tensor.type.is_float)
    }
    return sum(tensor.size for tensor in weights)
