"""Type combinations that our runtime runs, per operator. The kernels in firmware/kernels decide."""

from __future__ import annotations

from tinydeploy.graph.ir import Op, Tensor
from tinydeploy.ops.declared import OPERATORS, operator_of

# tests/graph/test_support.py asks the kernels themselves.
SUPPORTED: dict[str, frozenset[str]] = {
    name: operator.combinations for name, operator in OPERATORS.items()
}


def signature(op: Op) -> str:
    """The type combination of `op`, as declarations have it."""
    known = operator_of(op)
    data = _type(op.input(known.data))
    text = data
    if known.weights is not None and (weights := _type(op.input(known.weights))):
        text += f" x {weights}"
    result = op.outputs[0].type.label if op.outputs else ""
    return f"{text} -> {result}" if result not in ("", data) else text


def _type(tensor: Tensor | None) -> str:
    return tensor.type.label if tensor is not None else ""
