"""From a clean checkout to the command, and again: the scripts as a user starts them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import Checkout, make_checkout


def test_first_start_says_what_it_installs(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path)
    result = checkout.run("--board", "nano33")
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"ran deploy --board nano33 {checkout.root / '.venv'}\n"
    assert "making .venv" in result.stderr
    assert "requirements.lock" in result.stderr
    assert checkout.installed() == "1.0"


def test_second_start_is_silent(made: Checkout) -> None:
    made.pin("1.0")
    made.run()
    result = made.run("again")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("ran deploy again ")


def test_command_is_in_the_environment(made: Checkout) -> None:
    command = made.root / ".venv" / "bin" / "tinydeploy"
    result = subprocess.run(
        [command, "doctor"], capture_output=True, text=True, check=True, cwd="/"
    )
    assert result.stdout.startswith("ran doctor ")


def test_exit_code_is_the_commands(made: Checkout) -> None:
    main = made.root / "scripts" / "tinydeploy" / "__main__.py"
    text = main.read_text(encoding="utf-8")
    try:
        main.write_text("import sys; sys.exit(7)\n", encoding="utf-8")
        assert made.run().returncode == 7
    finally:
        main.write_text(text, encoding="utf-8")


def test_changed_lock_is_installed(made: Checkout) -> None:
    made.pin("1.1")
    result = made.run()
    assert result.returncode == 0, result.stderr
    assert "making .venv" not in result.stderr
    assert "installing" in result.stderr
    assert made.installed() == "1.1"


def test_foreign_pip_settings_do_no_harm(made: Checkout, tmp_path: Path) -> None:
    made.pin("1.2")
    result = made.run(PIP_USER="1", PIP_TARGET=str(tmp_path), PIP_REQUIRE_VIRTUALENV="1")
    assert result.returncode == 0, result.stderr
    assert made.installed() == "1.2"
    assert not list(tmp_path.iterdir())


def test_moved_checkout_gets_an_environment_of_its_own(made: Checkout, tmp_path: Path) -> None:
    moved = Checkout(tmp_path / "moved", made.wheels)
    shutil.copytree(made.root, moved.root, symlinks=True)
    result = moved.run()
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith(f"{moved.root / '.venv'}\n")


@pytest.mark.parametrize("wait_for", ["making .venv", "installing"])
def test_killed_run_is_mended_by_the_next(tmp_path: Path, wait_for: str) -> None:
    checkout = make_checkout(tmp_path)
    with subprocess.Popen(
        [sys.executable, "scripts/deploy.py"],
        cwd=checkout.root,
        env=checkout.environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if wait_for in line:
                break
        os.killpg(process.pid, signal.SIGKILL)
    result = checkout.run()
    assert result.returncode == 0, result.stderr
    assert checkout.installed() == "1.0"


def test_two_runs_at_once_install_once(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path)
    runs = [
        subprocess.Popen(
            [sys.executable, "scripts/deploy.py"],
            cwd=checkout.root,
            env=checkout.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [run.communicate(timeout=120)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert sum("installed in" in text for text in said) == 1
