"""Where the variables of a model are read and written, and which tensors can lie in their memory.

A variable keeps its value from one inference to the next, so it has a place of its own. What is
read from it needs no copy as long as it is not written before the last reader; what is assigned to
it is computed right there where nobody needs the old value any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tinydeploy.graph.ir import Array, Op, Subgraph, Tensor, Type
from tinydeploy.lower.plan import Buffer, Constant, Pointer, Step

Key = tuple[str, str]  # container and name


def handles(graph: Subgraph) -> dict[Tensor, Key]:
    """The variable that each handle of a subgraph means."""
    return {op.outputs[0]: _key(op) for op in graph.ops if op.code == "VAR_HANDLE"}


def _key(handle: Op) -> Key:
    options = handle.options
    return str(options.get("container") or ""), str(options.get("shared_name") or "")


@dataclass(frozen=True)
class _Read:
    """READ_VARIABLE, operator `at`; the last reader of its result is operator `until`."""

    at: int
    until: int
    result: Tensor


@dataclass(frozen=True)
class _Write:
    """ASSIGN_VARIABLE, operator `at`, of a value that operator `made` computes; -1: none does."""

    at: int
    made: int
    value: Tensor


class Variables:
    """The variables of a graph.

    Attributes:
        handles: the variable that each handle means.
        home: tensors that lie in a variable's memory, and in which.
    """

    def __init__(self, graph: Subgraph) -> None:
        self._graph = graph
        self.handles = handles(graph)
        self.home: dict[Tensor, Key] = {}
        for key in dict.fromkeys(self.handles.values()):
            self._settle(key, list(self._reads(key)), list(self._writes(key)))

    def first_use(self, key: Key) -> int:
        """The first operator that reads or writes the variable."""
        uses = [*self._uses("READ_VARIABLE", key), *self._uses("ASSIGN_VARIABLE", key)]
        return min((at for at, _ in uses), default=len(self._graph.ops))

    def _settle(self, key: Key, reads: Sequence[_Read], writes: Sequence[_Write]) -> None:
        written = [write.at for write in writes]
        if len(writes) == 1 and self._can_be_made_there(writes[0], reads):
            self.home[writes[0].value] = key
            written = [writes[0].made]
        for read in reads:
            lasts = not any(read.at < at <= read.until for at in written)
            if lasts and read.result not in self._graph.outputs:
                self.home[read.result] = key

    def _can_be_made_there(self, write: _Write, reads: Sequence[_Read]) -> bool:
        """Whether the old value is not needed when the new one is computed, nor afterwards."""
        return (
            write.made >= 0
            and write.value not in self._graph.outputs
            and write.value not in self.home
            and all(read.until < write.made or read.at > write.at for read in reads)
        )

    def _reads(self, key: Key) -> Iterator[_Read]:
        for at, op in self._uses("READ_VARIABLE", key):
            result = op.outputs[0]
            readers = [i for i, other in enumerate(self._graph.ops) if result in other.inputs]
            yield _Read(at, max([at, *readers]), result)

    def _writes(self, key: Key) -> Iterator[_Write]:
        for at, op in self._uses("ASSIGN_VARIABLE", key):
            value = op.operands[-1]
            producer = self._graph.producer(value)
            if producer is None or producer.code == "READ_VARIABLE":
                yield _Write(at, -1, value)
            else:
                yield _Write(at, self._graph.ops.index(producer), value)

    def _uses(self, code: str, key: Key) -> Iterator[tuple[int, Op]]:
        for index, op in enumerate(self._graph.ops):
            if op.code == code and op.operands and self.handles.get(op.operands[0]) == key:
                yield index, op


def resets(kept: Mapping[Key | Tensor, Buffer], first_values: Mapping[Key, Array]) -> list[Step]:
    """Steps that give everything that is kept its first value: zeros if there is no other.

    A tensor that the model marks as a variable starts as TFLM starts it: int8 as the real zero.
    """
    steps = []
    for key, buffer in kept.items():
        zero = 0
        if isinstance(key, Tensor):
            value = None
            if key.type is Type.INT8 and key.quantization is not None:
                zero = key.quantization.zero_point
        else:
            value = first_values.get(key)
        steps.append(_fill(buffer, zero) if value is None else _first(buffer, value))
    return steps


def _fill(buffer: Buffer, value: int) -> Step:
    return Step(
        title=f"first value of {buffer.name}",
        op_name="",
        header="dsp/copy.h",
        function="td_fill",
        arguments=[Pointer(buffer)],
        reads=[],
        writes=[buffer],
        params_type="FillParams",
        params={"bytes": buffer.size, "value": value},
    )


def _first(buffer: Buffer, value: Array) -> Step:
    if len(set(value.tolist())) <= 1:
        return _fill(buffer, int(value.max(initial=-128)))
    return Step(
        title=f"first value of {buffer.name}",
        op_name="",
        header="dsp/copy.h",
        function="td_copy",
        arguments=[Constant("first", value), Pointer(buffer)],
        reads=[],
        writes=[buffer],
        params_type="CopyParams",
        params={"rows": 1, "bytes": buffer.size, "input_step": 0, "output_step": 0},
    )
