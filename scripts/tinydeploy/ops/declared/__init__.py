"""The declarations of all operators that the firmware has: OPERATORS of each module here.

tests/graph/test_operators.py compares them with firmware/kernels/ops.def, and says what an operator
lacks.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping, Sequence
from importlib import import_module

from tinydeploy import kernels
from tinydeploy.graph.ir import Op
from tinydeploy.ops.operator import Operator

_UNKNOWN = Operator("")


def gathered(tables: Sequence[Mapping[str, Operator]]) -> Mapping[str, Operator]:
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


_FAMILIES = [
    import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
]
OPERATORS = gathered([family.OPERATORS for family in _FAMILIES])


def operator_of(op: Op) -> Operator:
    """The declaration of `op`; one that says nothing where the firmware has no kernel of it."""
    row = kernels.row_of(op)
    return OPERATORS.get(row.code, _UNKNOWN) if row is not None else _UNKNOWN
