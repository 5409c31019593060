"""A generator for each operator: makes it on operands that it asks `Draw` for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tinydeploy.fuzz.draw import Draw, Types
from tinydeploy.fuzz.families import (
    control,
    custom,
    elementwise,
    joints,
    layout,
    matrices,
    normalize,
    recurrent,
    reductions,
    signal,
    slices,
    windows,
)
from tinydeploy.ops.declared import OPERATORS

Generator = Callable[[Draw, str, Types], None]

_FAMILIES: tuple[Mapping[str, Generator], ...] = (
    control.GENERATORS,
    custom.GENERATORS,
    elementwise.GENERATORS,
    joints.GENERATORS,
    layout.GENERATORS,
    matrices.GENERATORS,
    normalize.GENERATORS,
    recurrent.GENERATORS,
    reductions.GENERATORS,
    signal.GENERATORS,
    slices.GENERATORS,
    windows.GENERATORS,
)


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


GENERATORS = gathered(_FAMILIES)
