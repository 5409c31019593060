"""The committed table still holds: simulated cycles are exact, so that any change shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from tinydeploy import bench
from tinydeploy.bench import subjects
from tinydeploy.bench.rows import changes, load
from tinydeploy.ui import Ui

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "bench.json"
GOALS = {
    "kws_ref_model": 3_700_000,
    "vww_96_int8": 6_750_000,
    "pretrainedResnet_quant": 14_700_000,
    "ad01_int8": 337_500,
    "tflm/person_detect": 10_750_000,
    "sine": 2_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", subjects.QUICK)
def test_no_figure_is_worse(name: str) -> None:
    (row,) = bench.measure(bench.Grid([name], ["nano33"], ["compiled"]), Ui(quiet=True))
    assert row.mismatching_bytes == 0
    before = [old for old in load(COMMITTED) if old.key == row.key]
    assert before, f"{name} is not in {COMMITTED}"
    worse = [str(change) for change in changes(before, [row]) if change.is_regression]
    assert not worse, "tinydeploy bench makes the table again: see docs/bench.md"


@pytest.mark.parametrize("name", GOALS)
def test_goals(name: str) -> None:
    rows = [row for row in load(COMMITTED) if row.model == name and row.engine == "compiled"]
    assert {row.board for row in rows} == {"nano33", "sparkfun_edge"}
    for row in rows:
        assert row.cycles <= GOALS[name]
        assert row.mismatching_bytes == 0
        assert row.wait_factor is not None
        assert row.wait_factor > 1
