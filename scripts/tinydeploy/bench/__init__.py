"""`tinydeploy bench`: models x engines x boards, measured in one run, beside the peers' figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tinydeploy import boards, pipeline, whole
from tinydeploy.bench import subjects
from tinydeploy.bench.plot import svg
from tinydeploy.bench.published import against_published, published_table
from tinydeploy.bench.render import markdown, page, table
from tinydeploy.bench.rows import Row, changes, load, row_of, save
from tinydeploy.errors import ModelError
from tinydeploy.lower.compile_options import BALANCED, Choices
from tinydeploy.pipeline import Job
from tinydeploy.ui import Ui

ENGINES = ("compiled", "interpreter")
GOALS = (BALANCED, "speed")
REGRESSED = 1


def run(
    *,
    model_names: Sequence[str] | None,
    board_ids: Sequence[str] | None,
    vectors: int,
    toolchain: str,
    as_markdown: bool,
    json_file: Path | None,
    compare_file: Path | None,
    ui: Ui,
    engines: Sequence[str] | None = None,
    markdown_file: Path | None = None,
    plot_file: Path | None = None,
) -> int:
    """Deploy every model to every simulated board and print the table on standard output.

    Returns 1 when a figure is worse than in `compare_file`, else 0.
    """
    before = load(compare_file) if compare_file else []
    names = subjects.expanded(model_names) if model_names else subjects.default_names()
    ids = board_ids or boards.of_each_chip()
    rows = measure(names, ids, engines or ENGINES, vectors, toolchain, ui, goals=GOALS)
    print(markdown(rows) if as_markdown else table(rows))
    print(against_published(rows) if as_markdown else published_table(rows))
    if json_file:
        save(rows, json_file)
    if markdown_file:
        picture = plot_file.name if plot_file else ""
        whole.write_named(markdown_file, page(rows, picture))
    if plot_file:
        whole.write_named(plot_file, svg(rows, ids[0]))
    return _compared(before, rows, ui)


def measure(
    names: Sequence[str],
    board_ids: Sequence[str],
    engines: Sequence[str],
    vectors: int,
    toolchain: str,
    ui: Ui,
    goals: Sequence[str] = (BALANCED,),
) -> list[Row]:
    """A verified deployment of each combination, without and with wait states of the flash; raises
    what `pipeline.deploy` raises.

    What an engine does not take, or a board has no room for, is left out. Other goals than the
    first are for published models on the first board.
    """
    rows: list[Row] = []
    for subject in map(subjects.find, names):
        for board_id in board_ids:
            for engine in engines:
                for goal in goals:
                    extra = goal != goals[0]
                    if extra and not _is_for_goals(subject, board_id == board_ids[0], engine):
                        continue
                    job = _job(subject, board_id, engine, vectors, toolchain, goal)
                    row = _row(subject, job, ui)
                    if row and not (extra and rows and _same_figures(row, rows[-1])):
                        rows.append(row)
    return rows


def _same_figures(row: Row, other: Row) -> bool:
    return replace(row, optimize=other.optimize) == other


def _is_for_goals(subject: subjects.Subject, on_first_board: bool, engine: str) -> bool:
    published = subject.name in subjects.REAL or subject.name in subjects.REAL.values()
    return published and on_first_board and engine == "compiled"


def _job(
    subject: subjects.Subject, board: str, engine: str, vectors: int, toolchain: str, goal: str
) -> Job:
    return Job(
        board=board,
        model=subject.model,
        variant=subject.variant,
        target="simulator",
        engine=engine,
        vectors=vectors,
        toolchain=toolchain,
        choices=Choices(goal),
    )


def _row(subject: subjects.Subject, job: Job, ui: Ui) -> Row | None:
    """None where an engine does not take the model."""
    with ui.stage("bench") as stage:
        stage.detail = f"{subject.name} on {job.board}, {job.engine}, {job.choices.optimize}"
        try:
            waiting = pipeline.deploy(replace(job, wait_states=True), Ui(quiet=True))
            report = pipeline.deploy(job, Ui(quiet=True))
        except ModelError as error:
            stage.detail += f": left out, {error.message}"
            return None
    return row_of(subject.name, report, waiting, job)


def _compared(before: Sequence[Row], after: Sequence[Row], ui: Ui) -> int:
    """Show what changed; 1 if something is worse."""
    found = changes(before, after)
    for change in found:
        (ui.warn if change.is_regression else ui.say)(str(change))
    return REGRESSED if any(change.is_regression for change in found) else 0
