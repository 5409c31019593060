"""`tinydeploy push` and `status` as a user types them, to a board that runs on between them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tinydeploy import boards, cli, simulate
from tinydeploy import targets as all_targets
from tinydeploy.errors import UsageError
from tinydeploy.push import targets
from tinydeploy.push.swap_bench import Candidate
from tinydeploy.stages.build import Image

Command = Callable[..., dict[str, Any]]
DEVICE = 6


class Wire:
    """A simulated board behind a port that is opened and closed for each command."""

    def __init__(self, board: Any) -> None:
        self.description = "simulated board on a port"
        self.write, self.read = board.write, board.read

    def close(self) -> None:
        pass


@pytest.fixture
def port(
    hot_swap_image: Callable[[str], Image], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A Nano that runs on."""
    board = simulate.open(boards.load("nano33"), hot_swap_image("nano33").elf)
    monkeypatch.setattr(all_targets, "open_transport", lambda *_: Wire(board))
    return str(tmp_path / "port")


@pytest.fixture
def asked(port: str, capsys: pytest.CaptureFixture[str]) -> Command:
    """`asked("status")`: what the command says of the board on `port`, from its JSON."""

    def ask(*words: str) -> dict[str, Any]:
        assert cli.main([*words, "--target", port, "--json"]) == 0
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    return ask


def test_a_running_board_takes_a_model_and_gives_it_back(
    asked: Command, port: str, first: Candidate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "first.tflite"
    model.write_bytes(first.tflite)
    before = asked("status")
    assert (before["slot"], before["slots"][0]["state"]) == (None, "no whole model")
    pushed = asked("push", str(model))
    assert (pushed["model_before"], pushed["model"]) == (before["model"], first.sha256)
    assert (pushed["slot"], pushed["self_test_vectors"]) == (0, 4)
    assert pushed["written_bytes"] > len(first.tflite)
    assert asked("push", str(model))["written_bytes"] == 0
    after = asked("status")
    assert after["slots"][0]["model"] == after["model"] == first.sha256
    assert asked("push", "--rollback")["model"] == before["model"]

    assert cli.main(["push", str(model), "--target", port, "--board", "sparkfun_edge"]) == DEVICE
    assert "is a nano33, not a sparkfun_edge" in capsys.readouterr().err


def test_it_says_that_no_board_is_meant(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*arguments: object) -> None:
        raise UsageError("enough")

    monkeypatch.setattr(targets, "opened", stop)
    for words in (["push", "sine"], ["push", "--rollback"], ["status"]):
        assert cli.main(words) == 2
        assert "this is the simulator: Arduino Nano 33" in capsys.readouterr().err
    assert cli.main(["status", "--target", "/dev/ttyACM9"]) == 2
    assert "simulator" not in capsys.readouterr().err


def test_either_a_model_or_rollback(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["push"]) == cli.main(["push", "x.tflite", "--rollback"]) == 2
    assert capsys.readouterr().err.count("either a model or --rollback") == 2


def test_simulated_boards_have_what_was_deployed_last(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(targets, "BUILD_DIR", tmp_path)
    board, model = boards.load("nano33"), tmp_path / "own.tflite"
    model.write_bytes(b"model")
    assert targets.built_in(board) == "sine"
    targets.flash_file(board).parent.mkdir()
    targets.flash_file(board).write_bytes(b"pushed before")
    targets.deployed(board, model)
    assert targets.built_in(board) == str(model)
    assert not targets.flash_file(board).exists()
    model.unlink()
    assert targets.built_in(board) == "sine"
