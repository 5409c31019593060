"""`bench versus`: what counts as a fault, what is compared, and one small model of the zoo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tinydeploy.cli import main
from tinydeploy.fuzz import plans
from tinydeploy.versus import corpus, hard, page
from tinydeploy.versus.measure import Comparison, EngineRow, Skipped

EVEN = EngineRow("zoo", "net", 20_000, 20_000, 1000, 1000, 1000, 1000, "")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, ""),
        ({"compiled_cycles": 20_001}, "compiled takes 20,001 cycles, interpreted 20,000 (+0.0%)"),
        ({"compiled_cycles": 10_000, "interpreter_cycles": 9_600}, ""),
        ({"compiled_cycles": 10_100, "interpreter_cycles": 9_600}, "(+5.2%)"),
        ({"compiled_arena": 1008}, "compiled needs 1,008 B, interpreted 1,000"),
        ({"compiled_arena": 1008, "interpreter_arena": 1008}, "1,008 B of arena, TFLM 1,000"),
        ({"compiled_arena": None, "compiled_cycles": None, "tflm_arena": 900}, "TFLM 900"),
        ({"wrong": "output 0 differs"}, "output 0 differs"),
    ],
)
def test_what_is_a_fault(change: dict[str, object], fault: str) -> None:
    lines = page.faults([replace(EVEN, **change)])  # type: ignore[arg-type]
    assert fault in "".join(lines)
    assert bool(lines) == bool(fault)


def test_a_model_that_tflm_refuses_is_counted_and_not_measured(tmp_path: Path) -> None:
    (tmp_path / "empty.tflite").write_bytes(b"")
    assert not list(corpus.files("mine", tmp_path))
    summary = page.summary([EVEN], [Skipped("mine", "net", "TFLM refuses it")])
    assert summary.splitlines()[-1].startswith("| mine | 0 | 0 |")


def test_a_folder_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "versus", "--models", "nowhere"]) == 2
    assert "no folder nowhere" in capsys.readouterr().err


def test_a_model_of_the_zoo_is_faster_and_smaller_than_interpreted() -> None:
    comparison = Comparison()
    subjects = [s for s in corpus.files("zoo", corpus.ZOO) if s.name == "text_int8"]
    rows = list(comparison.run(subjects))
    comparison.close()
    assert isinstance(rows[0], EngineRow)
    assert not rows[0].faults
    assert 1_000 < (rows[0].compiled_cycles or 0) < rows[0].interpreter_cycles < 10_000
    assert (rows[0].compiled_arena or 0) < rows[0].tflm_device < rows[0].tflm_arena


def test_hard_layers_are_hard_for_their_reason() -> None:
    """Every kind leaves some channels of the first layers to a slower kernel, and says why."""
    found = {case.label: case for case in hard.cases()}
    reasons = {
        kind: {
            step.fallback.split(": ")[-1]
            for layer in hard.LAYERS[:2]
            for step in plans.plan_of(found[f"{layer.name}, {kind}, one channel"].data).steps
            if step.fallback and step.op_name == "CONV_2D"
        }
        for kind in hard.KINDS
    }
    assert reasons == {
        "scale": {"outputs beyond 2^15"},
        "-128": {"weights of -128"},
        "sums": {"sums beyond 2^23"},
        "wraps": {"sums beyond 2^23"},
    }


def test_the_page_shows_hard_layers_apart() -> None:
    rows = [replace(EVEN, group=hard.GROUP, name=case.label) for case in hard.cases()]
    page_text = page.page([EVEN, *rows], [])
    assert "| convolution 1x1 32 -> 32 | 1.00, 1.00, 1.00 |" in page_text
    assert "one channel |" not in page_text
    assert "hard" not in page.page([EVEN], [])
