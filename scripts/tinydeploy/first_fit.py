"""Room in an arena for one piece after the other: the lowest place that is free while it lives.

A piece is what an extent says: bytes [low, high) from its own start, taken from step `first` to
step `last`. What was placed lies in arrays, sorted by where it begins, so that a model of ten
thousand tensors takes a second and no more memory than they have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_ROWS = 4  # low, high, first, last


@dataclass(frozen=True)
class Extent:
    """[low, high) bytes, from the first to the last step that needs them."""

    low: int
    high: int
    first: int
    last: int


class Shelf:
    """Extents that have their place.

    Args:
        alignment: of every offset that `lowest` finds, in bytes.
    """

    def __init__(self, alignment: int) -> None:
        self._alignment = alignment
        self._placed: npt.NDArray[np.int64] = np.zeros((_ROWS, 0), np.int64)

    def lowest(self, extents: Iterable[Extent]) -> int:
        """The lowest offset at which none of `extents` meets what is there while both live."""
        bars = [self._bars(extent) for extent in extents]
        low, high = np.concatenate(bars, axis=1) if len(bars) != 1 else bars[0]
        if len(bars) != 1:
            order = np.argsort(low, kind="stable")
            low, high = low[order], high[order]
        if not len(low):
            return 0
        free = np.maximum.accumulate(np.maximum(high, 0))  # past the bars up to each
        before = np.concatenate(([0], free[:-1]))
        gaps = before <= low
        first = int(np.argmax(gaps))
        return int(before[first] if gaps[first] else free[-1])

    def take(self, extents: Sequence[Extent], offset: int = 0) -> None:
        """Place `extents` at `offset`."""
        for each in extents:
            low = each.low + offset
            at = int(np.searchsorted(self._placed[0], low, "right"))
            column = np.array([low, each.high + offset, each.first, each.last], np.int64)
            self._placed = np.insert(self._placed, at, column, axis=1)

    def _bars(self, here: Extent) -> npt.NDArray[Any]:
        """Offsets, from after the first to before the second row, at which `here` cannot begin."""
        low, high, first, last = self._placed
        met = (first <= here.last) & (last >= here.first)
        return np.stack([low[met] - self._aligned(here.high), self._aligned(high[met] - here.low)])

    def _aligned(self, size: Any) -> Any:
        return -(-size // self._alignment) * self._alignment
