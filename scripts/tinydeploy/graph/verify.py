"""What every graph must satisfy, fresh from a file or rewritten."""

from __future__ import annotations

from collections.abc import Iterable

from tinydeploy.graph.ir import Model, Subgraph, Tensor


class InconsistentGraphError(ValueError):
    """Ops and tensors do not fit together; the text says where."""


def verify(model: Model) -> None:
    """Check each subgraph of a rewritten model; InconsistentGraphError if one is not in order."""
    for subgraph in model.subgraphs:
        listed = set(subgraph.tensors)
        for op in subgraph.ops:
            for tensor in [*op.operands, *op.outputs]:
                if tensor not in listed:
                    raise InconsistentGraphError(f"{op.name}: {tensor} is not in the subgraph")
                if tensor.data is not None and tensor.data.shape != tensor.shape:
                    raise InconsistentGraphError(f"{op.name}: {tensor} has other data")
        verify_order(subgraph)


def verify_order(subgraph: Subgraph) -> None:
    """Every tensor is written before it is read, once, and never a constant or an input."""
    known = set(subgraph.inputs)
    known |= {t for t in subgraph.tensors if t.is_constant or t.is_variable or not t.size}
    for position, op in enumerate(subgraph.ops):
        where = f"op {position} ({op.name})"
        _verify_read(op.operands, known, where)
        for tensor in op.outputs:
            if tensor in known and tensor.size and not tensor.is_variable:
                raise InconsistentGraphError(f"{where} writes {tensor} a second time")
            known.add(tensor)
    _verify_read(subgraph.outputs, known, "an output of the model")


def _verify_read(tensors: Iterable[Tensor], known: set[Tensor], where: str) -> None:
    for tensor in tensors:
        if tensor not in known:
            raise InconsistentGraphError(f"{where} reads {tensor}, which nothing has written yet")
