"""One run at a time in a folder: who waits says so, and a lock dies with its process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tinydeploy import locks

HOLDER = """
import sys, time
from pathlib import Path
from tinydeploy import locks
with locks.held(Path(sys.argv[1]), print):
    print("inside", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def said() -> list[str]:
    return []


def another_run(folder: Path) -> subprocess.Popen[str]:
    """A process that holds `folder` for a minute, or until it is ended."""
    command = [sys.executable, "-c", HOLDER, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "inside\n"
    return process


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_lock_dies_with_its_process(tmp_path: Path, said: list[str], ending: int) -> None:
    process = another_run(tmp_path)
    threading.Timer(0.3, lambda: process.send_signal(ending)).start()
    with locks.held(tmp_path, said.append):
        assert process.wait(5) != 0
    assert len(said) == 1
    assert f"{tmp_path} is in use by process {process.pid}" in said[0]


def test_nothing_is_left_behind(tmp_path: Path, said: list[str]) -> None:
    with locks.held(tmp_path, said.append):
        assert locks.lock_file(tmp_path).is_file()
    assert not locks.lock_file(tmp_path).exists()
    assert said == []


def test_the_holder_may_enter_again(tmp_path: Path, said: list[str]) -> None:
    with locks.held(tmp_path, said.append), locks.held(tmp_path / "../" / tmp_path.name, print):
        pass
    assert said == []


def test_another_thread_waits(tmp_path: Path, said: list[str]) -> None:
    order: list[str] = []

    def work() -> None:
        with locks.held(tmp_path, said.append):
            order.append("thread")

    with locks.held(tmp_path, said.append):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(0.3)
        order.append("first")
    thread.join()
    assert order == ["first", "thread"]
    assert f"process {os.getpid()}" in said[0]


def test_many_in_turn(tmp_path: Path) -> None:
    """A lock file that its holder removed is no lock: who waited must take the one that is there."""
    count = tmp_path / "count"
    count.write_text("0")

    def add() -> None:
        for _ in range(50):
            with locks.held(tmp_path, lambda who: None):
                count.write_text(str(int(count.read_text()) + 1))

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count.read_text() == "300"
