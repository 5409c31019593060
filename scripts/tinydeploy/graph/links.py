"""Producer and readers of each tensor of a subgraph, kept up to date while a pass rewrites it.

A subgraph is plain lists, in which every question takes a walk; a pass over ten thousand operators
asks as many.
"""

from __future__ import annotations

from collections.abc import Callable

from tinydeploy.graph.ir import Op, Subgraph, Tensor


class Links:
    """Of one subgraph, from its making to `finish`; everything is changed through it meanwhile."""

    def __init__(self, subgraph: Subgraph) -> None:
        self._subgraph = subgraph
        self._position = {op: number for number, op in enumerate(subgraph.ops)}
        self._makers: dict[Tensor, Op] = {}
        self._readers: dict[Tensor, dict[Op, None]] = {}
        self._inputs = set(subgraph.inputs)
        self._outputs = set(subgraph.outputs)
        self._renamed: dict[Tensor, Tensor] = {}  # outputs of the subgraph
        self._removed: set[Op] = set()
        for op in subgraph.ops:
            for tensor in op.outputs:
                self._makers.setdefault(tensor, op)
            for tensor in op.operands:
                self._readers.setdefault(tensor, {})[op] = None

    def producer(self, tensor: Tensor) -> Op | None:
        """The op that writes `tensor`."""
        return self._makers.get(tensor)

    def consumers(self, tensor: Tensor) -> list[Op]:
        """The ops that read `tensor`, in execution order."""
        return sorted(self._readers.get(tensor, ()), key=self._position.__getitem__)

    def is_input(self, tensor: Tensor) -> bool:
        """Whether it is one of the subgraph."""
        return tensor in self._inputs

    def is_output(self, tensor: Tensor) -> bool:
        """Whether it is one of the subgraph."""
        return tensor in self._outputs

    def replace(self, old: Tensor, new: Tensor) -> None:
        """Let every reader of `old`, the subgraph's outputs included, read `new`."""
        for op in self._readers.pop(old, {}):
            op.inputs = [new if tensor is old else tensor for tensor in op.inputs]
            self._readers.setdefault(new, {})[op] = None
        if old in self._outputs:
            self._outputs.remove(old)
            self._outputs.add(new)
            self._renamed[old] = new

    def set_input(self, op: Op, index: int, tensor: Tensor) -> None:
        """Let `op` read `tensor` as its input `index`."""
        old = op.inputs[index]
        op.inputs[index] = tensor
        self._readers.setdefault(tensor, {})[op] = None
        if old is not None and old not in op.inputs:
            del self._readers[old][op]

    def set_output(self, op: Op, tensor: Tensor) -> None:
        """Let `op` write `tensor`, and nothing else."""
        self._forget_outputs(op)
        op.outputs = [tensor]
        self._makers[tensor] = op

    def remove(self, op: Op) -> None:
        """Take `op` out; what only it refers to goes with `finish`."""
        self._removed.add(op)
        for tensor in op.operands:
            self._readers.get(tensor, {}).pop(op, None)
        self._forget_outputs(op)

    def _forget_outputs(self, op: Op) -> None:
        for tensor in op.outputs:
            if self._makers.get(tensor) is op:
                del self._makers[tensor]

    def finish(self) -> None:
        """Write it back into the subgraph's lists."""
        if not self._removed:
            return
        graph = self._subgraph
        graph.ops = [op for op in graph.ops if op not in self._removed]
        graph.outputs = [self._named(tensor) for tensor in graph.outputs]
        graph.prune()

    def _named(self, tensor: Tensor) -> Tensor:
        while tensor in self._renamed:
            tensor = self._renamed[tensor]
        return tensor


def rewrite(subgraph: Subgraph, rule: Callable[[Op, Links], int]) -> int:
    """Apply `rule` to every operator in execution order; the sum of what it says it did."""
    links = Links(subgraph)
    made = sum(rule(op, links) for op in subgraph.ops)
    links.finish()
    return made
