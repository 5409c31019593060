"""`deploy --count N`, and boards of a labgrid farm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tinydeploy import boards, targets
from tinydeploy.config import ROOT
from tinydeploy.errors import DeviceError, ParityError, PortError, SetupError, UsageError
from tinydeploy.hardware import fleet
from tinydeploy.link import labgrid
from tinydeploy.link.board_lock import board_lock
from tinydeploy.pipeline import Job
from tinydeploy.ui import Ui


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tinydeploy", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "scripts"), **environment},
        capture_output=True,
        text=True,
        timeout=200,
    )


def test_three_simulators_at_once() -> None:
    command = ("deploy", "--board", "nano33", "--model", "sine", "--vectors", "5", "--count", "3")
    result = run(*command)
    assert result.returncode == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines()[1:]]
    assert [(row[0], row[2], row[3]) for row in rows] == [("simulator", "5", "0")] * 3
    assert len({row[4] for row in rows}) == 1  # the same cycles on each


def test_several_boards_for_machines() -> None:
    """On standard output nothing but JSON."""
    command = ("deploy", "--board", "nano33", "--model", "sine", "--vectors", "5", "--count", "2")
    found = json.loads(run(*command, "--json").stdout)
    assert (found["model"]["name"], found["board"]) == ("sine", "nano33")
    parities = [device["parity"] for device in found["devices"]]
    assert parities == [{"vectors": 5, "mismatching_bytes": 0}] * 2
    assert [device["error"] for device in found["devices"]] == [None, None]


def test_a_board_that_fails_does_not_keep_the_others_from_it(tmp_path: Path) -> None:
    ports = f"{tmp_path}/ttyA,{tmp_path}/ttyB"
    job = Job(board="nano33", model="sine", target=ports, vectors=2)
    outcomes = fleet.deploy(job, 2, Ui(quiet=True))
    assert [type(one.error) for one in outcomes] == [PortError, PortError]
    with pytest.raises(DeviceError, match=r"2 of 2 boards failed: .*ttyA, .*ttyB"):
        fleet.require_all(outcomes)


def test_a_wrong_output_counts_more_than_a_lost_board() -> None:
    def outcome(error: Any) -> fleet.FleetOutcome:
        return fleet.FleetOutcome("x", "", 1, 0, 1, 0.0, error)

    with pytest.raises(ParityError):
        fleet.require_all([outcome(PortError("gone")), outcome(ParityError("differs"))])
    fleet.require_all([outcome(None)])


def test_too_few_boards_are_refused() -> None:
    with pytest.raises(UsageError, match="1 boards for --count 2"):
        fleet.deploy(Job(board="nano33", model="sine", target="/dev/a"), 2, Ui(quiet=True))


def test_deploy_does_not_take_a_board_from_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYDEPLOY_CACHE", str(tmp_path))
    target = targets.choose("/dev/ttyACM7", boards.load("nano33"), None, modelled_baud=False)
    with board_lock("/dev/ttyACM7"), pytest.raises(PortError, match="another run"):
        targets.held(target).__enter__()


def test_without_labgrid_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "labgrid", None)
    with pytest.raises(SetupError, match="labgrid is not installed") as caught:
        labgrid.port_of("desk")
    assert "pip install labgrid" in caught.value.hint


class Place:
    """labgrid's Target with one NetworkSerialPort."""

    host, port, protocol = "exporter.local", 4001, "rfc2217"

    def __init__(self, name: str) -> None:
        self.name = name

    def get_resource(self, kind: str) -> Place:
        if self.name != "desk":
            raise RuntimeError(f"no {kind}")
        return self


def test_the_port_of_a_labgrid_place(monkeypatch: pytest.MonkeyPatch) -> None:
    library, resource, remote = (
        ModuleType(name) for name in ("labgrid", "labgrid.resource", "labgrid.resource.remote")
    )
    library.Target = Place  # type: ignore[attr-defined]
    remote.RemotePlace = lambda target, name: None  # type: ignore[attr-defined]
    library.resource, resource.remote = resource, remote  # type: ignore[attr-defined]
    for module in (library, resource, remote):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    assert labgrid.port_of("desk") == "rfc2217://exporter.local:4001"
    with pytest.raises(PortError, match="no serial port for the place 'shelf'"):
        labgrid.port_of("shelf")


def test_a_labgrid_target_is_a_remote_board() -> None:
    target = targets.choose("labgrid:desk", boards.load("nano33"), None, modelled_baud=False)
    assert target.is_port
    assert target.is_remote
