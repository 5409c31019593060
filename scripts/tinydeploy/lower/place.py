"""Places the buffers of a compiled plan in the arena: optimal or near it, with the lower bound.

Buffers that lie in one another (outputs computed in place, scratch around an input) keep their
distances and are placed as one block; each takes room only while it is needed. Several greedy
orders and a seeded local search over the order of placement compete; the search ends at once when
the result equals the lower bound. (Greedy by size and by breadth: Pisarchyk and Lee, Efficient
Memory Management for Deep Neural Net Inference, 2020.)
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from tinydeploy import memory
from tinydeploy.lower.plan import Buffer, Plan

ALIGNMENT_BYTES = 8  # kernels load and store pairs of words
SEARCH_ROUNDS = 1000
SEED = 1

_Ranges = list[tuple[int, int]]


@dataclass(frozen=True)
class Extent:
    """A buffer in a block: [low, high) bytes, from the first to the last step that needs it."""

    low: int
    high: int
    first: int
    last: int


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

    @property
    def first(self) -> int:
        return min(extent.first for extent in self.extents)

    @property
    def last(self) -> int:
        return max(extent.last for extent in self.extents)

    def bytes_at(self, step: int) -> int:
        """Bytes needed in `step`, those that buffers share counted once."""
        total, end = 0, 0
        for extent in sorted(self.extents, key=lambda e: e.low):
            if extent.first <= step <= extent.last:
                total += max(extent.high - max(extent.low, end), 0)
                end = max(end, extent.high)
        return total


def place(plan: Plan) -> None:
    """Set every buffer's offset, and the plan's `arena_bytes` and `lower_bound`."""
    blocks = _blocks(plan)
    plan.lower_bound = max(bytes_by_step(plan), default=0)
    offsets, plan.arena_bytes = _best(blocks, plan.lower_bound)
    for block, offset in zip(blocks, offsets, strict=True):
        block.root.offset = offset + block.before


def bytes_by_step(plan: Plan) -> list[int]:
    """Bytes that no placement can do without while each step runs."""
    blocks = _blocks(plan)
    return [sum(block.bytes_at(step) for block in blocks) for step in range(len(plan.steps))]


def lifetimes(plan: Plan) -> dict[Buffer, tuple[int, int]]:
    """First and last step that needs each buffer, in order of first need.

    What is kept is needed throughout. A buffer that no step writes is another name of what lies
    there: that one stays alive for it.
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


def memory_map(plan: Plan) -> memory.Plan:
    """The placed buffers as the report draws them: each from its first to its last step."""
    drawn = tuple(
        memory.Buffer(buffer.name, buffer.size, first, last, buffer.address)
        for buffer, (first, last) in lifetimes(plan).items()
    )
    return memory.Plan(drawn, len(plan.steps))


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
    barred = _all_barred(blocks)
    orders = [sorted(range(len(blocks)), key=key) for key in keys]
    order = min(orders, key=lambda candidate: _place_in(blocks, barred, candidate)[1])
    offsets, total = _place_in(blocks, barred, order)
    generator = random.Random(SEED)
    for _ in range(SEARCH_ROUNDS if len(blocks) > 1 else 0):
        if total == bound:
            break
        a, b = generator.sample(range(len(order)), 2)
        trial = list(order)
        trial.insert(b, trial.pop(a))
        trial_offsets, trial_total = _place_in(blocks, barred, trial)
        if trial_total <= total:
            order, offsets, total = trial, trial_offsets, trial_total
    return offsets, total


def _all_barred(blocks: Sequence[_Block]) -> list[dict[int, _Ranges]]:
    """For each block the others that it meets, and where it then must not begin.

    A pair (low, high) bars the offsets between low and high, counted from the other's offset.
    """
    found: list[dict[int, _Ranges]] = [{} for _ in blocks]
    for index, block in enumerate(blocks):
        for number, other in enumerate(blocks):
            ranges = [
                (there.low - here.high, there.high - here.low)
                for here in block.extents
                for there in other.extents
                if here.first <= there.last and there.first <= here.last
            ]
            if ranges and number != index:
                found[index][number] = ranges
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
