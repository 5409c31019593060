"""Operators that TFLM does not have: engines against the Python reference, alone and in graphs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from tinydeploy.config import FIRMWARE_DIR
from tinydeploy.fuzz.campaign import Tally
from tinydeploy.fuzz.cases import GRAPH, Case, judged_by_reference, make, subjects
from tinydeploy.fuzz.compare import difference
from tinydeploy.fuzz.engines import Compiled, Interpreter
from tinydeploy.fuzz.judging import JudgeProcess
from tinydeploy.graph.build import append
from tinydeploy.graph.write_tflite import dump
from tinydeploy.ops.types import SUPPORTED

Fuzz = Callable[..., Tally]  # the fixture
OP = "ExponentialAverage"
CASES = 30
KERNEL = FIRMWARE_DIR / "kernels" / "smoothing" / "exponential_average.cpp"


def test_a_campaign_of_all_is_tflms() -> None:
    assert OP in judged_by_reference()
    assert OP in SUPPORTED
    assert judged_by_reference(subjects([])) == []


@pytest.mark.parametrize("target", ["host", "simulator"])
@pytest.mark.parametrize("engine", [Interpreter, Compiled])
def test_engines_compute_what_the_reference_does(
    engine: Callable[[str], Interpreter | Compiled], target: str, fuzz: Fuzz
) -> None:
    used = engine(target)
    tally = fuzz(" ".join(judged_by_reference()), [used], cases=CASES)
    assert tally.failures == []
    assert tally.total.ran[used.name] == CASES


def test_a_wrong_kernel_is_found(fuzz: Fuzz, tmp_path: Path) -> None:
    text, right = KERNEL.read_text(encoding="utf-8"), "(averages[i] + kHalf)"
    assert text.count(right) == 1
    wrong = tmp_path / KERNEL.name
    wrong.write_text(text.replace(right, "averages[i]"))
    tally = fuzz(OP, [Interpreter("host", {KERNEL: wrong})], cases=CASES)
    assert tally.failures


def _graph(number: int) -> Case:
    """A random graph whose first output is averaged and goes on as what it was."""
    case = make(9, number, [GRAPH])
    append(case.model, OP, share=0.25)
    return dataclasses.replace(case, data=dump(case.model))


def test_graphs_are_judged_in_parts() -> None:
    judge, engines = JudgeProcess(), [Interpreter("host"), Compiled("host")]
    cases = [(case, judge.run(case)) for case in map(_graph, range(CASES))]
    judged = [(case, answers) for case, answers in cases if answers is not None]
    ran = 0
    for engine in engines:
        outcomes = engine.run([case for case, _ in judged])
        for (case, answers), outcome in zip(judged, outcomes, strict=True):
            if outcome.outputs is not None:
                ran += 1
                assert difference(case, outcome.outputs, answers) == "", case.number
        engine.close()
    judge.close()
    assert len(judged) > CASES // 2
    assert ran > CASES // 2
