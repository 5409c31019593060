"""`deploy --target renode`, with a stand-in of that name on the PATH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tinydeploy import boards, targets
from tinydeploy.config import ROOT
from tinydeploy.errors import SetupError, UsageError
from tinydeploy.simulate.renode import RenodeTransport

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")


@pytest.fixture
def renode(tmp_path: Path) -> Path:
    """A folder with a program `renode`."""
    program = tmp_path / "bin" / "renode"
    program.parent.mkdir()
    stand_in = Path(__file__).with_name("renode_stand_in.py")
    program.write_text(
        f"#!/bin/sh\nPYTHONPATH='{ROOT / 'scripts'}' exec '{sys.executable}' '{stand_in}' \"$@\"\n"
    )
    program.chmod(0o755)
    return program.parent


def test_deploy_in_renode(renode: Path) -> None:
    command = [sys.executable, "-m", "tinydeploy", "deploy", "--board", "nano33", "--model", "sine"]
    environment = {**os.environ, "PATH": f"{renode}{os.pathsep}{os.environ['PATH']}"}
    environment["PYTHONPATH"] = str(ROOT / "scripts")
    result = subprocess.run(
        [*command, "--vectors", "10", "--target", "renode", "--json"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert result.returncode == 0, result.stderr
    parity = json.loads(result.stdout)["parity"]
    assert (parity["vectors"], parity["mismatching_bytes"]) == (10, 0)


def test_without_renode_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="renode is not on the PATH") as caught:
        RenodeTransport(boards.load("nano33"), tmp_path / "x.elf")
    assert "--target simulator" in caught.value.hint


def test_a_renode_that_ends_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "renode"
    program.write_text("#!/bin/sh\necho 'Could not load SVD'\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(SetupError, match="Could not load SVD"):
        RenodeTransport(boards.load("nano33"), tmp_path / "x.elf")


def test_the_host_does_not_run_in_renode() -> None:
    with pytest.raises(UsageError):
        targets.choose("renode", boards.load("host"), None, modelled_baud=False)
