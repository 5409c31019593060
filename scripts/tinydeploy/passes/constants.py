"""Compute, once and here, what depends on constants alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinydeploy.graph.ir import Model, Op, Subgraph
from tinydeploy.graph.write_tflite import dump

# Operators with state, with other subgraphs inside, or different each time.
_NEVER = {
    "ASSIGN_VARIABLE",
    "CALL_ONCE",
    "CUSTOM",
    "IF",
    "READ_VARIABLE",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "SVDF",
    "VAR_HANDLE",
    "WHILE",
}


def run(model: Model, evaluate: Callable[[bytes, Sequence[Any]], list[Any] | None]) -> int:
    """Replace ops whose inputs are all constant by what TFLM computes for them."""
    return sum(
        _fold(op, subgraph, evaluate) for subgraph in model.subgraphs for op in list(subgraph.ops)
    )


def _fold(
    op: Op, subgraph: Subgraph, evaluate: Callable[[bytes, Sequence[Any]], list[Any] | None]
) -> bool:
    is_output = any(tensor in subgraph.outputs for tensor in op.outputs)
    if op.code in _NEVER or is_output or not op.operands:
        return False
    if not all(tensor.is_constant for tensor in op.operands):
        return False
    values = evaluate(dump(alone(op)), [])
    if values is None:
        return False
    for tensor, value in zip(op.outputs, values, strict=True):
        tensor.data = value.reshape(tensor.shape)
    subgraph.ops.remove(op)
    subgraph.prune()
    return True


def alone(op: Op) -> Model:
    """A model of nothing but `op`, all of its inputs constant."""
    tensors = list(dict.fromkeys([*op.operands, *op.outputs, *op.intermediates]))
    return Model([Subgraph("op", tensors, [op], [], list(op.outputs))])
