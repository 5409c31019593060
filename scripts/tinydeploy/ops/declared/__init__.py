"""The declarations of all operators that the firmware has, a module a family.

tests/graph/test_operators.py compares them with firmware/kernels/ops.def, and says what an operator
lacks.
"""

from __future__ import annotations

from collections.abc import Mapping

from tinydeploy import kernels
from tinydeploy.graph.ir import Op
from tinydeploy.ops.declared import (
    arithmetic,
    control,
    detection,
    moving,
    reductions,
    signal,
    weighted,
    windows,
)
from tinydeploy.ops.operator import Operator

_FAMILIES = (arithmetic, control, detection, moving, reductions, signal, weighted, windows)
_UNKNOWN = Operator("")


def gathered(tables: tuple[Mapping[str, Operator], ...]) -> Mapping[str, Operator]:
    """All in one.

    Raises:
        ValueError: two of them declare the same operator.
    """
    found: dict[str, Operator] = {}
    for table in tables:
        if twice := found.keys() & table.keys():
            raise ValueError(f"declared twice: {sorted(twice)}")
        found.update(table)
    return found


OPERATORS = gathered(tuple(family.OPERATORS for family in _FAMILIES))


def operator_of(op: Op) -> Operator:
    """The declaration of `op`; one that says nothing where the firmware has no kernel of it."""
    row = kernels.row_of(op)
    return OPERATORS.get(row.code, _UNKNOWN) if row is not None else _UNKNOWN
