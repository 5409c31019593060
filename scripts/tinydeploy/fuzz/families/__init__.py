"""A generator for each operator: makes it on operands that it asks `Draw` for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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

Generator = Callable[[Draw, str, Types], None]

GENERATORS: Mapping[str, Generator] = {
    **control.GENERATORS,
    **custom.GENERATORS,
    **elementwise.GENERATORS,
    **joints.GENERATORS,
    **layout.GENERATORS,
    **matrices.GENERATORS,
    **normalize.GENERATORS,
    **recurrent.GENERATORS,
    **reductions.GENERATORS,
    **signal.GENERATORS,
    **slices.GENERATORS,
    **windows.GENERATORS,
}
