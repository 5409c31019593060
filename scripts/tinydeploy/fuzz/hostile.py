"""Damaged models: the runtime refuses them with a reason or computes something, and never crashes.

Run on the build with address and undefined-behaviour sanitizers. Half of them have hostile names;
the PC reads them all, and generates code of those that it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tinydeploy import whole
from tinydeploy.config import MODELS_DIR
from tinydeploy.errors import DeviceError
from tinydeploy.fuzz import build, names, spoil
from tinydeploy.fuzz.cases import GRAPH, make, subjects
from tinydeploy.fuzz.runner import HostRunner, RunnerTimeoutError
from tinydeploy.graph.ir import Array

ARENA_BYTES = 1 << 20
Runs = list[list[Array]]

TURNS = 10  # of graphs, several subgraphs and our own models, for one of other originals
CPU_LIMIT_S = 5  # a damaged WHILE may never end, in TFLM too
RENAMED = 0.5  # of them have hostile names
WORDS = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000)
TABLES_BYTES = 600  # at the front of a file, where a change does most
PROGRESS_EVERY = 500
CHANGES = (
    "of ten, 3.5 have bits, bytes or words changed, 4 one thing wrong in a sound file (a type, a "
    "shape, a scale, an option, a constant, an operand), 1 wild inputs, 1.5 an arena too small"
)


@dataclass(frozen=True)
class Extent:
    """Which mutants: so many, from number `first` on, each made from seed and number."""

    mutants: int
    seed: int
    first: int = 0

    @property
    def numbers(self) -> range:
        """Of all."""
        return range(self.first, self.first + self.mutants)


@dataclass
class Hostile:
    """What became of the mutants.

    Attributes:
        originals: models that were damaged.
        renamed: mutants with hostile names; compiled: those that the PC made code of.
        accepted: mutants that ran to their end; endless: those that had to be stopped.
        crashes: file of each mutant that runtime or PC did not survive, and the last words.
    """

    originals: int = 0
    mutants: int = 0
    renamed: int = 0
    compiled: int = 0
    accepted: int = 0
    endless: int = 0
    crashes: list[tuple[Path, str]] = field(default_factory=list)


def originals(seed: int) -> list[bytes]:
    """A model of every operator with every combination of types, whole graphs, and our own."""
    every = subjects([])
    often = [path.read_bytes() for path in sorted(MODELS_DIR.glob("*/*.tflite"))]
    once: list[bytes] = []
    for number in range(len(every)):
        case = make(seed, number, every)
        whole = case.subject == GRAPH or len(case.model.subgraphs) > 1
        (often if whole else once).append(case.data)
    return [*once, *often * TURNS]


def mutate(rng: np.random.Generator, model: bytes) -> bytes:
    """Flip a few bits, bytes or words, often near the front where the tables are, write a hostile
    text over some, or cut it."""
    damaged = bytearray(model)
    reach = len(damaged) if rng.random() < 0.5 else min(len(damaged), TABLES_BYTES)
    for _ in range(int(rng.integers(1, 5))):
        kind, at = rng.integers(5), int(rng.integers(reach))
        if kind == 0:
            damaged[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            damaged[at] = int(rng.choice([0, 1, 127, 128, 255]))
        elif kind == 2:
            word = int(rng.choice(WORDS))
            damaged[at // 4 * 4 : at // 4 * 4 + 4] = word.to_bytes(4, "little")
        elif kind == 3:
            names.splash(rng, damaged, at)
        else:
            damaged[at] = int(rng.integers(256))
    end = int(rng.integers(len(damaged))) if rng.random() < 0.05 else len(damaged)
    return bytes(damaged[:end])


def _damaged(rng: np.random.Generator, model: bytes) -> tuple[bytes, int, Runs]:
    """The file damaged, or one thing of the model wrong, or its inputs wild, or the arena too
    small; what the inputs lack is zero.
    """
    kind = rng.random()
    if kind < 0.35:
        return mutate(rng, model), ARENA_BYTES, [[]]
    if kind < 0.75:
        return spoil.spoil(rng, model), ARENA_BYTES, [[]]
    if kind < 0.85:
        return model, ARENA_BYTES, spoil.wild(rng, model)
    return model, spoil.scarce(rng, model), [[]]


def run(
    extent: Extent,
    folder: Path,
    *,
    most_crashes: int = 10,
    program: Path | None = None,
    renewed_after: int = 0,
    progress: Callable[[Hostile], None] = lambda found: None,
) -> Hostile:
    """Feed damaged models to the sanitized runtime and to the PC's reader and compiler.

    Args:
        program: another build of the runtime.
        renewed_after: mutants that it takes before it ends by itself, and writes its counts: one
            that has to be stopped loses them. 0: all.

    Raises:
        SetupError: there is no g++ for the sanitizers.
    """
    runner = HostRunner(program or build.sanitized_runner(), cpu_limit_s=CPU_LIMIT_S)
    models = originals(extent.seed)
    found = Hostile(originals=len(set(models)))
    for number in extent.numbers:
        rng = np.random.default_rng([extent.seed, number])
        original = models[number % len(models)]
        if rng.random() < RENAMED:
            original = names.renamed(original, int(rng.integers(len(names.TEXTS))))
            found.renamed += 1
        mutant, arena_bytes, given = _damaged(rng, original)
        found.mutants += 1
        problem = _run(runner, mutant, arena_bytes, given, found) or _compile(mutant, found)
        if problem:
            path = folder / f"hostile_seed{extent.seed}_mutant{number}.tflite"
            whole.write(path, mutant)
            found.crashes.append((path, problem))
            if len(found.crashes) >= most_crashes:
                break
        if renewed_after and found.mutants % renewed_after == 0:
            runner.close()
        if found.mutants % PROGRESS_EVERY == 0:
            progress(found)
    runner.close()
    return found


def _run(
    runner: HostRunner,
    mutant: bytes,
    arena_bytes: int,
    given: Runs,
    found: Hostile,
) -> str:
    """What goes wrong in the runtime, "" if nothing does."""
    try:
        reply = runner.run(mutant, given, arena_bytes=arena_bytes)
    except RunnerTimeoutError:
        found.endless += 1
        return ""
    except DeviceError as error:
        return error.message
    found.accepted += reply.ok
    told = reply.ok or (reply.reason and reply.reason.isascii())
    return "" if told else f"refused without words: {reply.reason!r}"


def _compile(mutant: bytes, found: Hostile) -> str:
    """What goes wrong on the PC, "" if nothing does."""
    taken, problem = names.problem(mutant)
    found.compiled += taken
    return problem
