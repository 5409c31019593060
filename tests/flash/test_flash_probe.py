"""What is handed to pyOCD and to the user's bossac."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tinydeploy import boards, flash, tools
from tinydeploy.errors import BuildError, SetupError
from tinydeploy.flash.base import FlashStoppedError, State
from tinydeploy.flash.simulated.scenarios import sample_image

if TYPE_CHECKING:
    from conftest import Bench

IMAGE = sample_image(900, 0x10000, 0x20040000, 1)


class FakePrograms:
    """Stands for `tools.run`; notes the command lines."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.fail_at = ""
        self.output = ""
        self.error = "pyocd failed"

    def run(self, argv: Sequence[str], **how: object) -> subprocess.CompletedProcess[str]:
        command = [str(part) for part in argv]
        self.commands.append(command)
        if self.fail_at and self.fail_at in command:
            raise BuildError(self.error)
        return subprocess.CompletedProcess(command, 0, self.output, "")


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> FakePrograms:
    fake = FakePrograms()
    monkeypatch.setattr(tools, "run", fake.run)
    monkeypatch.setattr(tools, "find", lambda program: Path("/opt") / program)
    return fake


@pytest.mark.parametrize(
    ("board", "target", "origin", "image"),
    [
        ("nano33", "nrf52840", "0x10000", IMAGE),
        ("sparkfun_edge", "ama3b1kk_kbr", "0xc000", sample_image(900, 0xC000, 0x10060000, 1)),
    ],
)
def test_pyocd_never_unlocks_and_erases_by_sector(
    programs: FakePrograms, board: str, target: str, origin: str, image: bytes
) -> None:
    result = flash.flash(image, boards.load(board), tool="pyocd", serial_number="0700")
    assert [command[command.index("-t") - 2] for command in programs.commands] == [
        "flash",
        "commander",
        "reset",
    ]
    for command in programs.commands:
        assert command[command.index("-O") + 1] == "auto_unlock=false"
        assert command[command.index("-t") + 1] == target
        assert command[command.index("-u") + 1] == "0700"
        assert "chip" not in command
    written = programs.commands[0]
    assert written[written.index("--erase") + 1] == "sector"
    assert written[written.index("--base-address") + 1] == origin
    assert result.tool == "pyocd"


@pytest.mark.parametrize(
    ("fail_at", "error", "state"),
    [
        ("flash", "pyocd: No connected debug probes", State.UNTOUCHED),
        ("flash", "pyocd: target is locked", State.PARTLY_WRITTEN),
        ("reset", "pyocd: timed out", State.WRITTEN),
    ],
)
def test_pyocd_failures_tell_the_state(
    programs: FakePrograms, fail_at: str, error: str, state: State
) -> None:
    programs.fail_at, programs.error = fail_at, error
    with pytest.raises(FlashStoppedError) as stopped:
        flash.flash(IMAGE, boards.load("nano33"), tool="pyocd")
    assert stopped.value.state is state


def test_pyocd_mismatch_is_found_in_its_output(programs: FakePrograms) -> None:
    programs.output = "Mismatched byte at 0x00010000"
    with pytest.raises(FlashStoppedError, match="differs"):
        flash.flash(IMAGE, boards.load("nano33"), tool="pyocd")
    assert all("reset" not in command for command in programs.commands)


def test_pyocd_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "find", lambda program: None)
    with pytest.raises(SetupError) as error:
        flash.flash(IMAGE, boards.load("nano33"), tool="pyocd")
    assert "pip install pyocd" in error.value.hint


def test_the_users_bossac_gets_the_bootloaders_port(
    programs: FakePrograms, make_nano: Callable[..., Bench]
) -> None:
    bench = make_nano()
    bench.tool = "bossac_cli"
    bench.flash()
    (command,) = programs.commands
    assert command[0] == "/opt/bossac"
    assert "--port=/dev/ttyACM1" in command
    assert command[-1] == "-R"
    assert bench.board.mode == "bootloader"
