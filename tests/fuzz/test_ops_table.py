"""`tinydeploy ops`: the table of operators, and that the committed one is current."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tinydeploy import cli, kernels
from tinydeploy.fuzz import params, table
from tinydeploy.fuzz.table import Row
from tinydeploy.lower.lowering import ANY_OTHER
from tinydeploy.lower.rules.table import RULES
from tinydeploy.ops import persistent
from tinydeploy.ops.types import SUPPORTED

FEWEST_OPERATORS = 100  # of issue 3


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return table.rows()


@pytest.fixture(scope="module")
def by_name(rows: list[Row]) -> dict[tuple[str, str], Row]:
    return {(row.operator, row.types): row for row in rows}


def test_has_what_the_firmware_registers(rows: list[Row]) -> None:
    registered = kernels.rows()
    assert sorted({row.operator for row in rows}) == sorted(registered)
    assert len(registered) >= FEWEST_OPERATORS
    assert len(rows) == sum(map(len, SUPPORTED.values()))


def test_says_what_the_compiled_engine_takes(by_name: dict[tuple[str, str], Row]) -> None:
    conv = by_name["CONV_2D", "int8 x int8"]
    assert (conv.compiled, conv.dsp) == (True, True)
    assert "td_conv" in conv.kernels
    of_floats = by_name["CONV_2D", "float32 x float32"]
    assert (of_floats.compiled, of_floats.dsp) == (True, False)
    assert of_floats.kernels == (table.INTERPRETED,)
    assert not by_name["WHILE", "any"].compiled
    softmax = by_name["SOFTMAX", "int8"]
    assert (softmax.compiled, softmax.dsp, softmax.kernels) == (True, False, ("td_softmax",))
    reshape = by_name["RESHAPE", "int8"]
    assert (reshape.compiled, reshape.kernels) == (True, ("td_copy",))


def test_every_rule_takes_something(rows: list[Row]) -> None:
    own = {row.operator for row in rows if any(name.startswith("td_") for name in row.kernels)}
    computes_nothing = {"CALL_ONCE", "VAR_HANDLE"}  # they say what the memory of a variable holds
    # One sample of each of the others would show a gap in RULES.
    assert set(RULES) - {ANY_OTHER} - computes_nothing <= own


def test_text_and_document_name_every_combination(rows: list[Row]) -> None:
    text, document = table.to_text(rows), table.to_markdown(rows)
    for row in rows:
        assert row.types in text
        assert f"| {row.operator} | " in document
        assert row.types in document
    assert table.figures(rows) in text
    assert table.figures(rows) in document


def test_json_has_a_row_a_combination(rows: list[Row]) -> None:
    found = json.loads(table.to_json(rows))
    assert len(found) == len(rows)
    assert found[0].keys() == {"operator", "types", "interpreter", "compiled", "dsp", "kernels"}


def test_what_is_committed_is_current(rows: list[Row]) -> None:
    assert table.is_current(rows), "run: tinydeploy ops --write"
    assert params.is_current(), "run: tinydeploy ops --write"


def test_check_fails_when_stale(
    rows: list[Row],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stale = tmp_path / "ops.md"
    stale.write_text(table.to_markdown(rows[1:]))
    kept = tmp_path / "params.json"
    kept.write_text("{}")
    monkeypatch.setattr(persistent, "PARAMS", kept)
    monkeypatch.setattr(table, "DOCUMENT", stale)
    monkeypatch.setattr(table, "rows", lambda: rows)
    assert cli.main(["ops", "--check"]) != 0
    assert "tinydeploy ops --write" in capsys.readouterr().err
    assert cli.main(["ops", "--write"]) == 0
    assert cli.main(["ops", "--check"]) == 0
