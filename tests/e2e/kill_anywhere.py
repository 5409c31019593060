"""Kills `deploy` at every moment that something is written, and looks whether the next is right.

    python tests/e2e/kill_anywhere.py [--every 1] [--random 100] [--seed 1]

Two models take turns in one file, so that all they share is there to be mixed up: build folder,
objects, keys. They have the same shapes and other weights: a mixture builds, and answers. Each run
is killed with SIGKILL, supervisor and command at once, at the next moment of those that
killing/sitecustomize.py counts in deploy, PlatformIO and SCons; `--random` kills come at any time,
the compiler's included. After each, no process may be left, and an undisturbed run, in turn of the
model that was killed and of the one before it, has to report what it reports on a fresh checkout.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import marked
from tinydeploy import models, sources
from tinydeploy.config import BUILD_DIR, ROOT
from tinydeploy.graph import read_tflite

HERE = Path(__file__).resolve().parent
LIMIT_S = 2.0  # for everything to be gone
VECTORS = 10
ENGINES = ("compiled", "interpreter")
FIELDS = (
    *("hashes.model", "hashes.firmware", "hashes.build", "hashes.outputs"),
    *("parity.mismatching_bytes", "cycles.mean", "size.flash_bytes", "size.arena_bytes"),
)


@dataclass(frozen=True)
class Job:
    """What to deploy: one of two models, by one of the engines."""

    model: int
    engine: str


@dataclass
class Tally:
    """What came of the kills."""

    kills: int = 0
    late: int = 0
    left: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Campaign:
    """Deploys of one file under build/, and what they report undisturbed."""

    def __init__(self, scratch: Path, board: str, seed: int) -> None:
        self.board, self.draw = board, random.Random(seed)
        self._file, self._count = scratch / "net.tflite", scratch / "count"
        self._models = twins()
        self._known: dict[Job, dict[str, Any]] = {}
        self.moments: dict[Job, int] = {}
        self.took_s: dict[Job, float] = {}
        self.tally = Tally()

    def prepare(self) -> None:
        """What each job reports with nothing built before it, and how many moments it has."""
        for job in [Job(model, engine) for engine in ENGINES for model in (0, 1)]:
            self.forget()
            self._known[job] = self.report(job)
        for job in self._known:
            self.report(Job(1 - job.model, job.engine))
            self._count.unlink(missing_ok=True)
            started = time.monotonic()
            self._wait(self._start(job, counted=True))
            self.took_s[job] = time.monotonic() - started
            self.moments[job] = self._count.stat().st_size

    def forget(self) -> None:
        """As a fresh checkout, but for what PlatformIO keeps beside the objects."""
        for folder in (BUILD_DIR / sources.folder_name(self._file), BUILD_DIR / "pio"):
            shutil.rmtree(folder, ignore_errors=True)

    def kill_at(self, job: Job, moment: int, then: Job) -> None:
        """Kill `job` at a moment; `then` has to be right."""
        self._count.unlink(missing_ok=True)
        process = self._start(job, at=moment, counted=True)
        self._wait(process)
        self._look(f"{job} at moment {moment}", process.returncode == -signal.SIGKILL, then)

    def kill_after(self, job: Job, seconds: float, then: Job) -> None:
        """Kill `job` after some time; `then` has to be right."""
        process = self._start(job)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            if self.draw.random() < 0.5:
                process.kill()  # the supervisor alone, as most do
            else:
                os.killpg(process.pid, signal.SIGKILL)
        self._wait(process)
        self._look(f"{job} after {seconds:.3f} s", process.returncode == -signal.SIGKILL, then)

    def _look(self, what: str, killed: bool, then: Job) -> None:
        self.tally.kills += killed
        self.tally.late += not killed
        if left := _await_end(self._mark):
            self.tally.left.append(f"{what}: {left} processes")
        self._restore(what, then)

    def _restore(self, what: str, then: Job) -> None:
        found = self.report(then)
        wrong = [name for name in FIELDS if found.get(name) != self._known[then][name]]
        if wrong:
            self.tally.wrong.append(f"{what}, then {then}: {', '.join(wrong)}")
            self.forget()

    def report(self, job: Job) -> dict[str, Any]:
        """The fields of an undisturbed run; what it said instead under "error"."""
        process = self._start(job)
        said, errors = process.communicate()
        if process.returncode:
            return {"error": errors}
        whole = json.loads(said)
        parts = (name.split(".") for name in FIELDS)
        return {f"{part}.{key}": whole[part][key] for part, key in parts}

    def _start(self, job: Job, *, at: int = 0, counted: bool = False) -> subprocess.Popen[str]:
        self._file.write_bytes(self._models[job.model])
        self._mark = marked.new()
        environment = {**os.environ, marked.MARK: self._mark}
        if counted:
            path = os.pathsep.join([str(HERE / "killing"), os.environ.get("PYTHONPATH", "")])
            more = {"PYTHONPATH": path, "TINYDEPLOY_KILL_COUNT": str(self._count)}
            environment |= {**more, "TINYDEPLOY_KILL_AT": str(at)}
        command = [sys.executable, "-m", "tinydeploy", "deploy", "--board", self.board, "--json"]
        command += ["--model", str(self._file), "--engine", job.engine, "--vectors", str(VECTORS)]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=pipe,
            stderr=pipe,
            text=True,
            start_new_session=True,
        )

    @staticmethod
    def _wait(process: subprocess.Popen[str]) -> None:
        process.communicate()


def twins() -> tuple[bytes, bytes]:
    """A model, and one that differs in its weights alone."""
    data = models.load("sine").tflite().read_bytes()
    constants = [t.data for t in read_tflite.load(data).main.tensors if t.is_constant]
    weights = max((value.tobytes() for value in constants if value is not None), key=len)
    at = data.index(weights)
    turned = weights[::-1]
    return data, data[:at] + turned + data[at + len(weights) :]


def _await_end(mark: str) -> int:
    """How many processes are left after the time that they have."""
    left = marked.await_end(mark, LIMIT_S)
    marked.kill(mark)
    return len(left)


def run(campaign: Campaign, every: int, at_random: int) -> Iterator[str]:
    """All kills, each told in a line."""
    state = Job(1, ENGINES[-1])
    campaign.report(state)
    most = {engine: max(campaign.moments[Job(m, engine)] for m in (0, 1)) for engine in ENGINES}
    moments = [(engine, k) for engine in ENGINES for k in range(1, most[engine] + 1, every)]
    campaign.draw.shuffle(moments)  # so that engines alternate
    for number, (engine, moment) in enumerate(moments):
        job = Job(1 - state.model, engine)  # the model that is not there: there is work to do
        state = job if number % 2 else state
        campaign.kill_at(job, moment, state)
        yield f"{engine} {job.model} at moment {moment} of {most[engine]}"
    for number in range(at_random):
        job = Job(1 - state.model, ENGINES[number // 2 % 2])
        state = job if number % 2 else state
        after_s = campaign.draw.uniform(0, campaign.took_s[job])
        campaign.kill_after(job, after_s, state)
        yield f"{job.engine} {job.model} after {after_s:.3f} s"


def summary(campaign: Campaign, seconds: float) -> str:
    """The counts."""
    tally = campaign.tally
    moments = ", ".join(str(count) for count in campaign.moments.values())
    lines = [
        f"{tally.kills} kills, {tally.late} runs ended before; moments of the four deploys: "
        f"{moments}; {seconds / 60:.0f} minutes",
        f"{len(tally.left)} left processes behind after {LIMIT_S:g} s",
        f"{len(tally.wrong)} followed by a report that differs in one of {len(FIELDS)} fields",
    ]
    return "\n".join([*lines, *tally.left, *tally.wrong])


def main() -> int:
    """Returns 1 if a kill did harm."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--every", type=int, default=1, help="each n-th moment only")
    parser.add_argument("--random", type=int, default=100, help="kills at any time besides")
    parser.add_argument("--board", default="nano33")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(Path(folder), options.board, options.seed)
        campaign.prepare()
        print(f"moments: {campaign.moments}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):  # what was done until then is told
            for number, told in enumerate(run(campaign, options.every, options.random), 1):
                tally = campaign.tally
                harm = len(tally.left) + len(tally.wrong)
                print(f"{number:5} {told}; {tally.kills} killed, {harm} harmed", flush=True)
    print(summary(campaign, time.monotonic() - started))
    return 1 if campaign.tally.left or campaign.tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
