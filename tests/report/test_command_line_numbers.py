"""Numbers and arguments that make no sense: one line and exit code 2 before anything is done."""

from __future__ import annotations

import re
import sys

import pytest
from tinydeploy import cli


@pytest.mark.parametrize(
    "line",
    [
        "deploy --count 0",
        "deploy --seed -1",
        "push sine --seed -1",
        "mlperf --windows 0",
        "power-cuts --every 0",
        "bench link-faults 0",
        "bench --vectors 0",
        "fuzz --cases -1",
        "fuzz hostile 0",
        "fuzz frames 0",
        "verify --vector -1",
        "train sine --epochs 0",
    ],
)
def test_numbers_out_of_range(capsys: pytest.CaptureFixture[str], line: str) -> None:
    assert cli.main(line.split()) == 2
    said = capsys.readouterr().err
    assert "must be at least" in said
    assert re.search(rf"`tinydeploy {line.split()[0]}[a-z -]* --help`", said)


def test_what_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["mlperf", "--windows", "five"]) == 2
    assert "'five' is not a whole number" in capsys.readouterr().err


def test_a_model_without_its_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["deploy", "my.tflite"]) == 2
    assert "--model my.tflite" in capsys.readouterr().err
    assert cli.main(["ops", "nope"]) == 2
    assert "`tinydeploy ops --help`" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="ports are files elsewhere")
@pytest.mark.parametrize(
    ("port", "reason"),
    [("/dev/nope", "No such file or directory"), ("/dev/null", "it is not a serial port")],
)
def test_what_is_no_port(capsys: pytest.CaptureFixture[str], port: str, reason: str) -> None:
    assert cli.main(["status", "--target", port]) == 6
    assert f"cannot open {port}: {reason}\n" in capsys.readouterr().err
