"""`tinydeploy bench`: models x engines x boards, measured in one run, beside the peers' figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tinydeploy import boards, pipeline
from tinydeploy.bench import subjects
from tinydeploy.bench.plot import svg
from tinydeploy.bench.render import markdown, page, table
from tinydeploy.bench.rows import Row, changes, load, row_of, save
from tinydeploy.lower.lowering import NotCompilableError
from tinydeploy.pipeline import Job
from tinydeploy.ui import Ui

ENGINES = ("compiled", "interpreter")
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
    names, ids = model_names or subjects.default_names(), board_ids or chips()
    rows = measure(names, ids, engines or ENGINES, vectors, toolchain, ui)
    print(markdown(rows) if as_markdown else table(rows))
    if json_file:
        save(rows, json_file)
    if markdown_file:
        picture = plot_file.name if plot_file else ""
        markdown_file.write_text(page(rows, picture), encoding="utf-8")
    if plot_file:
        plot_file.write_text(svg(rows, ids[0]), encoding="utf-8")
    return _compared(before, rows, ui)


def measure(
    names: Sequence[str],
    board_ids: Sequence[str],
    engines: Sequence[str],
    vectors: int,
    toolchain: str,
    ui: Ui,
) -> list[Row]:
    """A verified deployment of each combination; raises what `pipeline.deploy` raises.

    The compiled engine is left out for a model that it cannot take.
    """
    rows = []
    for subject in map(subjects.find, names):
        for board_id in board_ids:
            for engine in engines:
                job = Job(
                    board=board_id,
                    model=subject.model,
                    variant=subject.variant,
                    target="simulator",
                    engine=engine,
                    vectors=vectors,
                    toolchain=toolchain,
                )
                with ui.stage("bench") as stage:
                    stage.detail = f"{subject.name} on {board_id}, {engine}"
                    try:
                        report = pipeline.deploy(job, Ui(quiet=True))
                    except NotCompilableError as error:
                        stage.detail += f": left out, {error.message}"
                        continue
                rows.append(row_of(report, toolchain))
    return rows


def chips() -> list[str]:
    """Every board with a simulator that counts cycles."""
    found = map(boards.load, boards.names())
    return [board.id for board in found if board.simulator and not board.is_host]


def _compared(before: Sequence[Row], after: Sequence[Row], ui: Ui) -> int:
    """Show what changed; 1 if something is worse."""
    found = changes(before, after)
    for change in found:
        (ui.warn if change.is_regression else ui.say)(str(change))
    return REGRESSED if any(change.is_regression for change in found) else 0
