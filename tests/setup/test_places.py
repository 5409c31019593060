"""Users without a home, without rights, or in a hurry: the cause and what to do, in one line."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from tinydeploy import bootstrap, cli, config
from tinydeploy.errors import SetupError, of_system


def test_without_a_home_the_cache_is_in_the_build_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("TINYDEPLOY_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(config.Path, "home", no_home)
    assert config.cache_dir() == config.BUILD_DIR / "cache"


def test_with_a_home_that_is_not_writable_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINYDEPLOY_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nobody/cache")
    monkeypatch.setattr(config.os, "access", lambda path, mode: False)  # root may write anywhere
    assert config.cache_dir() == config.BUILD_DIR / "cache"


def test_a_foreign_owner_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    error = of_system(PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "new")))
    assert isinstance(error, SetupError)
    assert str(tmp_path) in error.hint
    assert "you are uid 54321" in error.hint
    assert "clone of your own" in error.hint


def test_a_read_only_checkout_is_called_that() -> None:
    error = of_system(OSError(errno.EROFS, "Read-only file system", "/x/.venv.lock"))
    assert error is not None
    assert "/x/.venv.lock: it is on a read-only file system" in error.message
    assert of_system(OSError(errno.EPIPE, "Broken pipe")) is None


def test_what_the_system_refuses_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(options: object, ui: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", "/x/build/kws/plan")

    monkeypatch.setattr("tinydeploy.commands.compile.run", refuse)
    assert cli.main(["compile"]) == 4
    said = capsys.readouterr().err
    assert "cannot use /x/build/kws/plan: Permission denied" in " ".join(said.split())


@pytest.mark.parametrize("wrong", ["model", "representative"])
def test_convert_looks_for_its_files_before_it_installs_tensorflow(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wrong: str
) -> None:
    monkeypatch.setattr(bootstrap, "ensure", lambda layer: pytest.fail("installs TensorFlow"))
    there = tmp_path / "there.keras"
    there.write_bytes(b"")
    missing = str(tmp_path / "nosuch.keras")
    arguments = [missing] if wrong == "model" else [str(there), "--representative", missing]
    assert cli.main(["convert", *arguments]) == 3
