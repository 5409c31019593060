"""What can go wrong before there is an environment: one message, a hint, exit code 4."""

from __future__ import annotations

import ast
import ensurepip
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from checkout import REPOSITORY, Checkout, make_checkout
from tinydeploy import bootstrap
from tinydeploy.bootstrap import environment as environment_module
from tinydeploy.bootstrap import pip
from tinydeploy.bootstrap.environment import Environment
from tinydeploy.errors import SetupError

OLD_SCRIPTS = [REPOSITORY / "scripts" / name for name in ("deploy.py", "test.py", "starter.py")]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return make_checkout(tmp_path)


def assert_one_message(result: subprocess.CompletedProcess[str], *expected: str) -> None:
    lines = result.stderr.splitlines()
    assert result.returncode == 4, result.stderr
    assert "Traceback" not in result.stderr
    assert sum(line.startswith("error: ") for line in lines) == 1
    assert lines[-1].startswith("hint:  ")
    for text in expected:
        assert text in result.stderr


def test_no_network(made: Checkout) -> None:
    made.pin("2.0")
    result = made.run(
        PIP_NO_INDEX="0",
        PIP_FIND_LINKS="",
        PIP_INDEX_URL="http://127.0.0.1:9/simple",  # the discard port: refuses at once
        PIP_RETRIES="1",
    )
    assert_one_message(result, "cannot reach the package index", "goes on from here")


def test_an_index_that_refuses_at_once_is_called_unreachable(made: Checkout) -> None:
    made.pin("2.4")
    dead = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_RETRIES": "0"}
    result = made.run(PIP_INDEX_URL="http://127.0.0.1:9/simple", **dead)
    assert_one_message(result, "cannot reach the package index")


def test_pip_that_reports_success_without_any(made: Checkout) -> None:
    """Whatever the reason: the stamp is for what can be imported."""
    made.pin("2.5")
    wheel = next(made.wheels.glob("*-2.5-*.whl"))
    assert made.run().returncode == 0
    shutil.rmtree(next(made.root.glob(".venv/lib/*/site-packages/tinydeploy_fake*-2.5.dist-info")))
    stamp = made.root / ".venv" / "tinydeploy-base"
    stamp.write_text(stamp.read_text().removesuffix(" checked"))  # as versions before wrote it
    result = made.run()
    assert (result.returncode, made.installed()) == (0, "2.5"), wheel


def test_a_fault_of_what_was_installed_is_told(checkout: Checkout) -> None:
    script = checkout.root / "scripts" / "tinydeploy" / "bootstrap" / "check_installed.py"
    text = script.read_text(encoding="utf-8")
    script.write_text(text.replace("names = []", "return 'rich does not work: no'"))
    assert_one_message(checkout.run(), "pip reports that all is installed, but rich does not work")
    assert not (checkout.root / ".venv" / "tinydeploy-base").exists()
    script.write_text(text)
    assert checkout.run().returncode == 0


def test_changed_package_and_the_run_after(made: Checkout) -> None:
    made.pin("2.1", right_hash=False)
    assert_one_message(made.run(), "not the one that the lock file pins")
    made.pin("2.1")
    assert made.run().returncode == 0
    assert made.installed() == "2.1"


def test_package_without_a_wheel(made: Checkout) -> None:
    made.pin("2.2")
    for wheel in made.wheels.glob("*-2.2-*.whl"):
        wheel.unlink()
    assert_one_message(made.run(), "has no package for Python")


def test_other_failures_show_pips_last_error(made: Checkout) -> None:
    made.pin("2.3")
    lock = made.root / "requirements.lock"
    lock.write_text("not a requirement\n" + lock.read_text(encoding="utf-8"), encoding="utf-8")
    assert_one_message(made.run(), "pip failed: Invalid requirement", "tinydeploy-install.log")


def test_disk_too_small(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(total=10**12, used=10**12, free=100_000_000)
    monkeypatch.setattr(environment_module.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(SetupError, match=r"needs 0\.9 GB .*, 0\.1 GB are free"):
        Environment(checkout.root).prepare("base")
    assert not (checkout.root / ".venv").exists()


def test_unwritable_folder(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *arguments: Any, **options: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)  # chmod would not stop root
    with pytest.raises(SetupError, match=r"cannot use .*\.venv\.lock") as caught:
        Environment(checkout.root).prepare("base")
    assert "folder that you can write to" in caught.value.hint


def test_no_venv_module(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = shutil.which("false")
    assert broken
    monkeypatch.setattr(environment_module.sys, "executable", broken)
    with pytest.raises(SetupError, match="cannot make a virtual environment") as caught:
        Environment(checkout.root).prepare("base")
    assert "python3-venv" in caught.value.hint


def refusing(*words: str) -> Callable[..., int]:
    """pip's `run_logged`, but commands with one of these words fail."""
    real = pip.run_logged

    def run(command: Sequence[str], log: Path, *rest: Any) -> int:
        return 1 if any(word in command for word in words) else real(command, log, *rest)

    return run


def test_pip_of_the_system_serves_when_none_is_bundled(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in checkout.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(environment_module.pip, "run_logged", refusing("ensurepip"))
    wheel = next(Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl"), None)
    if wheel is None:
        pytest.skip("this Python bundles no pip")
    shutil.copy(wheel, checkout.wheels)
    _pin_hash_of(wheel, checkout)
    Environment(checkout.root).prepare("base")
    assert checkout.installed() == "1.0"


def _pin_hash_of(wheel: Path, checkout: Checkout) -> None:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    for lock in checkout.root.glob("*.lock"):
        text = lock.read_text(encoding="utf-8")
        lock.write_text(text.replace("0" * 64, digest), encoding="utf-8")


def test_no_pip_at_all(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment_module.pip, "run_logged", refusing("ensurepip", "pip"))
    with pytest.raises(SetupError, match="pip does not work") as caught:
        Environment(checkout.root).prepare("base")
    assert "python3-venv" in caught.value.hint


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", "the disk is full"),
        ("OSError: [Errno 122] Disk quota exceeded", "the disk is full"),
        ("SSLError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] self-signed", "certificate"),
        ("ProxyError('Cannot connect to proxy.')\nERROR: No matching distribution", "cannot reach"),
        ("Temporary failure in name resolution')': /simple/numpy/", "cannot reach"),
        (
            "(from versions: none)\nERROR: No matching distribution found for rich",
            "index has no rich",
        ),
        ("ERROR: No matching distribution found for ziglang==0.17.0", "ziglang==0.17.0 has no"),
        ("ERROR: [Errno 13] Permission denied: '/x/.venv/lib'", "cannot write to /x/.venv/lib"),
        ("ERROR: [Errno 30] Read-only file system: '/x'", "cannot write to /x"),
        ("/x/.venv/bin/python: No module named pip", "pip does not work"),
    ],
)
def test_what_pip_says_is_understood(said: str, understood: str) -> None:
    error = pip.failure(f"Collecting numpy\n{said}\n", SetupError("not understood"))
    assert understood in error.message
    assert error.hint
    assert error.exit_code == 4


def test_foreign_environment_is_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap.sys, "prefix", "/somewhere/else")
    monkeypatch.setattr(bootstrap, "find_spec", lambda name: None)
    with pytest.raises(SetupError, match="tensorflow is not installed") as caught:
        bootstrap.ensure("train")
    assert "pip install -e '.[train]'" in caught.value.hint


@pytest.mark.parametrize("version", ["2.7.18", "3.6.15", "3.9.18"])
def test_older_python_is_refused_by_name(version: str, checkout: Checkout) -> None:
    python = Path.home() / ".pyenv" / "versions" / version / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no Python {version} here")
    result = checkout.run(python=str(python))
    assert_one_message(result, "tinydeploy runs on Python 3.10 to 3.13", f"this is {version}")


def test_newer_python_is_refused(checkout: Checkout) -> None:
    starter = checkout.root / "scripts" / "starter.py"
    text = starter.read_text(encoding="utf-8")
    starter.write_text(text.replace("NEWEST = (3, 13)", "NEWEST = (3, 9)"), encoding="utf-8")
    assert_one_message(checkout.run(), "but this is 3.", sys.executable)


@pytest.mark.parametrize("script", OLD_SCRIPTS, ids=lambda path: path.name)
def test_scripts_have_no_syntax_that_old_pythons_lack(script: Path) -> None:
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        assert not isinstance(node, (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Starred))
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None
