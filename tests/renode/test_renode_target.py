"""`deploy --target renode`, with a stand-in of that name on the PATH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tinydeploy import boards, images, sources, targets
from tinydeploy.config import ROOT
from tinydeploy.errors import SetupError, UsageError
from tinydeploy.simulate.renode import RenodeTransport
from tinydeploy.stages.build_options import DEFAULT
from tinydeploy.ui import Ui

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
    report = json.loads(result.stdout)
    # Renode counts instructions: no time and no energy follow from them.
    assert (report["cycles"]["unit"], report["milliseconds"]) == ("instructions", None)
    assert report["energy"] is None
    parity = report["parity"]
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


def test_a_script_error_is_told_at_once_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renode stays at its prompt, and .NET puts the reason before the stack."""
    program = tmp_path / "renode"
    stack = "\n".join(f"   at Antmicro.Renode.Frame{n}(String argument)" for n in range(60))
    program.write_text(
        "#!/bin/sh\ncat <<END\n"
        "There was an error executing command 'include @x.resc'\n"
        "Error E12: type 'UART.Nothing' could not be resolved.\n"
        f"{stack}\nEND\nexec sleep 100\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("tinydeploy.simulate.renode.START_TIMEOUT_S", 1e9)  # it must not wait
    with pytest.raises(SetupError, match=r"type 'UART\.Nothing' could not be resolved") as caught:
        RenodeTransport(boards.load("nano33"), tmp_path / "x.elf")
    assert "Frame" not in caught.value.message


def test_the_first_hello_is_heard(renode: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said before the firmware's UART is on would be lost."""
    monkeypatch.setenv("PATH", f"{renode}{os.pathsep}{os.environ['PATH']}")
    ui, board = Ui(quiet=True), boards.load("nano33")
    source = sources.resolve("sine", None, False, None, ui)
    image = images.make_image(source, board, DEFAULT, ui)[1]
    device = targets.open_device(targets.Target("renode"), board, image.elf)
    try:
        assert device.hello().board == "nano33"
        assert device.stats.retries == 0
    finally:
        device.close()


def test_the_host_does_not_run_in_renode() -> None:
    with pytest.raises(UsageError):
        targets.choose("renode", boards.load("host"), None, modelled_baud=False)
