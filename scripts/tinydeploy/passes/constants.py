"""Compute, once and here, what depends on constants alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinydeploy.graph.ir import Model, Op, Subgraph
from tinydeploy.graph.links import Links, rewrite
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

    def fold(op: Op, links: Links) -> bool:
        return _fold(op, links, evaluate)

    return sum(rewrite(subgraph, fold) for subgraph in model.subgraphs)


def _fold(
    op: Op, links: Links, evaluate: Callable[[bytes, Sequence[Any]], list[Any] | None]
) -> bool:
    is_output = any(map(links.is_output, op.outputs))
    if op.code in _NEVER or is_output or not op.operands:
        return False
    if not all(tensor.is_constant for tensor in op.operands):
        return False
    values = evaluate(dump(alone(op)), [])
    if values is None:
        return False
    for tensor, value in zip(op.outputs, values, strict=True):
        tensor.data = value.reshape(tensor.shape)
    links.remove(op)
    return True


def alone(op: Op) -> Model:
    """A model of nothing but `op`, all of its inputs constant."""
    tensors = list(dict.fromkeys([*op.operands, *op.outputs, *op.intermediates]))
    return Model([Subgraph("op", tensors, [op], [], list(op.outputs))])
