"""What a campaign compares with TFLM: two engines, each on this PC and on a simulated Cortex-M4."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from tinydeploy.fuzz import build, plans, resident, zones
from tinydeploy.fuzz.cases import Case
from tinydeploy.fuzz.runner import CortexM4Runner, HostRunner, RunnerCrashError
from tinydeploy.lower.lowering import NotCompilableError
from tinydeploy.lower.plan.ir import Plan

BATCH = 240  # cases at a time: plans of so many are compiled into one program


@dataclass(frozen=True)
class Outcome:
    """What an engine made of a case.

    Attributes:
        outputs: bytes of the outputs of all runs, one after the other; None if there are none.
        refusal: why the engine did not take the model.
        crash: how it came to an end.
    """

    outputs: bytes | None = None
    refusal: str = ""
    crash: str = ""


class Engine(Protocol):
    """One engine on one target."""

    name: str
    may_refuse: bool  # a refusal is no failure: the other engine takes the model

    def run(self, cases: Sequence[Case]) -> list[Outcome]:
        """An outcome for each case."""

    def close(self) -> None:
        """End what was started."""


class Interpreter:
    """The interpreter engine."""

    may_refuse = False

    def __init__(
        self, target: str, replaced: build.Replaced | None = None, program: Path | None = None
    ) -> None:
        self.name = f"interpreter on {target}"
        self._runner: HostRunner | CortexM4Runner
        if target == "host":
            self._runner = HostRunner(program or build.host_runner(replaced))
        else:
            self._runner = CortexM4Runner(build.cortex_m4_runner(replaced))

    def run(self, cases: Sequence[Case]) -> list[Outcome]:
        """See Engine."""
        return [self._one(case) for case in cases]

    def close(self) -> None:
        """End the process."""
        self._runner.close()

    def _one(self, case: Case) -> Outcome:
        try:
            reply = self._runner.run(case.data, case.inputs)
        except RunnerCrashError as error:
            return Outcome(crash=error.message)
        if not reply.ok:
            return Outcome(refusal=f"operator {reply.op_index}: {reply.reason}")
        return Outcome(reply.outputs)


class Compiled:
    """The compiled engine; on this PC with red zones around the buffers, where there is a g++.

    Args:
        kernels: of another compiler, without red zones.
    """

    may_refuse = True

    def __init__(self, target: str, kernels: resident.Kernels | None = None) -> None:
        self.name = f"compiled on {target}"
        self._make: Callable[[], resident.HostPlans | resident.CortexM4Plans]
        self._make = resident.CortexM4Plans
        self._in_zones = target == "host" and kernels is None and zones.are_possible()
        if target == "host":
            self._make = lambda: resident.HostPlans(kernels, in_zones=self._in_zones)
        self._machine: resident.HostPlans | resident.CortexM4Plans | None = None

    def run(self, cases: Sequence[Case]) -> list[Outcome]:
        """See Engine."""
        made = [self._laid_out(_plan_or_reason(case.data)) for case in cases]
        wanted = [plan for plan in made if isinstance(plan, Plan)]
        if not wanted:
            return [Outcome(refusal=str(reason)) for reason in made]
        if self._machine is None:
            self._machine = self._make()
        self._machine.load(wanted)
        places = {id(plan): index for index, plan in enumerate(wanted)}
        return [
            _run(self._machine, places[id(plan)], plan, case)
            if isinstance(plan, Plan)
            else Outcome(refusal=plan)
            for plan, case in zip(made, cases, strict=True)
        ]

    def _laid_out(self, made: Plan | str) -> Plan | str:
        return zones.apart(made) if self._in_zones and isinstance(made, Plan) else made

    def close(self) -> None:
        """End the process."""
        if self._machine is not None:
            self._machine.close()
            self._machine = None


def engines(engine: str, target: str) -> list[Engine]:
    """For the command's words: interpreter, compiled or both; host, simulator or both."""
    targets = ["host", "simulator"] if target == "both" else [target]
    made: list[Engine] = []
    if engine in ("interpreter", "both"):
        made += [Interpreter(each) for each in targets]
    if engine in ("compiled", "both"):
        made += [Compiled(each) for each in targets]
    return made


@lru_cache(maxsize=2 * BATCH)  # for both targets
def _plan_or_reason(data: bytes) -> Plan | str:
    try:
        return plans.plan_of(data)
    except NotCompilableError as error:
        return error.message


def _run(machine: plans.PlanMachine, index: int, plan: Plan, case: Case) -> Outcome:
    try:
        return Outcome(plans.run(machine, index, plan, case.inputs))
    except RunnerCrashError as error:
        return Outcome(crash=error.message)
