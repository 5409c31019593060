"""`tinydeploy bench`: models x engines x boards, measured in one run, beside the peers' figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from tinydeploy import pipeline, whole
from tinydeploy.bench import subjects
from tinydeploy.bench.plot import svg
from tinydeploy.bench.published import against_published, published_table
from tinydeploy.bench.render import markdown, page, table
from tinydeploy.bench.rows import BenchRow, changes, load, row_of, save
from tinydeploy.errors import ModelError
from tinydeploy.lower.compile_options import BALANCED, Choices
from tinydeploy.pipeline import Job
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.ui import Ui

ENGINES = ("compiled", "interpreter")
GOALS = (BALANCED, "speed")
REGRESSED = 1


@dataclass(frozen=True)
class Grid:
    """What is measured: every model on every simulated board with every engine.

    Attributes:
        models: names, see `subjects.find`.
        vectors: inferences to verify of each.
        goals: of the compiled engine; others than the first are for published models on the first
            board.
    """

    models: Sequence[str]
    boards: Sequence[str]
    engines: Sequence[str] = ENGINES
    vectors: int = 1
    toolchain: str = "zig"
    goals: Sequence[str] = (BALANCED,)


@dataclass(frozen=True)
class Output:
    """Where a measured table goes beside standard output, and what it is compared with."""

    as_markdown: bool = False
    json_file: Path | None = None
    markdown_file: Path | None = None
    plot_file: Path | None = None
    compare_file: Path | None = None


def run(grid: Grid, output: Output, ui: Ui) -> int:
    """Deploy every model to every simulated board and print the table on standard output.

    Returns 1 when a figure is worse than in `output.compare_file`, else 0.
    """
    before = load(output.compare_file) if output.compare_file else []
    rows = measure(grid, ui)
    print(markdown(rows) if output.as_markdown else table(rows))
    print(against_published(rows) if output.as_markdown else published_table(rows))
    if output.json_file:
        save(rows, output.json_file)
    if output.markdown_file:
        picture = output.plot_file.name if output.plot_file else ""
        whole.write_named(output.markdown_file, page(rows, picture))
    if output.plot_file:
        whole.write_named(output.plot_file, svg(rows, grid.boards[0]))
    return _compared(before, rows, ui)


def measure(grid: Grid, ui: Ui) -> list[BenchRow]:
    """A verified deployment of each combination, without and with wait states of the flash; raises
    what `pipeline.deploy` raises.

    What an engine does not take, or a board has no room for, is left out.
    """
    rows: list[BenchRow] = []
    for subject, board_id, engine, goal in _combinations(grid):
        extra = goal != grid.goals[0]
        row = _row(subject, _job(subject, board_id, engine, goal, grid), ui)
        if row and not (extra and rows and _same_figures(row, rows[-1])):
            rows.append(row)
    return rows


def _combinations(grid: Grid) -> Iterator[tuple[subjects.Subject, str, str, str]]:
    for subject in map(subjects.find, grid.models):
        for board_id, engine, goal in product(grid.boards, grid.engines, grid.goals):
            extra = goal != grid.goals[0]
            if not extra or _is_for_goals(subject, board_id == grid.boards[0], engine):
                yield subject, board_id, engine, goal


def _same_figures(row: BenchRow, other: BenchRow) -> bool:
    return replace(row, optimize=other.optimize) == other


def _is_for_goals(subject: subjects.Subject, on_first_board: bool, engine: str) -> bool:
    published = subject.name in subjects.REAL or subject.name in subjects.REAL.values()
    return published and on_first_board and engine == "compiled"


def _job(subject: subjects.Subject, board: str, engine: str, goal: str, grid: Grid) -> Job:
    return Job(
        board=board,
        model=subject.model,
        variant=subject.variant,
        target="simulator",
        build=BuildOptions(engine, Choices(goal), grid.toolchain),
        vectors=grid.vectors,
    )


def _row(subject: subjects.Subject, job: Job, ui: Ui) -> BenchRow | None:
    """None where an engine does not take the model."""
    with ui.stage("bench") as stage:
        build = job.build
        stage.detail = f"{subject.name} on {job.board}, {build.engine}, {build.choices.optimize}"
        try:
            waiting = pipeline.deploy(replace(job, wait_states=True), Ui(quiet=True))
            report = pipeline.deploy(job, Ui(quiet=True))
        except ModelError as error:
            stage.detail += f": left out, {error.message}"
            return None
    return row_of(subject.name, report, waiting, job)


def _compared(before: Sequence[BenchRow], after: Sequence[BenchRow], ui: Ui) -> int:
    """Show what changed; 1 if something is worse."""
    found = changes(before, after)
    for change in found:
        (ui.warn if change.is_regression else ui.say)(str(change))
    return REGRESSED if any(change.is_regression for change in found) else 0
