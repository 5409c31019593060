"""Compute, once and here, what depends on constants alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinydeploy.graph.build import alone
from tinydeploy.graph.ir import Model, Op
from tinydeploy.graph.links import Links, rewrite
from tinydeploy.graph.write_tflite import dump
from tinydeploy.ops.declared import operator_of


def run(model: Model, evaluate: Callable[[bytes, Sequence[Any]], list[Any] | None]) -> int:
    """Replace ops whose inputs are all constant by what TFLM computes for them."""

    def fold(op: Op, links: Links) -> bool:
        return _fold(op, links, evaluate)

    return sum(rewrite(subgraph, fold) for subgraph in model.subgraphs)


def _fold(
    op: Op, links: Links, evaluate: Callable[[bytes, Sequence[Any]], list[Any] | None]
) -> bool:
    is_output = any(map(links.is_output, op.outputs))
    if _is_never_folded(op) or is_output or not op.operands:
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


def _is_never_folded(op: Op) -> bool:
    """It has a state or other subgraphs inside, or is different each time."""
    operator = operator_of(op)
    return operator.remembers or bool(operator.calls) or op.code == "CUSTOM"
