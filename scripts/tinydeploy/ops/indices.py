"""Inputs of a model that are places in a table, such as the words of a text."""

from __future__ import annotations

from tinydeploy.graph.ir import Op, Subgraph, Tensor
from tinydeploy.ops.declared import operator_of


def index_limit(subgraph: Subgraph, tensor: Tensor) -> int | None:
    """Rows of the smallest table that `tensor` is looked up in; None if it is in none."""
    names, limits = {tensor}, []
    for op in subgraph.ops:
        if operator_of(op).keeps_values and op.input(0) in names:
            names.update(op.outputs)
        rows = _rows(op, names)
        if rows is not None:
            limits.append(rows)
    return min(limits, default=None)


def _rows(op: Op, names: set[Tensor]) -> int | None:
    """Of the table that `op` looks up one of `names` in."""
    look_up = operator_of(op).look_up
    if look_up is None or op.input(look_up.places) not in names:
        return None
    return _size(op.input(look_up.table), int(op.options.get("axis", 0)))


def _size(table: Tensor | None, axis: int) -> int | None:
    if table is None or not -len(table.shape) <= axis < len(table.shape):
        return None
    return table.shape[axis]
