"""What `--optimize` trades, and what the model takes without the link, on a simulated board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tinydeploy import boards, images, pipeline, sources
from tinydeploy.bench import subjects
from tinydeploy.lower.compile_options import GOALS, Choices
from tinydeploy.pipeline import Job
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.stages.flavour import Flavour
from tinydeploy.ui import Ui

VECTORS = 2

PREFACE = """# Speed, RAM and flash: `--optimize`

- **speed** takes scratch memory for it: more pixels and lines at a time.
- **balanced**, the default: what `tinydeploy tune` found best, the rules' sizes elsewhere. The loop
  is compact in which the head of the network runs.
- **size**: the smallest scratch memory, every loop compact, and the compiler saves flash in the
  kernels too.

Results are the same to the last bit. Weights are packed once, one byte each, in all three;
`constants` is all that stands in flash beside code: weights, biases, multipliers, tables.
`bare` is the flash of an image without the link: board start-up, engine and model, as
`tinydeploy build --mode bare` makes it.

Made by `tinydeploy trade --markdown-file docs/trade.md`, every row verified against TFLM:
"""


@dataclass(frozen=True)
class TradeRow:
    """A model compiled for a goal; bytes and cycles."""

    model: str
    board: str
    goal: str
    cycles: float
    flash_bytes: int
    bare_bytes: int
    constants_bytes: int
    arena_bytes: int


def measure(
    names: Sequence[str] | None, board_id: str, goals: Sequence[str], ui: Ui
) -> list[TradeRow]:
    """Deploy each model for each goal, and build it bare."""
    return [
        _row(subject, board_id, goal, ui)
        for subject in map(subjects.find, names or subjects.default_names())
        for goal in goals or GOALS
    ]


def _row(subject: subjects.Subject, board_id: str, goal: str, ui: Ui) -> TradeRow:
    quiet, options = Ui(quiet=True), BuildOptions("compiled", Choices(optimize=goal))
    with ui.stage("trade") as stage:
        job = Job(board_id, subject.model, subject.variant, build=options, vectors=VECTORS)
        report = pipeline.deploy(job, quiet)
        source = sources.resolve(subject.model, subject.variant, False, None, quiet)
        bare = replace(options, flavour=Flavour.BARE)
        program, image = images.make_image(source, boards.load(board_id), bare, quiet)
        stage.detail = f"{subject.name} for {goal}: {image.flash_bytes:,} bytes bare"
    return TradeRow(
        subject.name,
        board_id,
        goal,
        report.cycles.mean,
        report.size.flash_bytes,
        image.flash_bytes,
        program.constants_bytes or 0,
        program.arena_bytes,
    )


def markdown(rows: Sequence[TradeRow]) -> str:
    """A table."""
    lines = [
        "| model | board | optimize | cycles | arena | constants | flash | bare |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        figures = (row.arena_bytes, row.constants_bytes, row.flash_bytes, row.bare_bytes)
        cells = [row.model, row.board, row.goal, f"{row.cycles:,.0f}"]
        lines.append("| " + " | ".join([*cells, *(f"{figure:,}" for figure in figures)]) + " |")
    return "\n".join(lines)


def page(rows: Sequence[TradeRow]) -> str:
    """docs/trade.md."""
    return f"{PREFACE}\n{markdown(rows)}\n"
