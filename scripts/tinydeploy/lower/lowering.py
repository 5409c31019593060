"""From a graph to a compiled plan: for each operator the kernel that computes what TFLM does.

The rules live in `rules`, one function an operator. A rule that cannot be exact with the kernels of
firmware/dsp raises `NotCompilableError`; then the interpreter's kernel becomes a step
(`rules/interpreter_fallback.py`), and if that cannot be, the caller takes the interpreter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tinydeploy.abi import limits
from tinydeploy.abi.layout import FieldRangeError
from tinydeploy.abi.limits import Limit
from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.ir import Array, Model, Op, Quantization, Subgraph, Tensor, Type
from tinydeploy.lower.patching import View
from tinydeploy.lower.plan.initial_values import resets
from tinydeploy.lower.plan.ir import Argument, Buffer, Field, Plan, Step
from tinydeploy.lower.plan.variables import Variables
from tinydeploy.lower.tuning import microkernel_variant
from tinydeploy.ops.own_memory import VariableKey

# Outputs that TFLM computes for a .tflite and its inputs; None if it refuses the model.
Evaluate = Callable[[bytes, Sequence[Array]], "list[Array] | None"]
Rule = Callable[["Lowering", Op], None]
LESS_SCRATCH, NO_SCRATCH = 1, 2  # of a kernel: small tiles; the interpreter's, which has none
ANY_OTHER = "*"  # the code of the rule for operators that no other rule takes


class NotCompilableError(UnsupportedModelError):
    """No kernel of the compiled engine computes this operator exactly.

    Attributes:
        why: without the operator's name.
    """

    why = ""


@dataclass(frozen=True)
class KernelCall:
    """A call of a kernel of firmware/dsp.

    Attributes:
        header: of firmware/, that declares the kernel.
        arguments: after the params.
        reads, writes, scratch: memory that it uses.
        params_type, params: the struct that is its first argument, if it has one.
        macs: multiply-accumulates.
        fallback: why it is slower than others of its kind, if it is.
    """

    header: str
    function: str
    arguments: Sequence[Argument]
    reads: Sequence[Buffer]
    writes: Buffer
    params_type: str = ""
    params: Mapping[str, Field] = field(default_factory=dict)
    scratch: Sequence[Buffer] = ()
    macs: int = 0
    fallback: str = ""


@dataclass
class Lowering:
    """The plan under construction.

    Attributes:
        evaluate: TFLM, for tables of functions that it alone defines.
        views: tensors that lie in others.
        goal: what to optimise for, see `tile_sizes` and `goal_here`.
        economy: operators that have to do with less memory, by index, and how much less.
        subgraphs: of the model; operators refer to them by index.
        kept: memory of what lasts from one inference to the next, by variable, or by the tensor
            that the model marks as one.
        first_values: bytes of variables that do not start as zeros.
    """

    graph: Subgraph
    evaluate: Evaluate
    views: Mapping[Tensor, View] = field(default_factory=dict)
    goal: str = "balanced"
    economy: Mapping[int, int] = field(default_factory=dict)
    subgraphs: Sequence[Subgraph] = ()
    kept: dict[VariableKey | Tensor, Buffer] = field(default_factory=dict)
    first_values: dict[VariableKey, Array] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    buffers: dict[Tensor, Buffer] = field(default_factory=dict)
    op_index: int = 0

    @property
    def goal_here(self) -> str:
        """The goal for the operator under way."""
        return "size" if self.economy.get(self.op_index) else self.goal

    @cached_property
    def variables(self) -> Variables:
        """Where the graph's variables are read and written."""
        return Variables(self.graph)

    def keep(self, key: VariableKey | Tensor, like: Tensor) -> Buffer:
        """The memory of a variable: its own from the first inference to the last."""
        if key not in self.kept:
            name = key.label if isinstance(key, Tensor) else key[1]
            holder = key if isinstance(key, Tensor) else Tensor(name, like.type, like.shape)
            self.kept[key] = Buffer(name, like.nbytes, holder)
        return self.kept[key]

    def buffer(self, tensor: Tensor) -> Buffer:
        """The memory of a tensor."""
        if tensor.is_constant:
            raise NotCompilableError(
                f"{tensor.label} is constant where the compiled engine wants an activation",
                "use --engine interpreter",
            )
        if tensor.is_variable:
            return self.keep(tensor, tensor)
        if tensor not in self.buffers:
            view, home = self.views.get(tensor), self.variables.home.get(tensor)
            base, shift = (self.buffer(view.parent), view.offset) if view else (None, 0)
            if home is not None:
                base = self.keep(home, tensor)
            self.buffers[tensor] = Buffer(tensor.label, tensor.nbytes, tensor, -1, base, shift)
        return self.buffers[tensor]

    def dies_here(self, tensor: Tensor, op: Op, *, uses: int = 1) -> bool:
        """Whether `tensor` is dead after `op`, so that its memory may be written over.

        Args:
            uses: how often it may be an input of `op` itself.
        """
        return (
            not (tensor.is_constant or tensor.is_variable)
            and tensor not in self.views
            and tensor not in self.variables.home
            and op.inputs.count(tensor) <= uses
            and self._last_reader.get(tensor, op) is op
        )

    @cached_property
    def _last_reader(self) -> dict[Tensor, Op | None]:
        """None: it is needed when all is done."""
        last = {tensor: op for op in self.graph.ops for tensor in op.operands}
        return {**last, **dict.fromkeys(self.graph.outputs)}

    def output(self, op: Op, over: Tensor | None = None, *, uses: int = 1) -> Buffer:
        """The memory of the op's output: over that of the input `over` where that may be."""
        tensor = op.outputs[0]
        placed = tensor in self.views or tensor in self.variables.home
        if over is not None and not placed and self.dies_here(over, op, uses=uses):
            base = self.buffer(over)
            self.buffers[tensor] = Buffer(tensor.label, tensor.nbytes, tensor, base=base)
        return self.buffer(tensor)

    def append(self, op: Op, call: KernelCall) -> None:
        """The call of a kernel becomes a step."""
        activations = [tensor for tensor in op.operands if not tensor.is_constant]
        self.steps.append(
            Step(
                title=f"{op.name} {shown(activations)} -> {shown(op.outputs[:1])}",
                op_name=op.name,
                header=call.header,
                function=call.function,
                arguments=list(call.arguments),
                reads=list(call.reads),
                writes=[call.writes],
                params_type=call.params_type,
                params=call.params,
                scratch=list(call.scratch),
                op_index=self.op_index,
                macs=call.macs,
                fallback=call.fallback,
            )
        )


def lower(
    model: Model,
    evaluate: Evaluate,
    rules: Mapping[str, Rule],
    views: Mapping[Tensor, View] | None = None,
    goal: str = "balanced",
    economy: Mapping[int, int] | None = None,
) -> Plan:
    """The plan of the main subgraph, buffers not yet placed.

    Args:
        rules: by operator code.
        views: from `patching.split`.
        goal: "speed", "balanced" or "size"; "rule" for what the kernels choose themselves.
        economy: by operator index, `LESS_SCRATCH` or `NO_SCRATCH`.

    Raises:
        NotCompilableError: an operator has no rule, or its rule has no exact kernel.
    """
    graph = model.main
    _require_ends(graph)
    lowering = Lowering(graph, evaluate, views or {}, goal, economy or {}, model.subgraphs)
    for tensor in graph.inputs:
        lowering.buffer(tensor)
    for index, op in enumerate(graph.ops):
        if not op.outputs and op.code not in _WITHOUT_OUTPUT:
            raise refusal(op, "writes nothing")
        lowering.op_index, before = index, len(lowering.steps)
        _apply(lowering, op, rules)
        for step in lowering.steps[before:]:
            step.op = op
    microkernel_variant.choose(lowering.steps, goal)
    outputs = [lowering.buffer(tensor) for tensor in graph.outputs]
    if not lowering.steps:
        raise NotCompilableError("the model computes nothing", "use --engine interpreter")
    inputs = [lowering.buffer(tensor) for tensor in graph.inputs]
    first = resets(lowering.kept, lowering.first_values)
    return Plan(lowering.steps, inputs, outputs, first)


_WITHOUT_OUTPUT = {"ASSIGN_VARIABLE", "CALL_ONCE"}


def _require_ends(graph: Subgraph) -> None:
    """What `IoTensor` and `Step` of firmware/compiled/plan.h can say."""
    most = limits.RANK.most
    for tensor in (*graph.inputs, *graph.outputs):
        if len(tensor.shape) > most:
            raise NotCompilableError(
                f"{tensor.label} has {len(tensor.shape)} dimensions, the runtime knows {most}",
                "reshape it before the model is converted",
            )
    if max(len(graph.ops), len(graph.tensors)) > limits.COUNT.most:
        raise NotCompilableError(
            f"more than {limits.COUNT.most:,} operators or tensors", "split the model"
        )


def _apply(lowering: Lowering, op: Op, rules: Mapping[str, Rule]) -> None:
    """The operator's own rule; where that refuses, the rule for any operator."""
    steps, buffers = len(lowering.steps), len(lowering.buffers)
    try:
        rule = rules.get(op.code)
        if rule is None:
            raise refusal(op, "has no compiled kernel")
        if lowering.economy.get(lowering.op_index) == NO_SCRATCH:
            raise refusal(op, "has no room for its own kernel's scratch memory")
        try:
            rule(lowering, op)
        except FieldRangeError as error:
            raise refusal(op, f"is too large for its kernel: {error}") from error
    except NotCompilableError as error:
        if ANY_OTHER not in rules:
            raise
        del lowering.steps[steps:]
        while len(lowering.buffers) > buffers:
            lowering.buffers.popitem()
        rules[ANY_OTHER](lowering, op)
        for step in lowering.steps[steps:]:
            step.fallback = f"the interpreter's kernel: {error.why or error.message}"


def refusal(op: Op, why: str) -> NotCompilableError:
    """The error for an operator that a rule does not take."""
    result = f" -> {shown(op.outputs[:1])}" if op.outputs else ""
    error = NotCompilableError(f"{op.name}{result} {why}", "use --engine interpreter")
    error.why = why
    return error


def require_limit(op: Op, limit: Limit, size: int) -> None:
    """Refuse more than a kernel can take."""
    if size > limit.most:
        raise refusal(op, f"has {size:,} where the kernel takes {limit.most:,}: {limit.doc}")


def require_int8(op: Op, *tensors: Tensor | None) -> None:
    """Refuse anything but int8 tensors with one scale."""
    _require(op, Type.INT8, tensors)


def require_int16(op: Op, *tensors: Tensor | None) -> None:
    """Refuse anything but int16 tensors with one scale."""
    _require(op, Type.INT16, tensors)


def _require(op: Op, kind: Type, tensors: Sequence[Tensor | None]) -> None:
    for tensor in tensors:
        if tensor is None or tensor.type is not kind or tensor.quantization is None:
            raise refusal(op, f"is {tensor.type.label if tensor else 'nothing'}, not {kind.label}")


def scale_of(tensor: Tensor) -> tuple[float, int]:
    """(scale, zero point) of a tensor that `require_int8` or `require_int16` has seen."""
    quantization = quantization_of(tensor)
    return quantization.scale, quantization.zero_point


def quantization_of(tensor: Tensor) -> Quantization:
    """The quantization of a tensor that has one."""
    assert tensor.quantization is not None
    return tensor.quantization


def shown(tensors: Sequence[Tensor]) -> str:
    """Names, types and shapes, for people."""
    return ", ".join(f"{t.label} {t.type.label}{list(t.shape)}" for t in tensors)
