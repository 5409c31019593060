"""A generator for each operator: makes it on operands that it asks `Draw` for.

They are in GENERATORS of each module here.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module

from tinydeploy.fuzz.draw import Draw, Types
from tinydeploy.ops.declared import OPERATORS

Generator = Callable[[Draw, str, Types], None]


def gathered(tables: Iterable[Mapping[str, Generator]]) -> Mapping[str, Generator]:
    """All generators by operator.

    Raises:
        ValueError: two for one operator, or one for an operator that is not declared.
    """
    pairs = [pair for table in tables for pair in table.items()]
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("two generators of one operator")
    if unknown := found.keys() - OPERATORS.keys():
        raise ValueError(f"generators of operators that ops/declared lacks: {sorted(unknown)}")
    return found


_FAMILIES = [
    import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
]
GENERATORS = gathered(family.GENERATORS for family in _FAMILIES)
