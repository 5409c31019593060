"""Coefficients by hand, and how far estimates are from what the simulated core takes."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from tinydeploy import models
from tinydeploy.estimates import check, corpus, fit, measure, wide
from tinydeploy.estimates.check import Miss
from tinydeploy.estimates.corpus import Size
from tinydeploy.estimates.measure import Observation
from tinydeploy.fuzz import cases
from tinydeploy.fuzz.cases import Case
from tinydeploy.graph import read_tflite
from tinydeploy.lower.plan import cost as compiled_cost
from tinydeploy.ops import cost, table

SEED = 77  # neither the fit's nor the page's


def _observed(count: int, noise: float = 0.0) -> list[Observation]:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(count):
        out, macs = (float(rng.integers(1, 5000)) for _ in range(2))
        cycles = (200 + 7 * out + 0.5 * macs) * (1 + noise * rng.normal())
        counts = {"one": 1.0, "out": out, "macs": macs, "in": out, "rows": 0.0}
        found.append(Observation("td_x y", counts, round(cycles), 0))
    return found


def test_fit_finds_what_made_the_cycles() -> None:
    found = fit.coefficients(_observed(60))
    assert found["out"] == pytest.approx(7, rel=0.01)
    assert found["macs"] == pytest.approx(0.5, rel=0.02)
    assert found["one"] == pytest.approx(200, rel=0.1)
    assert "in" not in found  # the same as `out` everywhere
    assert "rows" not in found


def test_outliers_do_not_pull() -> None:
    given = _observed(60, noise=0.02)
    spoilt = [Observation(o.key, o.features, o.cycles * 5, 0) for o in given[:3]] + given[3:]
    assert fit.coefficients(spoilt)["out"] == pytest.approx(7, rel=0.1)


def test_no_coefficient_is_below_0() -> None:
    falling = [Observation("k", {"one": 1.0, "n": float(n)}, 1000 - n, 0) for n in range(1, 60)]
    assert all(value > 0 for value in fit.coefficients(falling).values())


def test_few_observations_give_few_coefficients() -> None:
    assert len(fit.coefficients(_observed(6))) <= 2


def test_unknown_keys_are_answered_by_their_group(tmp_path: Path) -> None:
    path = tmp_path / "costs.json"
    table.save(path, fit.fit(_observed(30)))
    known = table.load(path)
    assert set(known) == {"td_x y", "td_x *", "*"}
    counts = {"one": 1.0, "out": 100.0}
    expected = table.estimate(known, "td_x y", counts)
    assert table.estimate(known, "td_x z", counts) == pytest.approx(expected)
    assert table.estimate(known, "td_other", counts) == pytest.approx(expected)
    assert table.estimate({}, "td_x", counts) == 0


@pytest.mark.parametrize("path", [compiled_cost.COSTS, cost.COSTS])
def test_committed_tables_are_as_saved(path: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.json"
    table.save(again, json.loads(path.read_text(encoding="utf-8")))
    assert again.read_text(encoding="utf-8") == path.read_text(encoding="utf-8")
    assert table.ANY in table.load(path)


def test_every_operator_has_an_estimate() -> None:
    known = table.load(cost.COSTS)
    seen = {name.split()[0] for name in cases.subjects([]) if name != cases.GRAPH}
    without = {code for code in seen if not any(key.split()[0] == code for key in known)}
    assert without <= {"CALL_ONCE", "CIRCULAR_BUFFER", "IF", "VAR_HANDLE", "WHILE"} | _VARIABLES


_VARIABLES = {"ASSIGN_VARIABLE", "READ_VARIABLE"}


def test_steps_are_measured_one_by_one() -> None:
    data = models.load("sine").tflite().read_bytes()
    inputs = [[np.array([[3]], np.int8)]]
    case = Case(0, "sine", "sine", read_tflite.load(data), data, inputs)
    (found,) = measure.models([case])
    assert found.is_compiled
    assert [step.key.split()[0] for step in found.steps] == ["td_fully_connected"] * 3
    assert found.cycles == pytest.approx(1_700, rel=0.25)  # docs/bench.md, but for the calls


def test_networks_are_within_a_quarter() -> None:
    found = list(check.misses("networks", corpus.networks(SEED, Size(0, 0, 16))))
    assert len(found) > 12
    assert check.share(found, check.NETWORK_LIMIT) >= 0.9, check.summary(found)  # of 16


def test_single_operators_are_within_35_percent() -> None:
    names = corpus.names_of()
    small = (cases.make(SEED, number, names) for number in range(0, len(names), 3))
    large = (wide.case(SEED, number, names) for number in range(0, len(names), 9))
    given = [*small, *(case for case in large if case is not None)]
    found = [
        Miss("operators", each.case.label, sum(s.estimated for s in each.steps), each.cycles)
        for each in measure.interpreted(given)
    ]
    assert len(found) > 150
    # Of few and other draws; docs/estimates.md has the share over all operators.
    assert check.share(found, check.OPERATOR_LIMIT) >= 0.9, check.summary(found)


def test_operators_of_a_network_alone() -> None:
    (network,) = corpus.networks(SEED, Size(0, 0, 1))
    apart = list(corpus.alone(network))
    assert [case.label for case in apart] == [op.name for op in network.model.main.ops]
    (first,) = measure.interpreted(islice(apart, 1))
    assert first.cycles > 0


def test_the_page() -> None:
    found = [Miss("zoo", "a", 120, 100), Miss("zoo", "b", 100, 100), Miss("ops", "PAD 1", 50, 100)]
    text = check.page(found, "ops")
    assert "| zoo | 2 | 10.0% | 15.0% | 18.0% | 100.0% | 100.0% | +20%, a |" in text
    assert "| PAD 1 | 1 | 50% | 50% | -50% |" in text
    assert "largest |" in text
