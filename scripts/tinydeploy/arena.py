"""The interpreter engine's arena, worked out from a model as the device takes it.

The device takes from both ends: tensors and scratch from the low one, after what the planner notes
there while it prepares; persistent memory from the high one. This goes through the same calls
in the same order as firmware/runtime/{allocate,subgraphs,prepare_context}.cpp, so that the sum is
the device's to the byte without building anything. tests/graph/test_arena_bytes.py compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinydeploy import memory
from tinydeploy.abi import limits
from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.ir import Model, Op, Subgraph, Tensor
from tinydeploy.graph.links import Links
from tinydeploy.memory import ArenaPlan
from tinydeploy.ops import persistent
from tinydeploy.ops.declared import operator_of
from tinydeploy.ops.own_memory import VariableKey, scratch_bytes, state_bytes, variable_of

POINTER_BYTES = 4
STEP_BYTES = 4 * POINTER_BYTES  # kernel, eval, params, args
RECORD_BYTES = 60  # the TfLiteTensor of an input or output; GNU Arm's short enums save 8 of them
NOTE_BYTES = 12  # the planner's of a tensor or scratch buffer, only while preparing
STATE_HEAD_BYTES = 16
VARIABLE_BYTES = 32  # a variable's name and place
CALLED_GRAPH_BYTES = 20
PORT_BYTES = 8  # of a called subgraph
ALIGNMENT_BYTES = 16
MOST_CALLS_DEEP = limits.CALLS_DEEP.most


@dataclass(frozen=True)
class Needs:
    """Bytes of arena.

    Attributes:
        plan: tensors and scratch of the main subgraph, placed.
        persistent_bytes: persistent memory besides.
        total_bytes: the smallest arena that does.
        exact: False where an operator is none of the firmware's.
    """

    plan: ArenaPlan
    persistent_bytes: int
    total_bytes: int
    exact: bool


def needs(model: Model) -> Needs:
    """What `model` takes of the arena.

    Raises:
        ModelFileError: the model carries a plan that does not fit it.
        UnsupportedModelError: its subgraphs call one another without an end.
    """
    allocation = _Allocation(model)
    plan = allocation.subgraph(model.main, memory.offline_offsets(model))
    return Needs(plan, allocation.high, allocation.finish(plan.size), persistent.is_exact(model))


class _Allocation:
    """The arena while a model is prepared."""

    def __init__(self, model: Model) -> None:
        self.high = 0  # persistent bytes
        self._model = model
        self._low = 0
        self._peak = 0
        self._depth = 0
        self._variables: dict[VariableKey, bool] = {}  # whether it has its memory
        self._links: dict[Subgraph, Links] = {}

    def finish(self, planned_bytes: int) -> int:
        """The tensors take the place of the notes; returns the smallest arena that does."""
        self._low = planned_bytes
        self._note()
        return _aligned(self._peak, ALIGNMENT_BYTES)

    def subgraph(self, graph: Subgraph, fixed: Mapping[Tensor, int]) -> ArenaPlan:
        """Prepare the operators of `graph`."""
        self._temporary(len(graph.tensors) * NOTE_BYTES)
        ends = len(graph.inputs) + len(graph.outputs)
        self._keep(len(graph.ops) * STEP_BYTES)
        self._keep(ends * POINTER_BYTES)
        if self._depth == 0:
            self._keep(ends * RECORD_BYTES, 8)
        for op in graph.ops:
            self._op(graph, op)
        for tensor in graph.tensors:
            if tensor.is_variable and not tensor.is_constant:
                self._place(tensor)
        return memory.plan_subgraph(graph, fixed)

    def _op(self, graph: Subgraph, op: Op) -> None:
        self._keep(persistent.params_bytes(op))
        arguments = persistent.port_count(op)
        if op.name == "VAR_HANDLE":
            self._variable(op)
        if operator_of(op).shares:
            arguments += self._share(graph, op)
        for option in operator_of(op).calls:
            arguments += self._call(int(op.options.get(option, 0)))
        state = state_bytes(op)
        if state is not None:
            arguments += self._state(state)
        scratch = len(scratch_bytes(op))
        self._temporary(scratch * NOTE_BYTES)
        self._keep((arguments + scratch) * POINTER_BYTES)

    def _place(self, variable: Tensor) -> None:
        """A variable that is a tensor; the memory of a called subgraph's has a head to reset it."""
        head = STATE_HEAD_BYTES if self._depth else 0
        self._keep(head + variable.nbytes, ALIGNMENT_BYTES)

    def _state(self, size: int) -> int:
        """Memory that outlasts a run; one more argument."""
        self._keep(STATE_HEAD_BYTES + size, ALIGNMENT_BYTES)
        self._temporary(NOTE_BYTES)
        return 1

    def _variable(self, handle: Op) -> VariableKey:
        key = variable_of(handle)
        if key not in self._variables:
            self._keep(VARIABLE_BYTES)
            self._variables[key] = False
        return key

    def _share(self, graph: Subgraph, op: Op) -> int:
        """The variable that the operator's handle names; one more argument."""
        handle = op.input(0)
        producer = self._producer(graph, handle) if handle is not None else None
        key = self._variable(producer or op)
        if not self._variables[key]:
            value = op.outputs[0] if op.outputs else op.input(1)
            self._keep(STATE_HEAD_BYTES + (value.nbytes if value else 0), ALIGNMENT_BYTES)
            self._variables[key] = True
        self._temporary(NOTE_BYTES)
        return 1

    def _producer(self, graph: Subgraph, tensor: Tensor) -> Op | None:
        if graph not in self._links:
            self._links[graph] = Links(graph)
        return self._links[graph].producer(tensor)

    def _call(self, index: int) -> int:
        """A plan of its own for subgraph `index`, with memory of its own; one more argument."""
        if self._depth == MOST_CALLS_DEEP or not 0 <= index < len(self._model.subgraphs):
            raise UnsupportedModelError(
                "subgraphs call one another too deeply", "convert the model without recursion"
            )
        graph = self._model.subgraphs[index]
        self._keep(CALLED_GRAPH_BYTES)
        low = self._low
        self._depth += 1
        self._keep(self.subgraph(graph, {}).size, ALIGNMENT_BYTES)
        self._keep((len(graph.inputs) + len(graph.outputs)) * PORT_BYTES, 8)
        self._depth -= 1
        self._low = low
        self._temporary(NOTE_BYTES)
        return 1

    def _keep(self, size: int, alignment: int = POINTER_BYTES) -> None:
        self.high = _aligned(self.high + size, alignment)
        self._note()

    def _temporary(self, size: int) -> None:
        self._low += size
        self._note()

    def _note(self) -> None:
        self._peak = max(self._peak, self._low + self.high)


def _aligned(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment
