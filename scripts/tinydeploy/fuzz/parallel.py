"""A campaign in several processes, in chunks whose figures are kept: stopped, it goes on later."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from tinydeploy import whole
from tinydeploy.errors import TinyDeployError, UsageError
from tinydeploy.fuzz import record
from tinydeploy.fuzz.campaign import Campaign, Count, Failure, Tally
from tinydeploy.fuzz.engines import BATCH, engines
from tinydeploy.fuzz.judging import JudgeProcess
from tinydeploy.lower.emit import cross_compile

_PACKAGE = Path(__file__).resolve().parents[1]
_DECIDING = (
    "abi",
    "fuzz",
    "graph",
    "lower",
    "ops",
    "passes",
    "simulate",
    "stages",
)  # rooms of the package
_FOLDERS = ("abi", "any_model", "compiled", "dsp", "kernels", "runtime", "tflm")  # of the firmware


@dataclass(frozen=True)
class Task:
    """What is compared: cases 0 to `cases` of a seed over `names`, see Campaign.

    A task that is gone on with compares whole chunks of BATCH cases.
    """

    names: tuple[str, ...]
    seed: int
    cases: int
    engine: str
    target: str
    folder: Path
    most_failures: int = 10


@dataclass
class State:
    """What is known of a task so far.

    Attributes:
        key: of the task and of all code that decides its figures.
        commit: it began at.
        chunk: cases of one.
        done: chunks, by their first case.
    """

    key: str
    commit: str
    seed: int
    chunk: int
    done: list[int] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    @property
    def end(self) -> int:
        """The number after the last case; those of missing chunks count too."""
        whole = max(self.done) + self.chunk
        return whole if self.missing else min(whole, self.tally.total.cases)

    @property
    def missing(self) -> list[list[int]]:
        """First and last case of the gaps that a stop has left."""
        gaps: list[list[int]] = []
        for first in sorted(set(range(0, max(self.done), self.chunk)) - set(self.done)):
            if gaps and gaps[-1][1] + 1 == first:
                gaps[-1][1] += self.chunk
            else:
                gaps.append([first, first + self.chunk - 1])
        return gaps

    def add(self, first: int, part: Tally) -> None:
        """A chunk is done."""
        self.done.append(first)
        for name, seen in part.subjects.items():
            self.tally.subjects.setdefault(name, Count()).add(seen)
        self.tally.failures += part.failures


def run(
    task: Task,
    jobs: int,
    *,
    kept: Path | None = None,
    seconds: float | None = None,
    progress: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """Compare all cases in `jobs` processes, in the order of their numbers.

    Args:
        kept: file that says what was done, is gone on with, and is written after every chunk.
        seconds: begin no chunk later than that.

    Raises:
        UsageError: the file is of another code.
    """
    state, started = _state(task, kept), time.monotonic()
    waiting = [first for first in range(0, task.cases, BATCH) if first not in set(state.done)]
    waiting.reverse()
    workers = [_Worker(task) for _ in range(min(jobs, len(waiting)))]
    try:
        for worker in workers:
            worker.give(waiting.pop())
        while busy := [worker for worker in workers if worker.chunk is not None]:
            for worker in _ready(busy):
                first, part = worker.take()
                state.add(first, part)
                _keep(state, kept)
                progress(state.tally)
                late = seconds is not None and time.monotonic() - started >= seconds
                enough = late or len(state.tally.failures) >= task.most_failures
                if waiting and not enough:
                    worker.give(waiting.pop())
    finally:
        for worker in workers:
            worker.end()
    return state.tally


class _Worker:
    """A process with engines and a judge of its own.

    Attributes:
        chunk: first case of what it is at.
    """

    def __init__(self, task: Task) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(task, theirs))
        self._process.start()
        theirs.close()
        self.chunk: int | None = None

    @property
    def pipe(self) -> Connection:
        """Where its answers come from."""
        return self._pipe

    def give(self, first: int) -> None:
        """Let it compare the chunk that starts with this case."""
        self.chunk = first
        self._pipe.send(first)

    def take(self) -> tuple[int, Tally]:
        """First case of the chunk and what came of it."""
        assert self.chunk is not None
        try:
            answer = self._pipe.recv()
        except EOFError as error:
            raise TinyDeployError(
                f"the process that compared cases from {self.chunk} on has ended", "see above"
            ) from error
        first, self.chunk = self.chunk, None
        return first, answer

    def end(self) -> None:
        """End the process, whatever it is at; what it started ends with its pipes."""
        self._process.terminate()
        self._process.join()
        self._pipe.close()


def _ready(workers: Sequence[_Worker]) -> Iterator[_Worker]:
    pipes = {id(worker.pipe): worker for worker in workers}
    for pipe in wait([worker.pipe for worker in workers]):
        yield pipes[id(pipe)]


def _serve(task: Task, pipe: Any) -> None:
    judge, used = JudgeProcess(), engines(task.engine, task.target)
    try:
        while True:
            first = pipe.recv()
            campaign = Campaign(task.names, task.seed, used, task.folder, task.most_failures)
            campaign.batch(range(first, min(first + BATCH, task.cases)), judge)
            pipe.send(campaign.tally)
    except (EOFError, KeyboardInterrupt):
        pass
    finally:
        judge.close()
        for engine in used:
            engine.close()


def load(kept: Path) -> State:
    """What a campaign's file holds.

    Raises:
        UsageError: it is none.
    """
    try:
        known = json.loads(kept.read_text(encoding="utf-8"))
        counts = {name: _count(figures) for name, figures in known["subjects"].items()}
        failures = [
            Failure(**{**each, "files": tuple(map(Path, each["files"]))})
            for each in known["failures"]
        ]
        about = known["key"], known["commit"], known["seed"], known["chunk"]
        return State(*about, known["done"], Tally(counts, failures))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(
            f"{kept} is no file of a campaign", "`tinydeploy fuzz --resume` writes one into --out"
        ) from error


def _state(task: Task, kept: Path | None) -> State:
    key = _key(task)
    if kept is None or not kept.is_file():
        return State(key, record.commit(), task.seed, BATCH)
    state = load(kept)
    if state.key != key:
        raise UsageError(
            f"{kept} is of another code or another command: its figures do not add up with these",
            f"remove it to start anew: rm {kept}",
        )
    return state


def _count(figures: dict[str, Any]) -> Count:
    whole: dict[str, Any] = {
        key: Counter(value) if isinstance(value, dict) else value for key, value in figures.items()
    }
    return Count(**whole)


def _keep(state: State, kept: Path | None) -> None:
    if kept is None:
        return
    known = {
        "key": state.key,
        "commit": state.commit,
        "seed": state.seed,
        "chunk": state.chunk,
        "done": state.done,
        "subjects": {name: vars(count) for name, count in state.tally.subjects.items()},
        "failures": [asdict(failure) for failure in state.tally.failures],
    }
    whole.write(kept, json.dumps(known, default=str))


def _key(task: Task) -> str:
    """Of the command and of everything that has a part in what it finds."""
    command = [*task.names, *map(str, (task.seed, task.engine, task.target, BATCH))]
    code = [
        *_PACKAGE.glob("*.py"),
        *(p for room in _DECIDING for p in _PACKAGE.glob(f"{room}/**/*.py")),
    ]
    texts = [path.read_text(encoding="utf-8") for path in sorted(code)]
    return cross_compile.digest_of(
        "\0".join([*command, *texts, cross_compile.digest(cross_compile.zig(), _FOLDERS)])
    )
