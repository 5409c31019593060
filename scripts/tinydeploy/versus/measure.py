"""Figures of each model: cycles and arena of both engines, TFLM's arena, what must not be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from tinydeploy import arena, judge
from tinydeploy.fuzz import plans
from tinydeploy.fuzz.compare import difference
from tinydeploy.fuzz.judging import JudgeCrashError, JudgeProcess
from tinydeploy.graph import read_tflite
from tinydeploy.graph.ir import Array
from tinydeploy.lower.lowering import NotCompilableError
from tinydeploy.lower.plan.ir import Plan
from tinydeploy.versus import tflm, timing
from tinydeploy.versus.corpus import Subject
from tinydeploy.versus.timing import Interpreter, Timed

SMALL_CYCLES, SMALL_SLACK = 10_000, 1.05  # nets below it may take so much of the interpreter's
_BATCH_BYTES, _BATCH = 2 << 20, 48  # of models whose plans are compiled into one program

Answers = list[list[Array]]


@dataclass(frozen=True)
class EngineRow:
    """Bytes and cycles of one model; compiled ones are None where it is left to the interpreter.

    Attributes:
        tflm_arena: the least that TFLM accepts on this PC.
        tflm_device: what it needs at least on a 32-bit device.
        wrong: how an engine differs from TFLM, "" if none does.
        fallbacks: operators that a kernel of the interpreter runs.
    """

    group: str
    name: str
    compiled_cycles: int | None
    interpreter_cycles: int
    compiled_arena: int | None
    interpreter_arena: int
    tflm_arena: int
    tflm_device: int
    wrong: str
    fallbacks: tuple[str, ...] = ()

    @property
    def faults(self) -> list[str]:
        """What must not be, in words."""
        return [text for text in (self.wrong, self._slower, *self._larger) if text]

    @property
    def cycle_ratio(self) -> float | None:
        """Compiled by interpreted."""
        if self.compiled_cycles is None:
            return None
        return self.compiled_cycles / max(self.interpreter_cycles, 1)

    @property
    def arena(self) -> int:
        """Of the engine that a deployment takes."""
        return self.interpreter_arena if self.compiled_arena is None else self.compiled_arena

    @property
    def _slower(self) -> str:
        ours, theirs = self.compiled_cycles, self.interpreter_cycles
        slack = SMALL_SLACK if theirs < SMALL_CYCLES else 1.0
        if ours is None or ours <= theirs * slack:
            return ""
        return f"compiled takes {ours:,} cycles, interpreted {theirs:,} ({ours / theirs - 1:+.1%})"

    @property
    def _larger(self) -> list[str]:
        found = []
        if self.arena > self.interpreter_arena:
            found.append(f"compiled needs {self.arena:,} B, interpreted {self.interpreter_arena:,}")
        if self.arena > self.tflm_arena:
            found.append(f"needs {self.arena:,} B of arena, TFLM {self.tflm_arena:,}")
        return found


@dataclass(frozen=True)
class Skipped:
    """A model that TFLM or the bench does not take."""

    group: str
    name: str
    why: str


@dataclass
class _Work:
    subject: Subject
    expected: Answers
    plan: Plan | None


class Comparison:
    """Measures subjects; `close` it."""

    def __init__(self) -> None:
        self._judge = JudgeProcess()

    @cached_property
    def _interpreter(self) -> Interpreter:
        return Interpreter()

    def run(self, subjects: Iterable[Subject]) -> Iterator[EngineRow | Skipped]:
        """A row for each subject, batch by batch."""
        batch: list[_Work] = []
        for subject in subjects:
            work = self._judged(subject)
            if isinstance(work, Skipped):
                yield work
                continue
            batch.append(work)
            size = sum(len(each.subject.case.data) for each in batch)
            if len(batch) == _BATCH or size > _BATCH_BYTES:
                yield from self._rows(batch)
                batch = []
        yield from self._rows(batch)

    def close(self) -> None:
        """End the judge."""
        self._judge.close()

    def _judged(self, subject: Subject) -> _Work | Skipped:
        try:
            expected = self._judge.run(subject.case)
        except JudgeCrashError:
            return Skipped(subject.group, subject.name, "TFLM crashes")
        if expected is None:
            return Skipped(subject.group, subject.name, "TFLM refuses it")
        return _Work(subject, expected, _plan(subject.case.data))

    def _rows(self, batch: Sequence[_Work]) -> Iterator[EngineRow | Skipped]:
        planned = [work for work in batch if work.plan is not None]
        made = [work.plan for work in planned if work.plan is not None]
        timed = timing.compiled(made, [work.subject.case for work in planned])
        compiled = {id(work): found for work, found in zip(planned, timed, strict=True)}
        for work in batch:
            yield self._row(work, compiled.get(id(work)))

    def _row(self, work: _Work, compiled: Timed | None) -> EngineRow | Skipped:
        subject, case, plan = work.subject, work.subject.case, work.plan
        interpreted = self._interpreter.run(case)
        if interpreted.why:
            return Skipped(subject.group, subject.name, f"interpreter: {interpreted.why}")
        found = [interpreted] if compiled is None else [interpreted, compiled]
        wrong = [each.why or difference(case, each.outputs, work.expected) for each in found]
        return EngineRow(
            subject.group,
            subject.name,
            None if compiled is None else compiled.cycles,
            interpreted.cycles,
            None if plan is None else plan.arena_bytes,
            arena.needs(read_tflite.load(case.data)).total_bytes,
            judge.smallest_arena_bytes(case.data),
            tflm.least_on_device(case.data),
            next((text for text in wrong if text), ""),
            () if plan is None else _fallbacks(plan),
        )


def _plan(data: bytes) -> Plan | None:
    try:
        return plans.plan_of(data)
    except NotCompilableError:
        return None


def _fallbacks(plan: Plan) -> tuple[str, ...]:
    return tuple(step.op_name for step in plan.steps if step.function == "RunKernel")
