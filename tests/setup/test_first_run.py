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


FOREIGN_SETTINGS = {
    "dry-run": "1",
    "constraint": "{folder}/constraint.txt",
    "target": "{folder}/target",
    "prefix": "{folder}/prefix",
    "root": "{folder}/root",
    "user": "1",
    "require-virtualenv": "1",
    "no-deps": "1",
    "no-binary": ":all:",
    "require-hashes": "0",
    "ignore-installed": "1",
    "report": "{folder}/report.json",
}


@pytest.mark.parametrize("where", ["variables", "file"])
def test_foreign_pip_settings_do_no_harm(made: Checkout, tmp_path: Path, where: str) -> None:
    (tmp_path / "constraint.txt").write_text("tinydeploy-fake-dependency<1\n", encoding="utf-8")
    settings = {name: text.format(folder=tmp_path) for name, text in FOREIGN_SETTINGS.items()}
    made.pin(f"1.2{len(where)}")
    if where == "variables":
        changes = {f"PIP_{name.upper().replace('-', '_')}": v for name, v in settings.items()}
    else:
        lines = ["[global]", f"find-links = {made.wheels}", "no-index = 1", "[install]"]
        lines += [f"{name} = {value}" for name, value in settings.items()]
        (tmp_path / "pip.conf").write_text("\n".join(lines), encoding="utf-8")
        changes = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
        changes |= {"PIP_NO_INDEX": "", "PIP_FIND_LINKS": ""}  # they come from the file
    before = set(tmp_path.iterdir())
    result = made.run(**changes)
    assert result.returncode == 0, result.stderr
    assert made.installed() == f"1.2{len(where)}"
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("kind", ["environment", "file", "link"])
def test_what_the_user_calls_venv_stays(tmp_path: Path, kind: str) -> None:
    checkout = make_checkout(tmp_path)
    theirs = checkout.root / ".venv"
    if kind == "file":
        theirs.write_text("my-environment\n", encoding="utf-8")
    else:
        place = theirs if kind == "environment" else tmp_path / "elsewhere"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
        (place / "precious").write_text("mine", encoding="utf-8")
        if kind == "link":
            theirs.symlink_to(place)
    before = sorted(map(str, theirs.rglob("*"))) if kind != "file" else theirs.read_text()
    python = sys.executable if kind == "file" else str(theirs / "bin" / "python")
    result = checkout.run(python=python)
    assert result.returncode == 0, result.stderr
    assert ".venv is not tinydeploy's and stays as it is" in result.stderr
    assert result.stdout.endswith(f"{checkout.root / '.venv-tinydeploy'}\n")
    after = sorted(map(str, theirs.rglob("*"))) if kind != "file" else theirs.read_text()
    assert after == before
    again = checkout.run(python=python)
    assert (again.returncode, again.stderr) == (0, "")


def test_an_environment_that_is_replaced_may_be_the_running_one(
    made: Checkout, tmp_path: Path
) -> None:
    made.pin("1.3")
    moved = Checkout(tmp_path / "moved", made.wheels)
    shutil.copytree(made.root, moved.root, symlinks=True)
    result = moved.run(python=str(moved.root / ".venv" / "bin" / "python"))
    assert result.returncode == 0, result.stderr
    assert moved.installed() == "1.3"


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
