"""A row of the bench: the figures of one model on one board."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tinydeploy import whole
from tinydeploy.errors import UsageError
from tinydeploy.lower.compile_options import BALANCED
from tinydeploy.pipeline import Job
from tinydeploy.report.model import Report

# Figures where more is worse, and what share more is no regression. Simulated figures are exact, so
# that any change shows; a change of the link or of the start-up code moves all images a little.
COMPARED = {
    "cycles": 0.005,
    "flash_bytes": 0.02,
    "arena_bytes": 0.0,
    "ram_bytes": 0.02,
    "stack_bytes": 0.10,
}


@dataclass(frozen=True)
class BenchRow:
    """Sizes in bytes; `flash_bytes` is the whole image, link and harness included.

    Attributes:
        cycles: mean of the vectors, without wait states of the flash.
        wait_cycles: with the simulator's estimate of them; None where that was not measured.
        optimize: what the compiled engine was to save, `--optimize`.
        kind: type of the activations.
        microjoule: estimate for one inference, None where the chip has no figure.
    """

    model: str
    board: str
    engine: str
    toolchain: str
    macs: int
    cycles: float
    milliseconds: float
    flash_bytes: int
    model_bytes: int
    arena_bytes: int
    ram_bytes: int
    stack_bytes: int
    microjoule: float | None
    vectors: int
    mismatching_bytes: int
    wait_cycles: float | None = None
    optimize: str = BALANCED
    kind: str = "int8"

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What identifies the row from one run to the next."""
        return self.model, self.board, self.engine, self.toolchain, self.optimize

    @property
    def flash_without_model_bytes(self) -> int:
        """What tinydeploy itself costs."""
        return self.flash_bytes - self.model_bytes

    @property
    def wait_factor(self) -> float | None:
        """By how much wait states make it slower."""
        return self.wait_cycles / self.cycles if self.wait_cycles and self.cycles else None

    @property
    def cycles_per_mac(self) -> float:
        """0 for a model without multiply-accumulates."""
        return self.cycles / self.macs if self.macs else 0.0


def row_of(name: str, report: Report, waiting: Report | None, job: Job) -> BenchRow:
    """The bench's figures of a report, and of one with wait states."""
    return BenchRow(
        model=name,
        board=report.board,
        engine=report.engine,
        toolchain=job.build.toolchain,
        macs=report.model.macs or 0,
        cycles=report.cycles.mean,
        milliseconds=report.milliseconds or 0.0,
        flash_bytes=report.size.flash_bytes,
        model_bytes=report.size.model_bytes,
        arena_bytes=report.size.arena_bytes,
        ram_bytes=report.size.ram_bytes,
        stack_bytes=report.size.stack_bytes,
        microjoule=report.energy.microjoule if report.energy else None,
        vectors=report.parity.vectors,
        mismatching_bytes=report.parity.mismatching_bytes,
        wait_cycles=waiting.cycles.mean if waiting else None,
        optimize=job.build.choices.optimize,
        kind=_kind(report),
    )


def _kind(report: Report) -> str:
    """Type of the first step's input: a model may begin and end in another."""
    return report.model.inputs[0].dtype if report.model.inputs else ""


def save(rows: Sequence[BenchRow], path: Path) -> None:
    """Write the rows as JSON, sorted, so that a diff shows what changed."""
    ordered = sorted(rows, key=lambda row: row.key)
    whole.write(path, json.dumps([asdict(row) for row in ordered], indent=1) + "\n")


def load(path: Path) -> list[BenchRow]:
    """Rows that `save` wrote; raises UsageError for anything else."""
    try:
        return [BenchRow(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"{path} is no bench result: {error}", "make one with `tinydeploy bench --json FILE`"
        ) from error


@dataclass(frozen=True)
class Change:
    """A figure that is not what it was."""

    row: BenchRow
    figure: str
    before: float
    after: float

    @property
    def is_regression(self) -> bool:
        """Whether it is worse by more than what is let through."""
        return self.after > self.before * (1 + COMPARED[self.figure])

    def __str__(self) -> str:
        share = f" ({self.after / self.before - 1:+.1%})" if self.before else ""
        where = " ".join(self.row.key)
        return f"{where}: {self.figure} {self.before:,.0f} -> {self.after:,.0f}{share}"


def changes(before: Sequence[BenchRow], after: Sequence[BenchRow]) -> list[Change]:
    """What differs; rows without a counterpart are skipped."""
    old = {row.key: row for row in before}
    return [
        Change(row, figure, getattr(old[row.key], figure), getattr(row, figure))
        for row in after
        if row.key in old
        for figure in COMPARED
        if getattr(old[row.key], figure) != getattr(row, figure)
    ]
