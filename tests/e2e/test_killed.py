"""SIGKILL, which nobody can clean up after: nothing is left running within two seconds.

`python tests/e2e/kill_anywhere.py` kills deploys at every moment at which they write something.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import marked
import pytest
from tinydeploy import tools
from tinydeploy.errors import BuildError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the system tells of deaths")

LIMIT_S = 2.0
SUPERVISED = """
import signal, subprocess, sys
from tinydeploy import supervise
signals_may_come = supervise.start()
from tinydeploy import interrupts, tools
interrupts.install(for_good=True)
signals_may_come()
"""
# With a child, and a child in a session of its own that ignores what can be ignored.
ENDLESS = "trap '' TERM HUP INT; setsid sleep 60 & sleep 60 & sleep 60"

Start = Callable[..., "subprocess.Popen[str]"]


def await_process(mark: str, word: str, count: int = 1) -> None:
    """Until so many processes have a word in their command line."""
    deadline_s = time.monotonic() + 60
    while sum(word in line for line in marked.find(mark).values()) < count:
        assert time.monotonic() < deadline_s, marked.find(mark)
        time.sleep(0.01)


def assert_all_gone(mark: str) -> None:
    assert marked.await_end(mark, LIMIT_S) == {}


def kill(process: subprocess.Popen[str], who: str) -> None:
    if who == "all":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill({"supervisor": process.pid, "command": int(children[0])}[who], signal.SIGKILL)


@pytest.mark.parametrize("call", ["tools.run", "tools.start_piped"])
@pytest.mark.parametrize("who", ["supervisor", "command", "all"])
def test_programs_end_with_their_children(start: Start, mark: str, who: str, call: str) -> None:
    then = "import time; time.sleep(60)"
    process = start(
        "-c", f"{SUPERVISED}\n{call}(['sh', '-c', {ENDLESS!r}], what='the test')\n{then}"
    )
    await_process(mark, "sleep 60", 4)  # `sh` has the words, too
    kill(process, who)
    assert_all_gone(mark)


@pytest.mark.parametrize("before", ["", "import os; os.close(0)"], ids=["", "without stdin"])
def test_a_command_that_hears_nothing_ends_after_its_supervisor(
    start: Start, mark: str, before: str
) -> None:
    """In C code, or here: ignored."""
    deaf = "for n in (signal.SIGTERM, signal.SIGINT): signal.signal(n, signal.SIG_IGN)"
    process = start(
        "-c", f"{before}\n{SUPERVISED}\n{deaf}\nprint('here', flush=True)\nwhile True: pass"
    )
    assert process.stdout
    assert process.stdout.readline() == "here\n"
    kill(process, "supervisor")
    assert_all_gone(mark)


def test_a_command_that_hears_may_clean_up(start: Start, mark: str, tmp_path: Path) -> None:
    tidy = f"""{SUPERVISED}
import pathlib, time
try:
    print("here", flush=True)
    time.sleep(60)
finally:
    time.sleep(0.3)
    pathlib.Path({str(tmp_path / "cleaned")!r}).touch()
"""
    process = start("-c", tidy)
    assert process.stdout
    process.stdout.readline()
    kill(process, "supervisor")
    assert_all_gone(mark)
    assert (tmp_path / "cleaned").is_file()


def test_a_program_that_takes_too_long_ends_with_its_children(mark: str) -> None:
    """While we go on: nobody else would end them."""
    command = ["sh", "-c", ENDLESS]
    with pytest.raises(BuildError, match="did not finish"):
        tools.run(command, what="it", env={marked.MARK: mark}, timeout_s=0.5)
    assert marked.find(mark) == {}


def test_a_program_with_pipes_is_ended_with_its_children(mark: str) -> None:
    process = tools.start_piped(["sh", "-c", ENDLESS], what="it", env={marked.MARK: mark})
    await_process(mark, "sleep 60", 4)
    tools.kill(process)
    process.communicate(timeout=LIMIT_S)
    assert process.returncode == -signal.SIGKILL
    assert marked.find(mark) == {}


@pytest.mark.parametrize("who", ["supervisor", "all"])
def test_a_build(start: Start, mark: str, tmp_path: Path, who: str) -> None:
    """PlatformIO, SCons and the compilers, some of which had waited for each other for ever."""
    (tmp_path / "model.h").write_text("")  # not a model: it fails, but the others are compiled
    (tmp_path / "plan.cc").write_text(f"// {mark}\n#include <stddef.h>\n")
    code = f"""{SUPERVISED}
import pathlib
from tinydeploy import boards
from tinydeploy.stages import build
with build.one_at_a_time():
    build.run_platformio(pathlib.Path({str(tmp_path)!r}), boards.load("nano33"), "zig", "")
"""
    process = start("-c", code)
    await_process(mark, "clang")
    kill(process, who)
    assert_all_gone(mark)


def test_what_a_program_leaves_running_ends_with_it() -> None:
    started = time.monotonic()
    done = tools.run(["sh", "-c", "echo one; sleep 60 & echo two; exit 3"], what="it", check=False)
    assert (done.returncode, done.stdout) == (3, "one\ntwo\n")
    assert time.monotonic() - started < LIMIT_S


def test_files_are_closed_but_those_that_are_kept() -> None:
    code = """
import mmap, os, random
from tinydeploy import supervise
COUNT = 12
seen = mmap.mmap(-1, COUNT)
draw = random.Random(1)
null = os.open(os.devnull, os.O_RDWR)
drawn = [draw.sample(range(COUNT), draw.randrange(6)) for _ in range(100)]
for kept in [(), (0,), (0, 1, 2), *drawn]:
    child = os.fork()
    if child == 0:
        for number in range(COUNT):
            os.dup2(null, number)
        supervise.close_all_but(*kept)
        for number in range(COUNT):
            try:
                os.fstat(number)
                seen[number] = 1
            except OSError:
                seen[number] = 0
        os._exit(0)
    os.waitpid(child, 0)
    assert [number for number in range(COUNT) if seen[number]] == sorted(kept), (kept, seen[:])
"""
    done = tools.run([sys.executable, "-c", code], what="it", check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["ABRT", "KILL", "TERM", "SEGV"])
def test_how_a_program_died_is_told(name: str) -> None:
    done = tools.run(["sh", "-c", f"kill -{name} $$"], what="it", check=False)
    assert done.returncode == -getattr(signal, f"SIG{name}")
