"""Where the variables of a model are read and written, and which tensors can lie in their memory.

A variable keeps its value from one inference to the next, so it has a place of its own. What is
read from it needs no copy as long as it is not written before the last reader; what is assigned to
it is computed right there where the old value is dead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tinydeploy.graph.ir import Op, Subgraph, Tensor
from tinydeploy.ops.own_memory import VariableKey, variable_of


def handles(graph: Subgraph) -> dict[Tensor, VariableKey]:
    """The variable that each handle of a subgraph means."""
    return {op.outputs[0]: variable_of(op) for op in graph.ops if op.code == "VAR_HANDLE"}


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
        self._outputs = set(graph.outputs)
        self.handles = handles(graph)
        self.home: dict[Tensor, VariableKey] = {}
        self._makers: dict[Tensor, int] = {}
        self._last_readers: dict[Tensor, int] = {}
        self._uses: dict[tuple[str, VariableKey], list[int]] = {}
        for at, op in enumerate(graph.ops):
            self._note(at, op)
        for key in dict.fromkeys(self.handles.values()):
            self._settle(key, list(self._reads(key)), list(self._writes(key)))

    def first_use(self, key: VariableKey) -> int:
        """The first operator that reads or writes the variable."""
        codes = ("READ_VARIABLE", "ASSIGN_VARIABLE")
        firsts = [self._uses[code, key][0] for code in codes if (code, key) in self._uses]
        return min(firsts, default=len(self._graph.ops))

    def _note(self, at: int, op: Op) -> None:
        for tensor in op.outputs:
            self._makers.setdefault(tensor, at)
        for tensor in op.operands:
            self._last_readers[tensor] = at
        if op.operands and op.operands[0] in self.handles:
            self._uses.setdefault((op.code, self.handles[op.operands[0]]), []).append(at)

    def _settle(self, key: VariableKey, reads: Sequence[_Read], writes: Sequence[_Write]) -> None:
        written = [write.at for write in writes]
        if len(writes) == 1 and self._can_be_made_there(writes[0], reads):
            self.home[writes[0].value] = key
            written = [writes[0].made]
        for read in reads:
            lasts = not any(read.at < at <= read.until for at in written)
            if lasts and read.result not in self._outputs:
                self.home[read.result] = key

    def _can_be_made_there(self, write: _Write, reads: Sequence[_Read]) -> bool:
        """Whether the old value is not needed when the new one is computed, nor afterwards."""
        return (
            write.made >= 0
            and write.value not in self._outputs
            and write.value not in self.home
            and all(read.until < write.made or read.at > write.at for read in reads)
        )

    def _reads(self, key: VariableKey) -> Iterator[_Read]:
        for at in self._uses.get(("READ_VARIABLE", key), ()):
            result = self._graph.ops[at].outputs[0]
            yield _Read(at, max(at, self._last_readers.get(result, at)), result)

    def _writes(self, key: VariableKey) -> Iterator[_Write]:
        for at in self._uses.get(("ASSIGN_VARIABLE", key), ()):
            value = self._graph.ops[at].operands[-1]
            made = self._makers.get(value, -1)
            is_read = made >= 0 and self._graph.ops[made].code == "READ_VARIABLE"
            yield _Write(at, -1 if is_read else made, value)
