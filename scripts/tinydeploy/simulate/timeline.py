"""Simulated time: ticks of a fixed clock, driven by CPU cycles and by skipped idle time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Protocol


class Counter(Protocol):
    """What time needs from the cycle counter."""

    cycles: int
    deadline: int


class Event:
    """Something that will happen; `cancel()` makes it not happen."""

    def __init__(self, ticks: int, action: Callable[[], None]) -> None:
        self.ticks = ticks
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        """Take the event back."""
        self.cancelled = True


class Timeline:
    """Now, and what is to happen later.

    A tick is a unit that the chip chooses so that a CPU cycle is a whole number of them at each
    of its clock rates.
    """

    def __init__(self, counter: Counter, tick_hz: int, ticks_per_cycle: int) -> None:
        self.tick_hz = tick_hz
        self.ticks_per_cycle = ticks_per_cycle
        self.idle_ticks = 0
        self._counter = counter
        self._base_ticks = 0
        self._base_cycles = 0
        self._queue: list[tuple[int, int, Event]] = []
        self._order = itertools.count()

    @property
    def now(self) -> int:
        """Ticks since power-on."""
        cycles = self._counter.cycles - self._base_cycles
        return self._base_ticks + cycles * self.ticks_per_cycle

    @property
    def seconds(self) -> float:
        """Seconds since power-on."""
        return self.now / self.tick_hz

    def ticks(self, seconds: float) -> int:
        """Duration in ticks, at least one."""
        return max(1, round(seconds * self.tick_hz))

    def set_rate(self, ticks_per_cycle: int) -> None:
        """Change how long a CPU cycle takes from now on."""
        self._base_ticks = self.now
        self._base_cycles = self._counter.cycles
        self.ticks_per_cycle = ticks_per_cycle

    def skip_to(self, ticks: int) -> None:
        """Let time pass without the CPU doing anything."""
        idle = max(0, ticks - self.now)
        self._base_ticks += idle
        self.idle_ticks += idle

    def after(self, ticks: int, action: Callable[[], None]) -> Event:
        """Do `action` in `ticks` from now; events of one tick happen in the order of asking."""
        event = Event(self.now + ticks, action)
        heapq.heappush(self._queue, (event.ticks, next(self._order), event))
        due = self._counter.cycles - (-ticks // self.ticks_per_cycle)
        if due < self._counter.deadline:
            self._counter.deadline = due
        return event

    def cycle_of(self, ticks: int) -> int:
        """Value of the cycle counter at which `ticks` will have been reached."""
        remaining = max(0, ticks - self.now)
        return self._counter.cycles + -(-remaining // self.ticks_per_cycle)

    @property
    def next_event(self) -> int | None:
        """Tick of the next event, if there is one."""
        while self._queue and self._queue[0][2].cancelled:
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else None

    def run_due(self) -> None:
        """Carry out what is due."""
        while self._queue:
            ticks, _, event = self._queue[0]
            if not event.cancelled and ticks > self.now:
                return
            heapq.heappop(self._queue)
            if not event.cancelled:
                event.action()

    def clear(self) -> None:
        """Drop all events."""
        self._queue.clear()
