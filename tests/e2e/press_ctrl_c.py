"""Presses Ctrl-C at random moments of all commands, and counts what came of it.

    python tests/e2e/press_ctrl_c.py --count 200 --seed 1 [--record docs/interrupts.md]

Each command runs on a terminal of its own, and the key is what a keyboard sends. A press counts as
heard when the exit code is 130, within two seconds, and no process and no lock is left. Python's
own start (some 30 ms, before the first line of ours) is left out: nothing of ours runs there.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pty
import random
import select
import shutil
import signal
import sys
import tempfile
import termios
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import marked
from tinydeploy.config import BUILD_DIR, ROOT

LIMIT_S = 2.0
GONE_S = 0.5  # that the system may take to reap what was killed
CTRL_C = b"\x03"
ENDED = "ended before"


@dataclass(frozen=True)
class Press:
    """What one press did.

    Attributes:
        after_s: from the start to the press.
        took_s: from the press to the end.
    """

    command: str
    after_s: float
    code: int
    took_s: float
    processes: int
    locks: int
    links: int

    @property
    def heard(self) -> bool:
        """Whether it did what it has to."""
        left = self.processes + self.locks + self.links
        return self.code == 130 and self.took_s < LIMIT_S and not left


@dataclass(frozen=True)
class Trial:
    """A command, how long it may run before it is pressed, and what makes it do its work anew."""

    arguments: list[str]
    up_to_s: float
    before: Callable[[], None] = field(default=lambda: None)

    @property
    def name(self) -> str:
        """The command's, with what tells trials of one command apart."""
        options = [word for word in self.arguments[1:] if word.startswith("--")][:1]
        return " ".join([self.arguments[0], *options])


def trials(scratch: Path) -> list[Trial]:
    """One or more of each command; none writes into the checkout but under build/."""
    model, out = str(scratch / "mine.tflite"), str(scratch / "out")
    keras = str(scratch / "net.keras")
    link = str(scratch / "board")
    anew = ("--force", "--model")
    return [
        Trial(["deploy", *anew, model, "--vectors", "all"], 6, lambda: _forget(model)),
        Trial(["deploy", "--board", "host", *anew, model], 12, lambda: _forget(model)),
        Trial(["deploy", "--count", "2", "--model", "kws"], 8),
        Trial(["build", "--model", model, "--engine", "interpreter"], 8, lambda: _forget(model)),
        Trial(["verify", "--explain", "--model", "kws"], 4),
        Trial(["bench", "--models", "sine", "kws"], 10),
        Trial(["bench", "startup"], 6),
        Trial(["train", "sine", "--out", out], 20),
        Trial(["evaluate", "--data", str(scratch / "clips"), "--target", "simulator"], 12),
        Trial(["convert", keras, "--out", str(scratch / "net.tflite")], 12),
        Trial(["compile", "--model", "kws", "--out", out], 2),
        Trial(["inspect", model, "--board", "nano33"], 2),
        Trial(["flash", "--board", "nano33", "--port", str(scratch / "none")], 0.5),
        Trial(["simulate", "--pty", "--model", "sine", "--link", link], 5),
        Trial(["simulate", "--bootloader", "--model", "sine", "--link", link], 5),
        Trial(["push", "kws", "--board", "nano33"], 6),
        Trial(["status", "--board", "host"], 4),
        Trial(["power-cuts", "--every", "100"], 10),
        Trial(["mlperf", "--model", "sine", "--seconds", "1000"], 10),
        Trial(["mlperf", "--mode", "accuracy", "--model", "kws"], 10),
        Trial(["doctor"], 1),
        Trial(["boards"], 0.4),
        Trial(["models"], 0.4),
        Trial(["completion", "bash"], 0.4),
        Trial(["fuzz", "--minutes", "1", "--out", out], 15),
        Trial(["fuzz", "--jobs", "2", "--minutes", "1", "--out", out], 15),
        Trial(["fuzz", "frames", "10000000"], 10),
        Trial(["fuzz", "hostile", "10000", "--out", out], 10),
        Trial(["ops", "--json"], 2),
        Trial(["tune", "kws"], 10),
        Trial(["patches", "kws"], 5),
        Trial(["trade", "sine"], 8),
        Trial(["estimates"], 20),
    ]


def _forget(model: str) -> None:
    """Let it be compiled, built and verified anew."""
    for folder in BUILD_DIR.glob(f"{Path(model).stem}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def press(trial: Trial, after_s: float) -> Press | str:
    """Start, press, look; or why it was not pressed."""
    mark = marked.new()
    process, terminal = _start(trial.arguments, mark)
    try:
        _await_supervisor(process)
        if not _drain(terminal, after_s):
            os.waitpid(process, 0)
            return ENDED
        pressed = time.monotonic()
        os.write(terminal, CTRL_C)
        code = _exit_code(process, terminal)
        took_s = time.monotonic() - pressed
        time.sleep(GONE_S)
        left = (len(marked.find(mark)), _held_locks(), _links(trial))
        return Press(trial.name, after_s, code, took_s, *left)
    finally:
        os.close(terminal)
        marked.kill(mark)


def _start(arguments: list[str], mark: str) -> tuple[int, int]:
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(ROOT)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        environment = {**os.environ, marked.MARK: mark, "COLUMNS": "100"}
        command = [sys.executable, "-m", "tinydeploy", *arguments]
        os.execve(sys.executable, command, environment)
    with contextlib.suppress(termios.error):
        termios.tcgetattr(terminal)
    return process, terminal


def _await_supervisor(process: int) -> None:
    """Until it has its child: it waits for signals then."""
    folder = Path(f"/proc/{process}")
    while not (folder / f"task/{process}/children").read_text():
        if "State:\tZ" in (folder / "status").read_text():
            return
        time.sleep(0.001)


def _drain(terminal: int, seconds: float) -> bool:
    """Read what is said; whether the program still runs then."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            try:
                if not os.read(terminal, 65536):
                    return False
            except OSError:  # Linux: the other end was closed
                return False
    return True


def _exit_code(process: int, terminal: int) -> int:
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        _drain(terminal, 0.005)
        time.sleep(0.002)


def _held_locks() -> int:
    """Lock files of ours that somebody holds."""
    import fcntl

    held = 0
    for path in [*BUILD_DIR.glob("locks/*.lock"), *BUILD_DIR.glob("*.lock")]:
        with contextlib.suppress(FileNotFoundError), path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held += 1
    return held


def _links(trial: Trial) -> int:
    """Links that `--link` made and that are still there."""
    if "--link" not in trial.arguments:
        return 0
    path = Path(trial.arguments[trial.arguments.index("--link") + 1])
    left = int(os.path.lexists(path))
    path.unlink(missing_ok=True)
    return left


def campaign(count: int, seed: int, scratch: Path) -> Iterator[Press]:
    """`count` presses, each command in turn; moments that come after its end are drawn again."""
    draw = random.Random(seed)
    all_trials = trials(scratch)
    longest = {trial.name: trial.up_to_s for trial in all_trials}
    for index in range(count):
        trial = all_trials[index % len(all_trials)]
        found: Press | str = ENDED
        while not isinstance(found, Press):
            trial.before()
            after_s = draw.uniform(0, longest[trial.name])
            found = press(trial, after_s)
            if not isinstance(found, Press):
                longest[trial.name] = after_s
        yield found


def summary(presses: list[Press], seed: int) -> str:
    """The counts, a row a command."""
    lines = [
        f"{len(presses)} presses of Ctrl-C, seed {seed}: "
        f"{sum(press.heard for press in presses)} heard",
        "",
        "| command | presses | exit 130 | longest, s | processes left | locks left | links left |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name in dict.fromkeys(press.command for press in presses):
        mine = [press for press in presses if press.command == name]
        lines.append(
            f"| `{name}` | {len(mine)} | {sum(press.code == 130 for press in mine)} "
            f"| {max(press.took_s for press in mine):.2f} | {sum(p.processes for p in mine)} "
            f"| {sum(p.locks for p in mine)} | {sum(p.links for p in mine)} |"
        )
    return "\n".join(lines)


def make_files(scratch: Path) -> None:
    """A model of the user's own, and a net in Keras to convert."""
    from tinydeploy import models, tools

    shutil.copy(models.load("kws").tflite(), scratch / "mine.tflite")
    code = (
        "import sys, keras\n"
        "net = keras.Sequential([keras.Input((8, 8, 1), batch_size=1), keras.layers.Conv2D(4, 3), "
        "keras.layers.Flatten(), keras.layers.Dense(3)])\n"
        "net.save(sys.argv[1])"
    )
    tools.run([sys.executable, "-c", code, scratch / "net.keras"], what="making a net")
    (scratch / "clips" / "yes").mkdir(parents=True)
    for number in range(100):
        with wave.open(str(scratch / "clips" / "yes" / f"{number}.wav"), "wb") as clip:
            clip.setparams((1, 2, 16_000, 0, "NONE", ""))
            clip.writeframes(random.Random(number).randbytes(32_000))


def main() -> int:
    """Returns 1 if a press was not heard."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--record", type=Path, metavar="FILE", help="write a page")
    options = parser.parse_args()
    presses: list[Press] = []
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder))
        for each in campaign(options.count, options.seed, Path(folder)):
            presses.append(each)
            mark = "" if each.heard else "   <- not heard"
            print(
                f"{len(presses):4} {each.command:<28} after {each.after_s:5.2f} s: exit "
                f"{each.code}, {each.took_s:.2f} s{mark}",
                flush=True,
            )
    text = summary(presses, options.seed)
    print(text)
    if options.record:
        options.record.write_text(page(text, options), encoding="utf-8")
    return 0 if all(press.heard for press in presses) else 1


def page(text: str, options: argparse.Namespace) -> str:
    """docs/interrupts.md."""
    return (
        "# Ctrl-C\n\n"
        "Made by `python tests/e2e/press_ctrl_c.py "
        f"--count {options.count} --seed {options.seed} --record docs/interrupts.md`: each command "
        "on a terminal of\nits own, the key at a random moment while it runs. Heard means exit "
        f"code 130 within {LIMIT_S:g} s, and no process, no\nlock and no link of `--link` left.\n\n"
        f"{text}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
