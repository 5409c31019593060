"""Ctrl-C ends every command within two seconds, with 130, and nothing is left behind.

`python tests/e2e/press_ctrl_c.py` presses it at random moments of all commands.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import marked
import pytest
from tinydeploy import boards, images, interrupts, simulate, sources, tools
from tinydeploy.stages.build_options import DEFAULT
from tinydeploy.ui import Ui

LIMIT_S = 2.0

Start = Callable[..., "subprocess.Popen[str]"]


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    """Read its output up to a line with `text`."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(f"ended before it said {text!r}")


def assert_ended(process: subprocess.Popen[str], since_s: float, mark: str, code: int = 130) -> str:
    output, _ = process.communicate(timeout=20)
    assert process.returncode == code, output
    assert time.monotonic() - since_s < LIMIT_S
    assert marked.find(mark) == {}
    return output


SUPERVISED = """
import sys
from tinydeploy import supervise
signals_may_come = supervise.start()
from tinydeploy import interrupts, tools
interrupts.install(for_good=True)
signals_may_come()
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_deaf_code_and_its_children_end(start: Start, mark: str, ending: int) -> None:
    """Deep in C code that hears no signal; with a program that started another one."""
    deaf = f"""{SUPERVISED}
import signal, subprocess
tools.start_piped(["sh", "-c", "sleep 60 & sleep 60"], what="the test")
for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)
print("here", flush=True)
while True: pass
"""
    process = start("-c", deaf)
    wait_for(process, "here")
    pressed = time.monotonic()
    process.send_signal(ending)
    assert "interrupted" in assert_ended(process, pressed, mark, 128 + ending)


def test_an_interrupt_that_got_lost_counts(start: Start, mark: str) -> None:
    """Raised where Python ignores exceptions, or taken by a library: 130 all the same."""
    lost = f"""{SUPERVISED}
import contextlib, os, signal, time
class Lost:
    def __del__(self): os.kill(os.getpid(), signal.SIGINT); time.sleep(0.2)
print("here", flush=True)
Lost()
from tinydeploy.cli import main
sys.exit(main(["models"]))
"""
    process = start("-c", lost)
    wait_for(process, "here")
    assert_ended(process, time.monotonic(), mark)


def test_pressed_again_and_again(start: Start, mark: str) -> None:
    """The cleaning up is not disturbed."""
    cleaning = f"""{SUPERVISED}
import time
try:
    print("here", flush=True)
    time.sleep(60)
finally:
    time.sleep(0.5)
    print("cleaned up", flush=True)
"""
    process = start("-c", cleaning)
    wait_for(process, "here")
    pressed = time.monotonic()
    for _ in range(4):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.05)
    assert "cleaned up" in assert_ended(process, pressed, mark)


def test_a_failure_keeps_its_code(start: Start, mark: str) -> None:
    for text, code in (("sys.exit(5)", 5), ("import os; os.abort()", 128 + signal.SIGABRT)):
        assert_ended(start("-c", SUPERVISED + text), time.monotonic() + 5, mark, code)


def test_killed_with_everything_it_started(start: Start, mark: str) -> None:
    """Nobody can clean up after SIGKILL: the system does."""
    script = f"""{SUPERVISED}
tools.start_piped(["sleep", "60"], what="the test")
print("here", flush=True)
tools.run(["sleep", "60"], what="the test")
"""
    process = start("-c", script)
    wait_for(process, "here")
    process.kill()
    assert marked.await_end(mark, LIMIT_S) == {}


def test_ignored_where_the_shell_wants_it_so(mark: str) -> None:
    """`command &` in a script: Ctrl-C is for what runs in front."""
    script = f"{SUPERVISED}\nimport time\ntime.sleep(0.5)\nsys.exit(3)"
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 3


@pytest.mark.parametrize("option", ["--pty", "--bootloader"])
def test_simulate_takes_its_link_away(start: Start, mark: str, tmp_path: Path, option: str) -> None:
    link = tmp_path / "board"
    arguments = ("--board", "nano33", "--model", "sine", option, "--link", link)
    process = start("-m", "tinydeploy", "simulate", *arguments)
    wait_for(process, "Ctrl-C ends it")
    while not link.is_symlink():
        assert process.poll() is None
    pressed = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert "Traceback" not in assert_ended(process, pressed, mark)
    assert not link.is_symlink()


def test_mlperf(start: Start, mark: str) -> None:
    """Went on after three of four: the interrupt was lost in a callback of the simulator."""
    process = start("-m", "tinydeploy", "mlperf", "--model", "sine", "--seconds", "1000")
    wait_for(process, "sine on")
    time.sleep(0.2)
    pressed = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert "interrupted" in assert_ended(process, pressed, mark)


@pytest.mark.parametrize("native", [True, False])
def test_the_simulator_hears_each_one(native: bool) -> None:
    """Hundreds, at any instruction and in any callback; the board goes on where it was."""
    quiet, board = Ui(quiet=True), boards.load("nano33")
    source = sources.resolve("sine", None, False, None, quiet)
    elf = images.make_image(source, board, DEFAULT, quiet)[1].elf
    device = simulate.open(board, elf, simulate.Options(native=native))

    def work(timer: threading.Timer) -> None:
        timer.start()
        while True:
            device.write(b"what is no frame keeps it at work")
            device.run(0.01)

    for index in range(100):
        timer = threading.Timer(0.002 + index * 37e-6, os.kill, [os.getpid(), signal.SIGINT])
        try:
            with pytest.raises(KeyboardInterrupt):
                work(timer)
        finally:
            timer.cancel()


def test_the_campaign_knows_all_commands(tmp_path: Path) -> None:
    import press_ctrl_c
    from tinydeploy import cli

    pressed = {trial.arguments[0] for trial in press_ctrl_c.trials(tmp_path)}
    parser = cli.make_parser()
    for trial in press_ctrl_c.trials(tmp_path):
        parser.parse_args(trial.arguments)
    assert pressed == set(cli.command_names(parser))


def test_workers_hear_it_too() -> None:
    interrupts.state.requested = True
    raised: list[BaseException] = []

    def work() -> None:
        try:
            tools.run([sys.executable, "-c", ""], what="the test")
        except KeyboardInterrupt as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert raised
    assert not interrupts.requested()
