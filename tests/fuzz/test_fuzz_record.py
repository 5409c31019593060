"""docs/fuzz.md and docs/fuzz.json: the figures of long campaigns."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from tinydeploy import cli
from tinydeploy.errors import UsageError
from tinydeploy.fuzz import counted, record
from tinydeploy.fuzz.campaign import Count, Tally
from tinydeploy.fuzz.cases import GRAPH, judged_by_reference
from tinydeploy.fuzz.hostile import Hostile
from tinydeploy.hardware.link_faults import WRONG
from tinydeploy.ops.types import SUPPORTED

MUTANTS = 50_000  # of what a mutant is now; 100,000 of the earlier draws had no finding either


def test_the_committed_figures_cover_every_operator_and_have_no_difference() -> None:
    """But for what is mended since, and said to be."""
    known = record.load()
    of_tflm = set(SUPPORTED) - set(judged_by_reference())
    assert record.DOCUMENT.read_text(encoding="utf-8") == record.render(known)
    for told in known[record.OPERATORS]["seeds"].values():
        assert {name.split()[0] for name in told["subjects"]} == {*of_tflm, GRAPH}
    for part in (record.OPERATORS, record.GRAPHS):
        for told in known[part]["seeds"].values():
            differs = any(figures["differ"] for figures in told["subjects"].values())
            assert not differs or "mended at" in told["note"]
    assert known[record.DAMAGED]["mutants"] >= MUTANTS
    assert known[record.DAMAGED]["findings"] == 0


@pytest.mark.parametrize(
    ("part", "unit", "least"),
    [(counted.FRAMES, "frames", 20_000_000), (counted.SLOTS, "cases", 200_000)],
)
def test_what_is_counted_is_enough_and_has_no_finding(part: str, unit: str, least: int) -> None:
    seeds = record.load()[part]["seeds"].values()
    assert sum(told[unit] for told in seeds) >= least
    assert not any(told["findings"] for told in seeds)


@pytest.mark.parametrize("link", ["UART", "USB"])
def test_no_fault_on_the_link_makes_an_inference_wrong(link: str) -> None:
    rows = [
        row for run in record.load()[counted.faults(link)]["runs"] for row in run["faults"].values()
    ]
    assert sum(sum(row.values()) for row in rows) >= 10_000
    assert not any(row[WRONG] for row in rows)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    monkeypatch.setattr(record, "FIGURES", tmp_path / "fuzz.json")
    monkeypatch.setattr(record, "DOCUMENT", tmp_path / "fuzz.md")
    return record.FIGURES, record.DOCUMENT


def _tally() -> Tally:
    ran = Counter({"interpreter on host": 9, "interpreter on simulator": 9, "compiled on host": 4})
    differ = Counter({"compiled on host": 2})
    return Tally(
        {
            "ADD int8": Count(cases=10, refused_by_tflm=1, ran=ran, differ=differ),
            "ADD uint8": Count(cases=10, refused_by_tflm=8, crashed_tflm=2),
            "ABS float32": Count(cases=5, ran=Counter({"interpreter on host": 5})),
        }
    )


def test_counts_are_added_by_operator(files: tuple[Path, Path]) -> None:
    record.keep(record.OPERATORS, "tinydeploy fuzz --cases 25", record.of_tally(_tally()), 1)
    text = files[1].read_text()
    assert "| ABS | 1 | 5 | 0 | 0 | 5 | 0 | 0 | 0 | 0 |" in text
    assert "| ADD | 2 | 20 | 9 | 2 | 9 | 9 | 4 | 0 | 2 |" in text
    assert "| **all** | 3 | 25 | 9 | 2 | 14 | 9 | 4 | 0 | 2 |" in text
    assert "- `tinydeploy fuzz --cases 25`: 25 models, 2 comparisons differ" in text
    assert "2 operators, 3 combinations of types." in text
    assert "which refuses these types: ADD uint8." in text


def test_seeds_are_added_and_the_same_one_is_replaced(files: tuple[Path, Path]) -> None:
    for seed, command in ((7, "first"), (8, "second"), (7, "again")):
        record.keep(record.OPERATORS, command, record.of_tally(_tally()), seed)
    text = files[1].read_text()
    assert "| ADD | 2 | 40 | 18 | 4 | 18 | 18 | 8 | 0 | 4 |" in text
    assert "`again`" in text
    assert "`second`" in text
    assert "`first`" not in text


def test_parts_are_kept_apart(files: tuple[Path, Path]) -> None:
    found = Hostile(originals=3, mutants=1000, accepted=600, endless=1)
    record.keep(record.OPERATORS, "one", record.of_tally(_tally()), 1)
    record.keep(record.DAMAGED, "two", record.of_hostile(found))
    assert json.loads(files[0].read_text()).keys() == {record.OPERATORS, record.DAMAGED}
    text = files[1].read_text()
    assert "1,000 mutants of 3 models" in text
    assert "600 ran, 399 were refused with a reason, 1 had loops without end" in text
    assert "| ADD | 2 |" in text


def _kept(folder: Path, subjects: list[str], done: list[int]) -> Path:
    count = Count(cases=240, ran=Counter(dict.fromkeys(record.ENGINES, 240)))
    known = {
        "key": "k", "commit": "abc1234", "seed": 31, "chunk": 240, "done": done,
        "subjects": {name: vars(count) for name in subjects}, "failures": [],
    }  # fmt: skip
    file = folder / "campaign.json"
    file.write_text(json.dumps(known))
    return file


def test_a_campaign_that_was_stopped_is_recorded_as_far_as_it_came(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _kept(tmp_path, [GRAPH], [0, 240, 960, 1680])
    assert cli.main(["fuzz", "record", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["engines"]["compiled on host"]["compared"] == 240
    assert (
        "- `tinydeploy fuzz --ops graph --cases 1920 --seed 31 --record` (at commit abc1234, "
        "stopped: without cases 480 to 959, 1,200 to 1,679): 240 models"
    ) in files[1].read_text()


@pytest.mark.parametrize("subjects", [["ADD int8"], []])
def test_a_campaign_of_some_operators_is_not_recorded(
    files: tuple[Path, Path], tmp_path: Path, subjects: list[str]
) -> None:
    file = _kept(tmp_path, subjects, [0])
    assert cli.main(["fuzz", "record", str(file)]) == UsageError.exit_code
    assert not files[0].exists()


def test_another_file_is_no_campaign(files: tuple[Path, Path], tmp_path: Path) -> None:
    for text in ("{}", "[1]", "no"):
        (tmp_path / "some.json").write_text(text)
        command = ["fuzz", "record", str(tmp_path / "some.json")]
        assert cli.main(command) == UsageError.exit_code
    assert cli.main(["fuzz", "record", str(tmp_path / "none")]) == UsageError.exit_code


@pytest.mark.parametrize(
    "options",
    [["--minutes", "1"], ["--cases", "9", "--ops", "ADD"], ["--cases", "9", "--target", "host"]],
)
def test_only_what_comes_out_the_same_again_is_kept(
    files: tuple[Path, Path], options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["fuzz", *options, "--record"]) == UsageError.exit_code
    assert "--record wants" in capsys.readouterr().err
    assert not files[0].exists()
