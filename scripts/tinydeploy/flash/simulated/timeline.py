"""Simulated time: what is going to happen, in order."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

Action = Callable[[], None]


class Timeline:
    """A clock that moves when it is told to, and does on the way what is due."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._due: list[tuple[float, int, Action]] = []
        self._order = itertools.count()

    def after(self, delay_s: float, action: Action) -> None:
        """Do something in `delay_s`."""
        heapq.heappush(self._due, (self.now_s + delay_s, next(self._order), action))

    def next_s(self) -> float | None:
        """When the next thing is due."""
        return self._due[0][0] if self._due else None

    def run_until(self, end_s: float) -> None:
        """Move on to `end_s`."""
        while self._due and self._due[0][0] <= end_s:
            self.now_s, _, action = heapq.heappop(self._due)
            action()
        self.now_s = max(self.now_s, end_s)
