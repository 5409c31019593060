"""The arena planner: where each intermediate tensor lies while it lives.

The device plans the interpreter engine's arena by itself, by the same rule, so that the two agree
to the byte: larger buffers first, among equals the one with the lower tensor index; each goes to
the lowest offset, in steps of 16, where it meets no placed buffer that lives at the same time.
firmware/runtime/planner.cpp is the same rule for the device; tests/graph/test_memory.py compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tinydeploy.graph.ir import Subgraph, Tensor, Type

ALIGNMENT_BYTES = 16


@dataclass(frozen=True)
class Buffer:
    """A piece of the arena that is taken from op `first_op` to op `last_op`, both included.

    Attributes:
        size: bytes of data; it takes `taken` bytes of the arena.
        offset: bytes from the start of the arena, once placed.
    """

    name: str
    size: int
    first_op: int
    last_op: int
    offset: int = 0

    @property
    def taken(self) -> int:
        """Size rounded up to the alignment."""
        return -(-self.size // ALIGNMENT_BYTES) * ALIGNMENT_BYTES

    @property
    def end(self) -> int:
        """First byte behind it."""
        return self.offset + self.taken

    def lives_with(self, other: Buffer) -> bool:
        """Whether both are needed at the same time."""
        return self.first_op <= other.last_op and other.first_op <= self.last_op

    def lives_at(self, op: int) -> bool:
        """Whether it is needed while `op` runs."""
        return self.first_op <= op <= self.last_op


@dataclass(frozen=True)
class Plan:
    """Placed buffers, in the order they were given."""

    buffers: tuple[Buffer, ...]
    op_count: int

    @property
    def size(self) -> int:
        """Bytes of arena that the buffers take."""
        return max((buffer.end for buffer in self.buffers), default=0)

    @property
    def lower_bound(self) -> int:
        """Bytes that no plan can do without: the most that live at one time."""
        return max(self.live_bytes(), default=0)

    def live_bytes(self) -> list[int]:
        """Bytes needed while each op runs."""
        return [
            sum(buffer.taken for buffer in self.buffers if buffer.lives_at(op))
            for op in range(self.op_count)
        ]


def plan(buffers: Sequence[Buffer], op_count: int) -> Plan:
    """Place `buffers`, which are in tensor order."""
    placed: dict[int, Buffer] = {}
    for index in sorted(range(len(buffers)), key=lambda i: (-buffers[i].size, i)):
        buffer = buffers[index]
        placed[index] = replace(buffer, offset=_lowest_gap(buffer, placed.values()))
    return Plan(tuple(placed[index] for index in range(len(buffers))), op_count)


def _lowest_gap(buffer: Buffer, placed: Iterable[Buffer]) -> int:
    offset = 0
    neighbours = (other for other in placed if buffer.lives_with(other))
    for other in sorted(neighbours, key=lambda other: other.offset):
        if offset + buffer.taken <= other.offset:
            break
        offset = max(offset, other.end)
    return offset


def plan_subgraph(subgraph: Subgraph) -> Plan:
    """Plan the intermediate tensors of `subgraph`, as the device does."""
    spans = lifetimes(subgraph)
    tensors = [tensor for tensor in subgraph.tensors if tensor in spans and needs_arena(tensor)]
    buffers = [Buffer(tensor.label, tensor.nbytes, *spans[tensor]) for tensor in tensors]
    return plan(buffers, len(subgraph.ops))


def lifetimes(subgraph: Subgraph) -> dict[Tensor, tuple[int, int]]:
    """First and last op that need each tensor.

    Inputs live from op 0 and outputs to the last op, whoever uses them.
    """
    last_op = max(len(subgraph.ops) - 1, 0)
    spans: dict[Tensor, tuple[int, int]] = dict.fromkeys(subgraph.inputs, (0, 0))
    for index, op in enumerate(subgraph.ops):
        for tensor in [*op.outputs, *op.operands]:
            first, _ = spans.get(tensor, (index, index))
            spans[tensor] = (first, index)
    for tensor in subgraph.outputs:
        first, _ = spans.get(tensor, (0, last_op))
        spans[tensor] = (first, last_op)
    return spans


def needs_arena(tensor: Tensor) -> bool:
    """Whether `tensor` lies in the arena for a time: no constant, no variable, no handle."""
    keeps = tensor.is_constant or tensor.is_variable or tensor.type is Type.RESOURCE
    return not keeps and tensor.nbytes > 0
