"""Places the buffers of a compiled plan in the arena: optimal or near it, with the lower bound.

Buffers that lie in one another (outputs computed in place, scratch around an input) keep their
distances and are placed as one block; each takes room only while it is needed. Several greedy
orders and a seeded local search over the order of placement compete; the search ends at once when
the result equals the lower bound. (Greedy by size and by breadth: Pisarchyk and Lee, Efficient
Memory Management for Deep Neural Net Inference, 2020.)
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tinydeploy import memory
from tinydeploy.first_fit import Extent, Shelf
from tinydeploy.lower.plan.ir import Buffer, Plan

ALIGNMENT_BYTES = 8  # kernels load and store pairs of words
SEARCH_ROUNDS = 1000
SEARCH_VISITS = 7_500_000  # of pairs that meet, in all rounds; some seconds
SEARCH_PAIRS = 100_000  # with more, the greedy orders have to do
SEED = 1

_Ranges = list[tuple[int, int]]
_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Block:
    """Buffers with one root; extents count from its lowest byte.

    Attributes:
        before: bytes of the block in front of the root.
    """

    root: Buffer
    before: int
    extents: tuple[Extent, ...]

    @cached_property
    def size(self) -> int:
        return max(extent.high for extent in self.extents)

    @cached_property
    def first(self) -> int:
        return min(extent.first for extent in self.extents)

    @cached_property
    def last(self) -> int:
        return max(extent.last for extent in self.extents)

    def spans(self) -> Iterator[tuple[int, int, int]]:
        """From which step to before which how many bytes are needed, shared ones counted once."""
        if len(self.extents) == 1:
            only = self.extents[0]
            yield only.first, only.last + 1, only.high - only.low
            return
        ordered = sorted(self.extents, key=lambda extent: extent.low)
        low, high, first, last = np.array([(e.low, e.high, e.first, e.last) for e in ordered]).T
        changes = np.unique(np.concatenate([first, last + 1])).tolist()
        for start, end in itertools.pairwise(changes):
            lives = (first <= start) & (last >= start)
            yield start, end, _covered(low[lives], high[lives])


def _covered(low: _Numbers, high: _Numbers) -> int:
    """Bytes of ranges that are sorted by where they begin, overlaps counted once."""
    before = np.concatenate([low[:1], np.maximum.accumulate(high)[:-1]])
    return int(np.maximum(high - np.maximum(low, before), 0).sum())


def place(plan: Plan) -> None:
    """Set every buffer's offset, and the plan's `arena_bytes` and `lower_bound`."""
    blocks = _blocks(plan)
    plan.lower_bound = max(bytes_by_step(plan), default=0)
    offsets, plan.arena_bytes = _best(blocks, plan.lower_bound)
    for block, offset in zip(blocks, offsets, strict=True):
        block.root.offset = offset + block.before


def place_apart(plan: Plan, gap_bytes: int) -> None:
    """Set every buffer's offset so that nothing lies where something else has lain, for debugging.

    What lies in one another stays so. `gap_bytes`, at least, lie in front of and behind each block.
    """
    end = gap = _aligned(gap_bytes)
    for block in _blocks(plan):
        block.root.offset = end + block.before
        end += block.size + gap
    plan.arena_bytes = end


def bytes_by_step(plan: Plan) -> list[int]:
    """Bytes that no placement can do without while each step runs."""
    changes = [0] * (len(plan.steps) + 1)
    for block in _blocks(plan):
        for start, end, size in block.spans():
            changes[start] += size
            changes[end] -= size
    return list(itertools.accumulate(changes[:-1]))


def lifetimes(plan: Plan) -> dict[Buffer, tuple[int, int]]:
    """First and last step that needs each buffer, in order of first need.

    What is kept is needed throughout. A buffer that no step writes is an alias: the buffer that
    lies there stays alive for it.
    """
    spans: dict[Buffer, tuple[int, int]] = {}
    written = {*plan.inputs, *plan.kept, *(buffer for step in plan.steps for buffer in step.writes)}

    def need(buffer: Buffer, step: int) -> None:
        first, last = spans.get(buffer, (step, step))
        spans[buffer] = (min(first, step), max(last, step))
        if buffer not in written and buffer.tensor is not None and buffer.base is not None:
            need(buffer.base, step)

    for buffer in plan.inputs:
        need(buffer, 0)
    for buffer in plan.kept:
        need(buffer, 0)
        need(buffer, len(plan.steps) - 1)
    for index, step in enumerate(plan.steps):
        for buffer in step.buffers:
            need(buffer, index)
    for buffer in plan.outputs:
        need(buffer, len(plan.steps) - 1)
    return spans


def memory_map(plan: Plan) -> memory.ArenaPlan:
    """The placed buffers as the report draws them: each from its first to its last step."""
    drawn = tuple(
        memory.ArenaBuffer(buffer.name, buffer.size, first, last, buffer.address)
        for buffer, (first, last) in lifetimes(plan).items()
    )
    return memory.ArenaPlan(drawn, len(plan.steps))


def _blocks(plan: Plan) -> list[_Block]:
    members: dict[Buffer, list[tuple[Buffer, int, int]]] = {}
    for buffer, (first, last) in lifetimes(plan).items():
        members.setdefault(buffer.root, []).append((buffer, first, last))
    return [_block(root, found) for root, found in members.items()]


def _block(root: Buffer, members: Sequence[tuple[Buffer, int, int]]) -> _Block:
    before = _aligned(-min(0, *(buffer.address_in_root for buffer, _, _ in members)))
    extents = []
    for buffer, first, last in members:
        low = before + buffer.address_in_root
        extents.append(Extent(low, _aligned(low + buffer.size), first, last))
    return _Block(root, before, tuple(extents))


def _best(blocks: Sequence[_Block], bound: int) -> tuple[list[int], int]:
    keys: tuple[Callable[[int], tuple[int, ...]], ...] = (
        lambda i: (-blocks[i].size, i),
        lambda i: (-(blocks[i].last - blocks[i].first), -blocks[i].size, i),
        lambda i: (blocks[i].first, -blocks[i].size, i),
        lambda i: (-blocks[i].size * (blocks[i].last - blocks[i].first + 1), i),
    )
    orders = [sorted(range(len(blocks)), key=key) for key in keys]
    order, (offsets, total) = orders[0], _greedy(blocks, orders[0])
    for other in orders[1:]:
        if total == bound:
            break
        found = _greedy(blocks, other)
        if found[1] < total:
            order, (offsets, total) = other, found
    pairs = 0 if total == bound else _pairs(blocks)
    if pairs > SEARCH_PAIRS:
        return offsets, total
    rounds = min(SEARCH_ROUNDS, SEARCH_VISITS // (pairs + len(blocks)))
    return _searched(blocks, bound, order, offsets, total, rounds if len(blocks) > 1 else 0)


def _greedy(blocks: Sequence[_Block], order: Sequence[int]) -> tuple[list[int], int]:
    """First fit at the lowest offset, in the given order."""
    shelf, offsets, total = Shelf(ALIGNMENT_BYTES), [0] * len(blocks), 0
    for index in order:
        offsets[index] = offset = shelf.lowest(blocks[index].extents)
        shelf.take(blocks[index].extents, offset)
        total = max(total, offset + blocks[index].size)
    return offsets, total


def _searched(
    blocks: Sequence[_Block],
    bound: int,
    order: list[int],
    offsets: list[int],
    total: int,
    rounds: int,
) -> tuple[list[int], int]:
    """`order` with one block after the other moved elsewhere, as long as nothing gets worse."""
    if not rounds or total == bound:
        return offsets, total
    barred = _all_barred(blocks)
    generator = random.Random(SEED)
    for _ in range(rounds):
        if total == bound:
            break
        a, b = generator.sample(range(len(order)), 2)
        trial = list(order)
        trial.insert(b, trial.pop(a))
        trial_offsets, trial_total = _place_in(blocks, barred, trial)
        if trial_total <= total:
            order, offsets, total = trial, trial_offsets, trial_total
    return offsets, total


def _pairs(blocks: Sequence[_Block]) -> int:
    """How many extents live with one another, in pairs."""
    extents = [extent for block in blocks for extent in block.extents]
    firsts = np.sort([extent.first for extent in extents])
    lasts = np.sort([extent.last for extent in extents])
    begun = np.searchsorted(firsts, lasts, "right")  # when each ends
    return int(begun.sum()) - len(extents) * (len(extents) + 1) // 2


def _all_barred(blocks: Sequence[_Block]) -> list[dict[int, _Ranges]]:
    """For each block the others that it meets, and where it then must not begin.

    A pair (low, high) bars the offsets between low and high, counted from the other's offset.
    """
    found: list[dict[int, _Ranges]] = [{} for _ in blocks]
    alive: list[tuple[int, Extent]] = []
    extents = [(index, extent) for index, block in enumerate(blocks) for extent in block.extents]
    for index, here in sorted(extents, key=lambda each: each[1].first):
        alive = [each for each in alive if each[1].last >= here.first]
        for other, there in alive:
            if other != index:
                bars = (there.low - here.high, there.high - here.low)
                found[index].setdefault(other, []).append(bars)
                found[other].setdefault(index, []).append((-bars[1], -bars[0]))
        alive.append((index, here))
    return found


def _place_in(
    blocks: Sequence[_Block], barred: Sequence[dict[int, _Ranges]], order: Sequence[int]
) -> tuple[list[int], int]:
    """First fit at the lowest offset, in the given order."""
    offsets = [-1] * len(blocks)
    total = 0
    for index in order:
        ranges = sorted(
            (offsets[other] + low, offsets[other] + high)
            for other, pairs in barred[index].items()
            if offsets[other] >= 0
            for low, high in pairs
        )
        offset = 0
        for low, high in ranges:
            if offset <= low:
                break
            offset = max(offset, _aligned(high))
        offsets[index] = offset
        total = max(total, offset + blocks[index].size)
    return offsets, total


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
