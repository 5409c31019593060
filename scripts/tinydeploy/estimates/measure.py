"""Cycles of every step of a plan, and of operators in the interpreter, on a simulated Cortex-M4."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tinydeploy import passes
from tinydeploy.errors import DeviceError
from tinydeploy.fuzz import plans
from tinydeploy.fuzz.cases import Case
from tinydeploy.fuzz.runner import RunnerCrashError
from tinydeploy.graph import read_tflite
from tinydeploy.graph.ir import Array
from tinydeploy.lower.lowering import NotCompilableError, lower
from tinydeploy.lower.memory.planner import place
from tinydeploy.lower.plan import cost as compiled_cost
from tinydeploy.lower.plan.ir import Plan, Step
from tinydeploy.lower.plan.step_features import features, key
from tinydeploy.lower.rules.table import RULES_WITHOUT_BUILDING
from tinydeploy.ops import cost
from tinydeploy.ops import features as of_operators
from tinydeploy.ops.features import Features
from tinydeploy.stages.compile_plan import evaluate
from tinydeploy.versus.timing import Interpreter

_KERNEL_LEVEL = "-O2"  # a deployment's
_PLANS = "_ZN10tinydeploy8compiled6kPlansE"
_PLAN = struct.Struct("<10I")  # firmware/compiled/plan.h
_STEP_BYTES = 20
_BATCH, _BATCH_BYTES = 120, 2 << 20


@dataclass(frozen=True)
class Observation:
    """A step of a plan, or an operator of the interpreter, that ran.

    Attributes:
        cycles: measured; 0 where only the whole model was.
        estimated: what `inspect` says, with the call.
    """

    key: str
    features: Features
    cycles: int
    estimated: int


@dataclass(frozen=True)
class Measured:
    """A model that ran: its steps one by one, or as a whole in the interpreter.

    Attributes:
        steps: cycles of each; unknown of an interpreted model of several operators.
        whole: cycles of the whole inference, interpreted; 0 for a compiled one.
    """

    case: Case
    steps: tuple[Observation, ...]
    whole: int = 0

    @property
    def is_compiled(self) -> bool:
        """Whether the steps are those of a plan."""
        return self.whole == 0

    @property
    def cycles(self) -> int:
        """Of all steps, or of the whole."""
        return self.whole or sum(step.cycles for step in self.steps)


class StepBench(plans.CortexM4Plans):
    """Plans whose steps are called one by one."""

    def step_cycles(self, index: int, plan: Plan, case: Case) -> list[int]:
        """Cycles of each step in the last inference of `case`.

        Raises:
            RunnerCrashError: a step crashed.
        """
        bench, found = self._bench, []
        table = struct.unpack("<I", bench.read(bench.address(_PLANS) + 4 * index, 4))[0]
        steps, *_, reset = _PLAN.unpack(bench.read(table, _PLAN.size))
        try:
            for number, inputs in enumerate(case.inputs):
                if number == 0:
                    bench.machine.write(self._place, plans.arena_of(plan, inputs).tobytes())
                    if reset:
                        bench.call(reset, self._place)
                self._write_inputs(plan, inputs)
                calls = (bench.read(steps + _STEP_BYTES * i, 4) for i in range(len(plan.steps)))
                runs = [struct.unpack("<I", address)[0] for address in calls]
                found = [bench.call(run, self._place).cycles for run in runs]
        except DeviceError as error:
            self._start()  # what crashed is no CPU for the next plan
            raise RunnerCrashError(f"the plan crashed: {error.message}") from error
        return found

    def _write_inputs(self, plan: Plan, inputs: Sequence[Array]) -> None:
        for buffer, value in zip(plan.inputs, inputs, strict=True):
            self._bench.machine.write(self._place + buffer.address, value.tobytes())


def models(given: Iterable[Case]) -> Iterator[Measured]:
    """In the engine that `--engine auto` takes."""
    planned: list[tuple[Case, Plan]] = []
    interpreter = _OneInterpreter()
    for case in given:
        plan = plan_of(case)
        if plan is None:
            yield from interpreter.run(case)
        else:
            planned.append((case, plan))
    yield from steps_of(planned)


def plan_of(case: Case) -> Plan | None:
    """None: the compiled engine does not take the model."""
    try:
        return plans.plan_of(case.data)
    except NotCompilableError:
        return None


def own_plan_of(case: Case) -> Plan | None:
    """The plan if none of its steps calls a kernel of the interpreter, which need not be asked."""
    model = read_tflite.load(case.data)
    passes.optimise(model, evaluate)
    try:
        plan = lower(model, evaluate, RULES_WITHOUT_BUILDING)
    except NotCompilableError:
        return None
    if any(step.kernel is not None for step in plan.steps):
        return None
    place(plan)
    return plan


def steps_of(planned: Sequence[tuple[Case, Plan]]) -> Iterator[Measured]:
    """Of the compiled engine, batch by batch."""
    kernels = plans.kernel_objects((plan for _, plan in planned), _KERNEL_LEVEL)
    for batch in _batches(planned):
        yield from _batch(batch, kernels)


def _batches(planned: Sequence[tuple[Case, Plan]]) -> Iterator[list[tuple[Case, Plan]]]:
    batch: list[tuple[Case, Plan]] = []
    for each in planned:
        batch.append(each)
        if len(batch) == _BATCH or sum(len(case.data) for case, _ in batch) > _BATCH_BYTES:
            yield batch
            batch = []
    if batch:
        yield batch


def interpreted(given: Iterable[Case]) -> Iterator[Measured]:
    """In the interpreter; of models of one operator the step is known."""
    interpreter = _OneInterpreter()
    for case in given:
        yield from interpreter.run(case)


class _OneInterpreter:
    """Started for the first model."""

    @cached_property
    def _interpreter(self) -> Interpreter:
        return Interpreter()

    def run(self, case: Case) -> Iterator[Measured]:
        timed = self._interpreter.run(case)
        if not timed.why and timed.cycles:
            ops = list(case.model.ops)
            alone = timed.cycles if len(ops) == 1 else 0
            steps = [
                Observation(of_operators.key(op), of_operators.features(op), alone, cost.cycles(op))
                for op in ops
            ]
            yield Measured(case, tuple(steps), timed.cycles)


def _batch(batch: Sequence[tuple[Case, Plan]], kernels: Sequence[Path]) -> Iterator[Measured]:
    with tempfile.TemporaryDirectory() as folder:
        made = [plan for _, plan in batch]
        bench = StepBench(made, Path(folder), _KERNEL_LEVEL, kernels)
        for index, (case, plan) in enumerate(batch):
            try:
                cycles = bench.step_cycles(index, plan, case)
            except RunnerCrashError:
                continue
            yield Measured(case, tuple(map(_observed, plan.steps, cycles)))


def _observed(step: Step, cycles: int) -> Observation:
    return Observation(key(step), features(step), cycles, compiled_cost.step_cycles(step))
