"""What the interpreter's kernels keep of each operator: params and arguments.

So that the arena is known before anything is built (see arena.py). The sizes of the params are
those that the kernels' own Prepare takes, with the types of each combination: `params.json`,
written by `tinydeploy ops --write`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tinydeploy import kernels
from tinydeploy.graph.ir import Model, Op
from tinydeploy.ops.declared import operator_of
from tinydeploy.ops.operator import ANY
from tinydeploy.ops.types import signature

PARAMS = Path(__file__).with_name("params.json")
_USUAL_BYTES = 48

Sizes = Mapping[str, Mapping[str, int]]  # of the struct, by operator and types, which may be ANY


@cache
def sizes() -> Sizes:
    """What is in the file."""
    found: Sizes = json.loads(PARAMS.read_text(encoding="utf-8"))
    return found


def is_exact(model: Model) -> bool:
    """Whether there are kernels of all operators."""
    return all(_sizes_of(op) for op in model.ops)


def params_bytes(op: Op) -> int:
    """Bytes of the params that the kernel keeps for `op`."""
    return _struct_bytes(op) + trailing_bytes(op)


def trailing_bytes(op: Op) -> int:
    """Bytes of the params that depend on options or on the number of channels."""
    size = operator_of(op).trailing
    return 0 if size is None else size(op)


def port_count(op: Op) -> int:
    """Arguments for inputs, those included that may be given and are not, and for outputs."""
    row = kernels.row_of(op)
    most = row.most_inputs if row is not None else None
    return max(len(op.inputs), most or 0) + len(op.outputs)


def _struct_bytes(op: Op) -> int:
    """The largest where the kernel does not take these types."""
    known = _sizes_of(op)
    most = max(known.values(), default=_USUAL_BYTES)
    return known.get(signature(op), known.get(ANY, most))


def _sizes_of(op: Op) -> Mapping[str, int]:
    row = kernels.row_of(op)
    return sizes().get(row.code, {}) if row is not None else {}
