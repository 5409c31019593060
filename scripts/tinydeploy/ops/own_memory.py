"""Memory that an operator asks for besides its params: by its options and shapes.

Scratch is there while the operator runs, state from run to run. As the kernels' Prepare in
firmware/kernels asks for it; tests/graph/test_arena_bytes.py compares.
"""

from __future__ import annotations

from tinydeploy.graph.ir import Op
from tinydeploy.ops.declared import operator_of

VariableKey = tuple[str, str]  # container and name


def scratch_bytes(op: Op) -> tuple[int, ...]:
    """Bytes of each scratch buffer."""
    sizes = operator_of(op).scratch
    return () if sizes is None else sizes(op)


def state_bytes(op: Op) -> int | None:
    """Bytes that it keeps from run to run; None: it keeps none. Variables are tensors."""
    size = operator_of(op).state
    return None if size is None else size(op)


def variable_of(handle: Op) -> VariableKey:
    """The variable that a VAR_HANDLE means."""
    options = handle.options
    return options.get("container") or "", options.get("shared_name") or ""
