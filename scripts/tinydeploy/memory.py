"""The arena planner: where each intermediate tensor lies while it lives.

The device plans the interpreter engine's arena by itself, by the same rule, so that the two agree
to the byte: larger buffers first, among equals the one with the lower tensor index; each goes to
the lowest offset, in steps of 16, where it meets no placed buffer that lives at the same time.
An operator that can work in place writes over the first input of the result's type and size that
nothing needs any more. A plan that the model carries for TFLM is followed.
firmware/runtime/{planner,lifetimes}.cpp are the same rules for the device;
tests/graph/test_memory.py and test_memory_plans.py compare.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from tinydeploy import kernels
from tinydeploy.errors import ModelFileError
from tinydeploy.first_fit import Extent, Shelf
from tinydeploy.graph.ir import Model, Op, Subgraph, Tensor
from tinydeploy.ops.own_memory import scratch_bytes

ALIGNMENT_BYTES = 16
_LARGEST_OFFSET = 1 << 29
SCRATCH = "scratch"  # name of what an operator needs only while it runs
OFFLINE_PLAN = "OfflineMemoryAllocation"  # TFLM's name for a plan in a model's metadata


@dataclass(frozen=True)
class ArenaBuffer:
    """A piece of the arena that is taken from op `first_op` to op `last_op`, both included.

    Attributes:
        size: bytes of data; it takes `taken` bytes of the arena.
        offset: bytes from the start of the arena, once placed.
        owner: index of the buffer whose memory it takes over; None: it has its own.
        is_fixed: the offset was given.
    """

    name: str
    size: int
    first_op: int
    last_op: int
    offset: int = 0
    owner: int | None = None
    is_fixed: bool = False

    @property
    def taken(self) -> int:
        """Size rounded up to the alignment."""
        return _aligned(self.size)

    @property
    def end(self) -> int:
        """First byte past it that another buffer may take."""
        return _aligned(self.offset + self.size)

    @property
    def extent(self) -> Extent:
        """What it takes, from its own start."""
        return Extent(0, self.size, self.first_op, self.last_op)


@dataclass(frozen=True)
class ArenaPlan:
    """Placed buffers, in the order they were given."""

    buffers: tuple[ArenaBuffer, ...]
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
        changes = [0] * (self.op_count + 1)
        for buffer in _owners(self.buffers).values():
            if buffer.first_op < self.op_count and buffer.last_op >= buffer.first_op:
                changes[buffer.first_op] += buffer.taken
                changes[min(buffer.last_op + 1, self.op_count)] -= buffer.taken
        return list(accumulate(changes[: self.op_count]))


def plan(buffers: Sequence[ArenaBuffer], op_count: int) -> ArenaPlan:
    """Place `buffers`, which are in tensor order."""
    owners = _owners(buffers)
    placed = {index: buffer for index, buffer in owners.items() if buffer.is_fixed}
    shelf = Shelf(ALIGNMENT_BYTES)
    for buffer in placed.values():
        shelf.take([buffer.extent], buffer.offset)
    waiting = owners.keys() - placed.keys()
    for index in sorted(waiting, key=lambda i: (-buffers[i].size, i)):
        extent = owners[index].extent
        offset = shelf.lowest([extent])
        shelf.take([extent], offset)
        placed[index] = replace(owners[index], offset=offset)
    return ArenaPlan(
        tuple(
            replace(buffer, offset=placed[index if buffer.owner is None else buffer.owner].offset)
            for index, buffer in enumerate(buffers)
        ),
        op_count,
    )


def _owners(buffers: Sequence[ArenaBuffer]) -> dict[int, ArenaBuffer]:
    """The buffers with memory of their own, alive until the last one that takes it over ends."""
    owners = {index: buffer for index, buffer in enumerate(buffers) if buffer.owner is None}
    for buffer in buffers:
        if buffer.owner is not None:
            first = owners[buffer.owner]
            last_op = max(first.last_op, buffer.last_op)
            owners[buffer.owner] = replace(first, last_op=last_op)
    return owners


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def plan_model(model: Model) -> ArenaPlan:
    """Plan the intermediate tensors of the main subgraph, as the device does.

    Raises:
        ModelFileError: the model carries a plan that does not fit it.
    """
    return plan_subgraph(model.main, offline_offsets(model))


def plan_subgraph(subgraph: Subgraph, fixed: Mapping[Tensor, int] | None = None) -> ArenaPlan:
    """Plan the intermediate tensors of `subgraph`, then scratch, op by op.

    The tensors of `fixed` lie at given offsets.
    """
    buffers = [*buffers_of(subgraph, fixed or {}).values(), *_scratch(subgraph)]
    return plan(buffers, len(subgraph.ops))


def _scratch(subgraph: Subgraph) -> Iterator[ArenaBuffer]:
    for index, op in enumerate(subgraph.ops):
        for size in scratch_bytes(op):
            yield ArenaBuffer(SCRATCH, size, index, index)


def buffers_of(subgraph: Subgraph, fixed: Mapping[Tensor, int]) -> dict[Tensor, ArenaBuffer]:
    """The tensors of `subgraph` that need memory for a time, in tensor order, not placed yet."""
    spans = lifetimes(subgraph)
    tensors = [tensor for tensor in subgraph.tensors if tensor in spans and needs_arena(tensor)]
    index = {tensor: number for number, tensor in enumerate(tensors)}
    owners = {tensor: index[owner] for tensor, owner in _shared(subgraph, spans, fixed).items()}
    return {
        tensor: ArenaBuffer(
            tensor.label,
            tensor.nbytes,
            *spans[tensor],
            offset=fixed.get(tensor, 0),
            owner=owners.get(tensor),
            is_fixed=tensor in fixed,
        )
        for tensor in tensors
    }


def _shared(
    subgraph: Subgraph, spans: Mapping[Tensor, tuple[int, int]], fixed: Mapping[Tensor, int]
) -> dict[Tensor, Tensor]:
    """The outputs that operators write in place, and whose memory it was first."""
    owners: dict[Tensor, Tensor] = {}
    outputs = set(subgraph.outputs)
    for index, op in enumerate(subgraph.ops):
        if not kernels.is_in_place(op) or not op.outputs or op.outputs[0] in fixed:
            continue
        free = (
            tensor
            for tensor in op.operands
            if tensor not in outputs and spans.get(tensor, (0, -1))[1] == index
        )
        taken = next((tensor for tensor in free if _alike(tensor, op)), None)
        if taken is not None:
            owners[op.outputs[0]] = owners.get(taken, taken)
    return owners


def _alike(tensor: Tensor, op: Op) -> bool:
    result = op.outputs[0]
    same = (tensor.type, tensor.nbytes) == (result.type, result.nbytes)
    return same and needs_arena(tensor)


def offline_offsets(model: Model) -> dict[Tensor, int]:
    """Where a plan in the model's metadata puts tensors of the main subgraph.

    Raises:
        ModelFileError: it does not fit the model.
    """
    words = _words(model.metadata.get(OFFLINE_PLAN, b""))
    if not words:
        return {}
    tensors = model.main.tensors
    offsets = dict(zip(tensors, words[3:], strict=False))
    if len(offsets) < len(tensors) or words[2] < len(tensors):
        raise _misfit(f"has {len(offsets)} offsets for {len(tensors)} tensors")
    given = {t: o for t, o in offsets.items() if o != -1 and needs_arena(t)}
    for tensor, offset in given.items():
        if not 0 <= offset <= _LARGEST_OFFSET or offset % _element_alignment(tensor):
            raise _misfit(f"puts {tensor} at offset {offset}")
    return given


def _misfit(what: str) -> ModelFileError:
    return ModelFileError(
        f"the memory plan in the model's metadata {what}",
        f"make it anew, or remove the metadata {OFFLINE_PLAN}",
    )


def _element_alignment(tensor: Tensor) -> int:
    bits = tensor.type.bits
    return 1 if bits < 16 else 2 if bits < 32 else 4


def _words(data: bytes) -> tuple[int, ...]:
    count = len(data) // 4
    return struct.unpack(f"<{count}i", data[: 4 * count])


def lifetimes(subgraph: Subgraph) -> dict[Tensor, tuple[int, int]]:
    """First and last op that need each tensor.

    Inputs live from op 0 and outputs to the last op, whatever reads them.
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
    """Whether `tensor` lies in the arena for a time: no constant, no variable."""
    keeps = tensor.is_constant or tensor.is_variable
    return not keeps and tensor.nbytes > 0
