"""What spatial patching saves in RAM and costs in cycles, measured on a simulated board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinydeploy import pipeline
from tinydeploy.bench import subjects
from tinydeploy.lower.compile_options import OFF, Choices
from tinydeploy.pipeline import Job
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.ui import Ui

IMAGE_MODELS = ("vww", "person_detect", "ic")
VECTORS = 2

PREFACE = """# Patching: RAM against latency

`deploy --patch N` runs the first operators of a model in N bands of rows, one band after the other
through all of them, and computes the rows at the seams twice. Of the largest activations only a
band exists at a time. The point where the bands are joined is the one with the smallest arena; at
most half as much again may be computed. `--patch auto` does it only where the arena does not
fit the board's RAM otherwise, with the fewest bands that do. Results are the same to the last bit.

Only operators that make rows from rows can run in bands: convolutions, depthwise convolutions,
element by element, residual additions among them. The input itself stays whole, which is what
limits vww: 27,648 bytes of its arena.

Made by `tinydeploy patches --markdown-file docs/patching.md`, every row verified against TFLM:
"""


@dataclass(frozen=True)
class PatchRow:
    """A model with a number of bands, 1 for none."""

    model: str
    board: str
    bands: int
    arena_bytes: int
    flash_bytes: int
    cycles: float
    steps: int


def measure(
    names: Sequence[str] | None, board: str, bands: Sequence[int], ui: Ui
) -> list[PatchRow]:
    """Deploy each model unpatched and with each number of bands."""
    rows = []
    for name in names or IMAGE_MODELS:
        subject = subjects.find(name)
        for count in (1, *bands):
            with ui.stage("patches") as stage:
                choices = Choices(patch=OFF if count == 1 else str(count))
                options = BuildOptions("compiled", choices)
                job = Job(board, subject.model, subject.variant, build=options, vectors=VECTORS)
                report = pipeline.deploy(job, Ui(quiet=True))
                stage.detail = f"{name} in {count}: arena {report.size.arena_bytes:,}"
            rows.append(
                PatchRow(
                    name,
                    board,
                    count,
                    report.size.arena_bytes,
                    report.size.flash_bytes,
                    report.cycles.mean,
                    len(report.cycles.per_op),
                )
            )
    return rows


def markdown(rows: Sequence[PatchRow]) -> str:
    """A table; changes are against the row without bands above."""
    lines = [
        "| model | board | bands | arena | | cycles | | flash | steps |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    whole = rows[0] if rows else None
    for row in rows:
        whole = row if row.bands == 1 else whole
        assert whole is not None
        cells = [
            row.model,
            row.board,
            str(row.bands) if row.bands > 1 else "none",
            f"{row.arena_bytes:,}",
            _change(row.arena_bytes, whole.arena_bytes),
            f"{row.cycles:,.0f}",
            _change(row.cycles, whole.cycles),
            f"{row.flash_bytes:,}",
            str(row.steps),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page(rows: Sequence[PatchRow]) -> str:
    """docs/patching.md."""
    return f"{PREFACE}\n{markdown(rows)}\n"


def _change(now: float, before: float) -> str:
    return f"{now / before - 1:+.1%}" if now != before else ""
