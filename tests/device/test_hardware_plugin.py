"""The plugin's parts without a board: text among frames, locks, resets, flakes, options."""

from __future__ import annotations

import re
from pathlib import Path

import pexpect
import pytest
from tinydeploy.config import ROOT
from tinydeploy.errors import DeviceWedgedError, LinkError, PortError
from tinydeploy.hardware.embedded import WireLog
from tinydeploy.hardware.flakes import Flakes, remember
from tinydeploy.hardware.reset import Reset, revive
from tinydeploy.link.board_lock import board_lock
from tinydeploy.link.frame import Frame, encode
from tinydeploy.link.shared import SharedWire, TextLines

REPLY = encode(Frame(0x8A, 1, 1, b"text\n inside"))


class Script:
    """A transport that plays pieces and then stays silent."""

    description = "script"

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def read(self, timeout_s: float) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def close(self) -> None:
        """Nothing to give back."""


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_text_is_told_from_frames_however_the_bytes_arrive(size: int) -> None:
    stream = b"boot\r\n" + REPLY + b"one\r\ntwo\r\n" + REPLY + b"\xff\n" + REPLY
    lines = TextLines()
    pieces = (stream[at : at + size] for at in range(0, len(stream), size))
    found = b"".join(text for piece in pieces for text in lines.feed(piece))
    assert found == b"boot\r\none\r\ntwo\r\n"


def test_expect_takes_the_text_and_leaves_the_frames(tmp_path: Path) -> None:
    wire = SharedWire(Script(b"load", b"ing\r\n" + REPLY, b"result 4", b"2\r\n"))
    log = WireLog(wire, tmp_path / "dut.log")
    log.expect(re.compile(rb"result (\d+)\r\n"), timeout=1)
    assert log.match.group(1) == b"42"
    assert REPLY in wire.read(0.0)
    with pytest.raises(pexpect.TIMEOUT):
        log.expect("more", timeout=1)
    log.close()
    assert (tmp_path / "dut.log").read_bytes() == b"loading\r\nresult 42\r\n"


def test_two_runs_do_not_share_a_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYDEPLOY_CACHE", str(tmp_path))
    link = tmp_path / "by-id"
    link.symlink_to("/dev/ttyACM7")
    with board_lock("/dev/ttyACM7"):
        with (
            pytest.raises(PortError, match=r"in use by another run: process \d+"),
            board_lock(str(link)),
        ):
            pass
        with board_lock("/dev/ttyACM8"):
            pass
    with board_lock(str(link)):
        pass


def test_a_wedged_board_is_reset_from_gentle_to_rough() -> None:
    tried: list[str] = []

    def way(name: str) -> Reset:
        return Reset(name, lambda: tried.append(name))

    def greet() -> None:
        if tried[-1] != "power":
            raise LinkError("garbage")

    assert revive("board", [way("request"), way("lines"), way("power")], greet) == "power"
    assert tried == ["request", "lines", "power"]
    with pytest.raises(DeviceWedgedError, match="silent after request, lines"):
        revive("board", [way("request"), way("lines")], greet)


def test_power_command_is_run(tmp_path: Path) -> None:
    marker = tmp_path / "cycled"
    Reset.by_command(f"touch {marker}").act()
    assert marker.exists()


def test_flake_rate_over_runs(tmp_path: Path) -> None:
    run = Flakes(runs=40, flaky=["tests/x.py::test_y"], requests=1000, retries=5, resets=["power"])
    assert remember(run, tmp_path / "device.json") == {"runs": 40, "flaky": 1}
    total = remember(Flakes(runs=60), tmp_path / "device.json")
    text = "\n".join(run.lines(total))
    assert "1 flaky (2.50 %); all runs: 1 of 100 (1.00 %)" in text
    assert "5 repeated (0.50 %); 1 resets" in text


CONFTEST = """
import pytest
from tinydeploy.errors import DeviceWedgedError
from tinydeploy.pytest_plugin import BENCH

class Wedged:
    is_simulated = False
    def revive(self): return "power"

@pytest.fixture
def device(request):
    request.config.stash[BENCH]._last.append(Wedged())
"""
TESTS = """
from tinydeploy.errors import DeviceWedgedError
tries = []

def test_silent_once(device):
    tries.append(1)
    if len(tries) == 1:
        raise DeviceWedgedError("silent")

def test_wrong_result(device):
    tries.append(1)
    assert len(tries) != 3
"""


def test_silence_is_tried_again_and_a_wrong_result_is_not(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYDEPLOY_CACHE", str(pytester.path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "scripts"))
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess("-p", "tinydeploy.pytest_plugin", "--target", "device")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["2 tests on boards, 1 flaky (50.00 %)*", "*1 resets", "flaky: *test_silent_once"]
    )
