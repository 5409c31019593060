"""Keeps comparing random models with TFLM, and says how to see again what differed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np

from tinydeploy import whole
from tinydeploy.fuzz.cases import Case, make
from tinydeploy.fuzz.compare import difference
from tinydeploy.fuzz.engines import BATCH, Engine, Outcome
from tinydeploy.fuzz.judging import JudgeCrashError, JudgeProcess
from tinydeploy.fuzz.reduce import reduce
from tinydeploy.graph.ir import Array

Answers = list[list[Array]]


@dataclass(frozen=True)
class Failure:
    """A case on which an engine and TFLM do not agree.

    Attributes:
        why: in one line.
        files: the model, the smallest model that still fails, its inputs.
    """

    number: int
    label: str
    engine: str
    why: str
    files: tuple[Path, ...]


@dataclass
class Count:
    """What was seen of one subject.

    Attributes:
        refused_by_tflm, crashed_tflm: cases without an answer to compare with.
        ran: comparisons by engine; refused: models that the engine leaves to the other.
        differ: comparisons that found a difference, by engine.
    """

    cases: int = 0
    refused_by_tflm: int = 0
    crashed_tflm: int = 0
    ran: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    differ: Counter[str] = field(default_factory=Counter)

    def add(self, other: Count) -> None:
        """Count what `other` did too."""
        self.cases += other.cases
        self.refused_by_tflm += other.refused_by_tflm
        self.crashed_tflm += other.crashed_tflm
        self.ran.update(other.ran)
        self.refused.update(other.refused)
        self.differ.update(other.differ)


@dataclass
class Tally:
    """What a campaign has seen, by the subjects of its cases."""

    subjects: dict[str, Count] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def of(self, case: Case) -> Count:
        """The count that the case goes into."""
        return self.subjects.setdefault(case.subject, Count())

    @property
    def total(self) -> Count:
        """Of all subjects."""
        total = Count()
        for each in self.subjects.values():
            total.add(each)
        return total


@dataclass
class Campaign:
    """Cases from `first` on, until told to stop.

    Attributes:
        names: operators that take turns, from `cases.subjects`.
        folder: where models that fail are kept.
        most_failures: to stop after; there is no use in a thousand of the same.
    """

    names: Sequence[str]
    seed: int
    engines: Sequence[Engine]
    folder: Path
    most_failures: int = 10
    tally: Tally = field(default_factory=Tally)

    def run(
        self,
        *,
        first: int = 0,
        cases: int | None = None,
        seconds: float | None = None,
        progress: Callable[[Tally], None] = lambda tally: None,
    ) -> Tally:
        """Compare `cases` cases, or for `seconds`; for ever with neither."""
        started = time.monotonic()
        numbers = iter(range(first, first + cases)) if cases is not None else count(first)
        judge = JudgeProcess()
        try:
            while batch := list(islice(numbers, BATCH)):
                self.batch(batch, judge)
                progress(self.tally)
                late = seconds is not None and time.monotonic() - started >= seconds
                if late or len(self.tally.failures) >= self.most_failures:
                    break
        finally:
            judge.close()
            for engine in self.engines:
                engine.close()
        return self.tally

    def batch(self, numbers: Sequence[int], judge: JudgeProcess) -> None:
        """Compare the cases of these numbers; the caller closes judge and engines."""
        judged = list(self._judged((make(self.seed, n, self.names) for n in numbers), judge))
        for engine in self.engines:
            outcomes = engine.run([case for case, _ in judged])
            for (case, expected), outcome in zip(judged, outcomes, strict=True):
                self._note(case, expected, engine, outcome, judge)

    def _judged(self, cases: Iterator[Case], judge: JudgeProcess) -> Iterator[tuple[Case, Answers]]:
        """The cases that TFLM answers."""
        for case in cases:
            seen = self.tally.of(case)
            seen.cases += 1
            try:
                answers = judge.run(case)
            except JudgeCrashError:
                seen.crashed_tflm += 1
                continue
            if answers is None:
                seen.refused_by_tflm += 1
            else:
                yield case, answers

    def _note(
        self, case: Case, expected: Answers, engine: Engine, outcome: Outcome, judge: JudgeProcess
    ) -> None:
        seen = self.tally.of(case)
        if outcome.refusal and engine.may_refuse:
            seen.refused[engine.name] += 1
            return
        seen.ran[engine.name] += 1
        why = _why(case, expected, outcome)
        seen.differ[engine.name] += bool(why)
        if why and len(self.tally.failures) < self.most_failures:
            small = reduce(case, lambda some: _failing(some, engine, judge), judge)
            files = tuple(self._save(case, small, engine))
            label = case.label if small is case else f"{small.label} ({small.model.main.ops[-1]})"
            self.tally.failures.append(Failure(case.number, label, engine.name, why, files))

    def _save(self, case: Case, small: Case, engine: Engine) -> Iterator[Path]:
        stem = f"seed{self.seed}_case{case.number}_{engine.name.replace(' ', '_')}"
        for kind, kept in (("", case), ("_reduced", small)):
            model = self.folder / f"{stem}{kind}.tflite"
            whole.write(model, kept.data)
            inputs = model.with_suffix(".npz")
            runs = enumerate(kept.inputs)
            values: Any = {f"run{r}_{i}": v for r, run in runs for i, v in enumerate(run)}
            with whole.appearing(inputs) as beside, beside.open("wb") as file:
                np.savez(file, **values)
            yield from (model, inputs)
            if small is case:
                return


def _why(case: Case, expected: Answers, outcome: Outcome) -> str:
    """What is wrong with the outcome, "" if nothing is."""
    if outcome.outputs is None:
        return outcome.crash or f"refused: {outcome.refusal}"
    return difference(case, outcome.outputs, expected)


def _failing(cases: Sequence[Case], engine: Engine, judge: JudgeProcess) -> list[bool]:
    """Which of these the engine gets wrong; those that TFLM does not answer count as right."""
    answers: list[Answers | None] = []
    for case in cases:
        try:
            answers.append(judge.run(case))
        except JudgeCrashError:
            answers.append(None)
    wrong = []
    for case, expected, outcome in zip(cases, answers, engine.run(cases), strict=True):
        refused = bool(outcome.refusal) and engine.may_refuse
        wrong.append(expected is not None and not refused and bool(_why(case, expected, outcome)))
    return wrong
