"""Wait states of flash with a cache: an estimate, beside the zero-wait-state cycle model.

docs/cycle_model.md says what of this is known and what is not modelled.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FlashTiming:
    """Flash from address 0 and its cache, which is taken to be always on.

    Attributes:
        flash_end: first address past the flash.
        wait_cycles: what reading a line that is not cached costs, or data that never is.
        line_bytes, sets, ways: of the cache, least recently used lines leave it first. Sizes
            are powers of two.
        caches_data: whether loads go through the cache; else each of them waits.
    """

    flash_end: int
    wait_cycles: int
    line_bytes: int
    sets: int
    ways: int
    caches_data: bool

    @property
    def line_shift(self) -> int:
        """log2 of `line_bytes`."""
        return self.line_bytes.bit_length() - 1


class FlashCache:
    """State of the cache; block_counter.c has a compiled twin."""

    def __init__(self, timing: FlashTiming) -> None:
        self._timing = timing
        self._sets: list[list[int]] = [[] for _ in range(timing.sets)]

    def fetch(self, address: int, size: int) -> int:
        """Cycles that fetching a block of code waits."""
        if address >= self._timing.flash_end:
            return 0
        shift = self._timing.line_shift
        lines = range(address >> shift, (address + size - 1 >> shift) + 1)
        return sum(map(self._touch, lines))

    def load(self, address: int) -> int:
        """Cycles that a load of up to a word waits."""
        if address >= self._timing.flash_end:
            return 0
        if not self._timing.caches_data:
            return self._timing.wait_cycles
        return self._touch(address >> self._timing.line_shift)

    def _touch(self, line: int) -> int:
        lines = self._sets[line % self._timing.sets]
        hit = line in lines
        if hit:
            lines.remove(line)
        elif len(lines) == self._timing.ways:
            lines.pop()
        lines.insert(0, line)
        return 0 if hit else self._timing.wait_cycles
