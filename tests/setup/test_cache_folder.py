"""Programs lie in the cache and are run: nobody else may decide which."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tinydeploy import cli, config, locks, tools
from tinydeploy.errors import SetupError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="owners and modes")
NOBODY = 65534
needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root gives files away"
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "a/cache"
    monkeypatch.setenv("TINYDEPLOY_CACHE", str(folder))
    return folder


def test_it_is_made_for_this_user_alone(cache: Path) -> None:
    assert config.cache_dir() == cache
    assert cache.stat().st_mode & 0o777 == 0o700
    assert config.cache_dir() == cache


def test_one_that_all_may_write_to_is_refused(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o1777)  # sticky as /tmp: others cannot replace, but put there what is missing
    with pytest.raises(SetupError, match="everybody may write to"):
        config.cache_dir()
    assert cli.main(["deploy", "--model", "sine"]) == 4
    assert "Traceback" not in capsys.readouterr().err


def test_a_way_there_that_others_can_change_is_refused(cache: Path) -> None:
    cache.mkdir(parents=True)
    cache.parent.chmod(0o777)
    with pytest.raises(SetupError, match="everybody may write to"):
        config.cache_dir()
    cache.parent.chmod(0o1777)  # as /tmp is
    assert config.cache_dir() == cache


@needs_root
def test_another_users_is_refused(cache: Path) -> None:
    cache.mkdir(parents=True)
    os.chown(cache, NOBODY, NOBODY)
    with pytest.raises(SetupError, match=f"belongs to user {NOBODY}"):
        config.cache_dir()


@needs_root
def test_another_users_link_is_refused(cache: Path, tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    cache.parent.mkdir()
    cache.symlink_to(real)
    assert config.cache_dir() == cache, "a link of one's own is fine"
    os.lchown(cache, NOBODY, NOBODY)
    with pytest.raises(SetupError, match="belongs to user"):
        config.cache_dir()


@needs_root
def test_a_default_that_is_not_ours_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TINYDEPLOY_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert config.cache_dir() == tmp_path / "tinydeploy"
    os.chown(tmp_path / "tinydeploy", NOBODY, NOBODY)
    assert config.cache_dir() == config.BUILD_DIR / "cache"


def test_a_lock_is_not_led_away(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "a.lock"
    victim.write_text("mine")
    link.symlink_to(victim)
    with pytest.raises(OSError, match="symbolic link"):
        locks.open_file(link)
    assert victim.read_text() == "mine"


def test_a_program_that_finds_the_disk_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own words, or by what is left of the disk, where it had none."""
    says = [sys.executable, "-c", "print('ld.lld: No space left on device'); exit(1)"]
    with pytest.raises(SetupError, match="the disk is full"):
        tools.run(says, what="the link")
    dies = ["sh", "-c", "kill -BUS $$"]
    told = os.statvfs("/")
    left = os.statvfs_result([*told[:4], 1, *told[5:]])
    with pytest.raises(tools.BuildError):
        tools.run(dies, what="the link")
    monkeypatch.setattr(os, "statvfs", lambda _: left)
    with pytest.raises(SetupError, match=r"the disk is full: .* bytes are left at"):
        tools.run(dies, what="the link")


@pytest.mark.parametrize("arguments", [["models"], ["models", "--json"], ["boards", "--json"]])
def test_a_full_standard_output_is_told(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tinydeploy", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 4
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["error", "hint"]


def test_a_library_that_finds_the_disk_full(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """TensorFlow's class for it has nothing to do with OSError."""

    def exhausted(options: object, ui: object) -> int:
        raise RuntimeError("{{function_node}} /x/events.v2; No space left on device")

    monkeypatch.setattr("tinydeploy.commands.compile.run", exhausted)
    assert cli.main(["compile"]) == 4
    assert "the disk is full" in capsys.readouterr().err
