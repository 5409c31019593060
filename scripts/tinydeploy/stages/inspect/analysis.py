"""What a model needs, worked out from the file alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tinydeploy import arena as interpreter_arena
from tinydeploy import boards
from tinydeploy.boards import Board
from tinydeploy.graph import read_tflite
from tinydeploy.graph.ir import Model, Op, Subgraph, Tensor
from tinydeploy.lower.compile_options import Choices
from tinydeploy.lower.plan import cost as compiled_cost
from tinydeploy.lower.plan.ir import Plan as CompiledPlan
from tinydeploy.memory import SCRATCH, ArenaPlan
from tinydeploy.ops import cost, support, work
from tinydeploy.ops.support import Problem
from tinydeploy.ops.types import signature
from tinydeploy.report.model import Buffer, MemoryMap
from tinydeploy.stages import remedies, trial
from tinydeploy.stages.inspect.lint import Finding, lint
from tinydeploy.stages.plan_only import STACK_AND_STATICS_BYTES, plan_only

LARGEST = 8


@dataclass(frozen=True)
class OpRow:
    """One operator of the main subgraph."""

    index: int
    op: str
    types: str
    output_shape: tuple[int, ...]
    macs: int
    weight_bytes: int
    cycles: int  # estimate, of the engine that `--engine auto` takes; 0: done by other operators
    live_bytes: int  # of intermediate tensors while it runs
    runs: bool


@dataclass(frozen=True)
class Fallback:
    """A step of the compiled engine for which it has no faster kernel."""

    op_index: int  # of the optimised graph
    op: str
    output_shape: tuple[int, ...]
    why: str


@dataclass(frozen=True)
class OpCount:
    """Operators of the same name and types, all subgraphs together."""

    op: str
    types: str
    count: int
    runs: bool


@dataclass(frozen=True)
class LargeTensor:
    """A tensor that takes much room."""

    name: str
    kind: str  # "weights" or "activation"
    dtype: str
    shape: tuple[int, ...]
    size_bytes: int


@dataclass(frozen=True)
class Arena:
    """RAM for the tensors, in the interpreter engine where nothing else is said.

    Attributes:
        planned_bytes: intermediate tensors and scratch, placed as the device places them.
        lower_bound_bytes: what no placement can do without.
        persistent_bytes: what the runtime keeps besides: the plan, the kernels' parameters, state.
        total_bytes: the arena to provide.
        compiled_bytes: the arena of the compiled engine; None if it does not take the model.
        exact: False where there is an operator that the runtime does not have.
    """

    planned_bytes: int
    lower_bound_bytes: int
    persistent_bytes: int
    total_bytes: int
    compiled_bytes: int | None
    exact: bool

    @property
    def default_bytes(self) -> int:
        """The arena of the engine that `--engine auto` takes."""
        return self.total_bytes if self.compiled_bytes is None else self.compiled_bytes


@dataclass(frozen=True)
class BoardFit:
    """Whether and how fast the model would run on a board with the engine that `--engine auto`
    takes; flash and cycles are estimates. What does not run at all does not fit.

    Attributes:
        remedy: what would help where it is too large, "" where it fits or does not run.
    """

    board: str
    name: str
    flash_bytes: int
    flash_limit_bytes: int
    ram_bytes: int
    ram_limit_bytes: int
    cycles: int
    milliseconds: float
    runs: bool
    fits: bool
    remedy: str


@dataclass(frozen=True)
class Inspection:
    """Everything that is known of a model before it is built."""

    name: str
    model_bytes: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    macs: int
    parameters: int
    counts: tuple[OpCount, ...]
    ops: tuple[OpRow, ...]
    problems: tuple[Problem, ...]
    findings: tuple[Finding, ...]
    arena: Arena
    memory: MemoryMap
    largest: tuple[LargeTensor, ...]
    boards: tuple[BoardFit, ...]
    fallbacks: tuple[Fallback, ...] = ()

    @property
    def runs(self) -> bool:
        """Whether TFLM and our runtime run it."""
        return not self.problems


def inspect(tflite: Path, board: Board | str | None = None) -> Inspection:
    """Inspect a .tflite.

    Args:
        tflite: the model.
        board: the board it should fit, or its id; None: all boards.

    Raises:
        ModelFileError: not a readable .tflite.
        UsageError: there is no such board.
    """
    chosen = _boards(board)
    data = read_tflite.read_bytes(tflite)
    model = read_tflite.load(tflite)
    problems = tuple(support.check_supported(model)) or _refusal(data, model)
    needs = interpreter_arena.needs(model)
    plan = needs.plan
    compiled = None if problems else plan_only(tflite)
    arena = Arena(
        planned_bytes=plan.size,
        lower_bound_bytes=plan.lower_bound,
        persistent_bytes=needs.persistent_bytes,
        total_bytes=needs.total_bytes,
        compiled_bytes=None if compiled is None else compiled.arena_bytes,
        exact=needs.exact,
    )
    return Inspection(
        name=tflite.stem,
        model_bytes=model.nbytes,
        inputs=tuple(map(_describe, model.main.inputs)),
        outputs=tuple(map(_describe, model.main.outputs)),
        macs=work.macs(model),
        parameters=work.parameters(model),
        counts=_counts(model, problems),
        ops=_rows(model, plan, compiled, problems),
        problems=problems,
        findings=tuple(lint(model)),
        arena=arena,
        memory=_memory_map(model.main, plan, arena),
        largest=_largest(model),
        boards=tuple(_fit(tflite, model, compiled, arena, each, not problems) for each in chosen),
        fallbacks=_fallbacks(compiled),
    )


def _fallbacks(plan: CompiledPlan | None) -> tuple[Fallback, ...]:
    """What the compiled engine does by a slower kernel than it has for others of the kind."""
    found = []
    for step in plan.steps if plan is not None else ():
        tensor = step.writes[0].tensor
        if step.fallback:
            shape = tensor.shape if tensor is not None else ()
            found.append(Fallback(step.op_index, step.op_name, shape, step.fallback))
    return tuple(found)


def _refusal(data: bytes, model: Model) -> tuple[Problem, ...]:
    """What TFLM has against a model that our runtime would run."""
    verdict = trial.ask(data, model)
    if verdict.runs:
        return ()
    at = verdict.op_index
    types = signature(model.main.ops[at]) if at is not None and at < len(model.main.ops) else ""
    hint = trial.hint(verdict)
    return (Problem(verdict.operator, types, 1, verdict.reason, hint, at or 0),)


def _boards(board: Board | str | None) -> list[Board]:
    if isinstance(board, Board):
        return [board]
    if board is not None:
        return [boards.load(board)]
    every = [boards.load(name) for name in boards.names()]
    return [each for each in every if not each.is_host]


def _describe(tensor: Tensor) -> str:
    text = repr(tensor)
    quantization = tensor.quantization
    if quantization is not None:
        text += f", scale {quantization.scale:.6g}, zero point {quantization.zero_point}"
    return text


def _runs(op: Op, problems: tuple[Problem, ...]) -> bool:
    return not any(problem.operator == op.name for problem in problems if _same(problem, op))


def _same(problem: Problem, op: Op) -> bool:
    return problem.types in ("", signature(op), *(t.type.label for t in op.operands))


def _counts(model: Model, problems: tuple[Problem, ...]) -> tuple[OpCount, ...]:
    counted = Counter((op.name, signature(op), _runs(op, problems)) for op in model.ops)
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return tuple(OpCount(name, types, n, runs) for (name, types, runs), n in ordered)


def _rows(
    model: Model, plan: ArenaPlan, compiled: CompiledPlan | None, problems: tuple[Problem, ...]
) -> tuple[OpRow, ...]:
    cycles = _cycles(model, compiled)
    return tuple(
        OpRow(
            index=index,
            op=op.name,
            types=signature(op),
            output_shape=op.outputs[0].shape if op.outputs else (),
            macs=work.op_macs(op),
            weight_bytes=sum(t.nbytes for t in op.operands if t.is_constant),
            cycles=cycles[index],
            live_bytes=live,
            runs=_runs(op, problems),
        )
        for index, (op, live) in enumerate(zip(model.main.ops, plan.live_bytes(), strict=True))
    )


def _cycles(model: Model, compiled: CompiledPlan | None) -> list[int]:
    """Of each operator of the main subgraph in the engine that `--engine auto` takes."""
    ops = model.main.ops
    if compiled is None:
        return [cost.cycles(op) for op in ops]
    makes = {tensor.name: index for index, op in enumerate(ops) for tensor in op.outputs}
    found, last = [0] * len(ops), 0
    for step in compiled.steps:
        results = step.op.outputs if step.op else []
        last = next((makes[t.name] for t in results if t.name in makes), last)
        found[last] += compiled_cost.step_cycles(step)
    return found


def _memory_map(subgraph: Subgraph, plan: ArenaPlan, arena: Arena) -> MemoryMap:
    inputs = {tensor.label for tensor in subgraph.inputs}
    outputs = {tensor.label for tensor in subgraph.outputs}

    def kind(name: str) -> str:
        if name == SCRATCH:
            return SCRATCH
        return "input" if name in inputs else "output" if name in outputs else "activation"

    return MemoryMap(
        buffers=tuple(
            Buffer(b.name, b.offset, b.size, b.first_op, b.last_op, kind(b.name))
            for b in plan.buffers
        ),
        planned_bytes=plan.size,
        persistent_bytes=arena.total_bytes - plan.size,
        op_names=tuple(op.name for op in subgraph.ops),
    )


def _largest(model: Model) -> tuple[LargeTensor, ...]:
    tensors = {t for subgraph in model.subgraphs for t in subgraph.tensors if t.nbytes}
    ordered = sorted(tensors, key=lambda t: (-t.nbytes, t.name))[:LARGEST]
    return tuple(
        LargeTensor(
            t.label, "weights" if t.is_constant else "activation", t.type.label, t.shape, t.nbytes
        )
        for t in ordered
    )


def _total(model: Model, compiled: CompiledPlan | None) -> int:
    """Of one inference: the sum of the rows, and of what is in other subgraphs."""
    others = [op for subgraph in model.subgraphs[1:] for op in subgraph.ops]
    inner = 0 if compiled else sum(map(cost.cycles, others))
    return sum(_cycles(model, compiled)) + inner


def _fit(
    tflite: Path,
    model: Model,
    compiled: CompiledPlan | None,
    arena: Arena,
    board: Board,
    runs: bool,
) -> BoardFit:
    ram = arena.default_bytes + STACK_AND_STATICS_BYTES
    flash = cost.flash_bytes(model) if compiled is None else compiled_cost.flash_bytes(compiled)
    cycles = _total(model, compiled)
    too_much = remedies.FLASH if flash > board.flash_size else ""
    too_much = remedies.RAM if ram > board.ram_size else too_much
    helps = runs and too_much != ""
    return BoardFit(
        board=board.id,
        name=board.name,
        flash_bytes=flash,
        flash_limit_bytes=board.flash_size,
        ram_bytes=ram,
        ram_limit_bytes=board.ram_size,
        cycles=cycles,
        milliseconds=1e3 * cycles / board.cpu_hz,
        runs=runs,
        fits=runs and not too_much,
        remedy=remedies.hint(tflite, board, "auto", Choices(), too_much) if helps else "",
    )
