"""Places the buffers of a compiled plan in the arena: optimal or near it, with the lower bound.

Buffers that share memory (outputs computed in place) are placed as one. Several greedy orders and a
seeded local search over the order of placement compete; the search ends at once when the result
equals the lower bound. (Greedy by size and by breadth: Pisarchyk and Lee, Efficient Memory
Management for Deep Neural Net Inference, 2020.)
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinydeploy import memory
from tinydeploy.lower.plan import Buffer, Plan

ALIGNMENT_BYTES = 8  # kernels load and store pairs of words
SEARCH_ROUNDS = 2000
SEED = 1


@dataclass(frozen=True)
class _Block:
    """Buffers that lie in one another, from the first to the last step that needs any of them."""

    root: Buffer
    size: int
    first: int
    last: int

    def meets(self, other: _Block) -> bool:
        return self.first <= other.last and other.first <= self.last


def place(plan: Plan) -> None:
    """Set every buffer's offset, and the plan's `arena_bytes` and `lower_bound`."""
    blocks = _blocks(plan)
    plan.lower_bound = _lower_bound(blocks, len(plan.steps))
    offsets, plan.arena_bytes = _best(blocks, plan.lower_bound)
    for block, offset in zip(blocks, offsets, strict=True):
        block.root.offset = offset


def memory_map(plan: Plan) -> memory.Plan:
    """The placed buffers as the report draws them: each from its first to its last step."""
    spans: dict[Buffer, tuple[int, int]] = dict.fromkeys(plan.inputs, (0, 0))
    for index, step in enumerate(plan.steps):
        for buffer in step.buffers:
            first, _ = spans.get(buffer, (index, index))
            spans[buffer] = (first, index)
    drawn = tuple(
        memory.Buffer(buffer.name, buffer.size, first, last, buffer.address)
        for buffer, (first, last) in spans.items()
    )
    return memory.Plan(drawn, len(plan.steps))


def _blocks(plan: Plan) -> list[_Block]:
    last_step = len(plan.steps) - 1
    spans: dict[Buffer, tuple[int, int, int]] = {}

    def need(buffer: Buffer, step: int) -> None:
        root = buffer.root
        size = buffer.address_in_root + buffer.size
        first, last, most = spans.get(root, (step, step, 0))
        spans[root] = (min(first, step), max(last, step), max(most, size, root.size))

    for buffer in plan.inputs:
        need(buffer, 0)
    for index, step in enumerate(plan.steps):
        for buffer in step.buffers:
            need(buffer, index)
    for buffer in plan.outputs:
        need(buffer, last_step)
    return [
        _Block(root, _aligned(size), first, last) for root, (first, last, size) in spans.items()
    ]


def _lower_bound(blocks: Sequence[_Block], steps: int) -> int:
    return max(
        (
            sum(block.size for block in blocks if block.first <= step <= block.last)
            for step in range(steps)
        ),
        default=0,
    )


def _best(blocks: Sequence[_Block], bound: int) -> tuple[list[int], int]:
    keys: tuple[Callable[[int], tuple[int, ...]], ...] = (
        lambda i: (-blocks[i].size, i),
        lambda i: (-(blocks[i].last - blocks[i].first), -blocks[i].size, i),
        lambda i: (blocks[i].first, -blocks[i].size, i),
        lambda i: (-blocks[i].size * (blocks[i].last - blocks[i].first + 1), i),
    )
    orders = [sorted(range(len(blocks)), key=key) for key in keys]
    order = min(orders, key=lambda candidate: _place_in(blocks, candidate)[1])
    offsets, total = _place_in(blocks, order)
    generator = random.Random(SEED)
    for _ in range(SEARCH_ROUNDS if len(blocks) > 1 else 0):
        if total == bound:
            break
        a, b = generator.sample(range(len(order)), 2)
        trial = list(order)
        trial.insert(b, trial.pop(a))
        trial_offsets, trial_total = _place_in(blocks, trial)
        if trial_total <= total:
            order, offsets, total = trial, trial_offsets, trial_total
    return offsets, total


def _place_in(blocks: Sequence[_Block], order: Sequence[int]) -> tuple[list[int], int]:
    """First fit at the lowest offset, in the given order."""
    offsets = [-1] * len(blocks)
    placed: list[int] = []
    total = 0
    for index in order:
        block = blocks[index]
        offset = 0
        for other in sorted(placed, key=lambda i: offsets[i]):
            if not block.meets(blocks[other]):
                continue
            if offset + block.size <= offsets[other]:
                break
            offset = max(offset, offsets[other] + blocks[other].size)
        offsets[index] = offset
        placed.append(index)
        total = max(total, offset + block.size)
    return offsets, total


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
