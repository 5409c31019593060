"""`tinydeploy bench`: models x boards, measured in one run, beside the peers' figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tinydeploy import boards, models, pipeline
from tinydeploy.bench.render import markdown, table
from tinydeploy.bench.rows import Row, load, regressions, row_of, save
from tinydeploy.pipeline import Job
from tinydeploy.ui import Ui

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
) -> int:
    """Deploy every model to every simulated board and print the table on standard output.

    Returns 1 when a figure is worse than in `compare_file`, else 0.
    """
    before = load(compare_file) if compare_file else []
    rows = measure(model_names or default_models(), board_ids or chips(), vectors, toolchain, ui)
    print(markdown(rows) if as_markdown else table(rows))
    if json_file:
        save(rows, json_file)
    worse = regressions(before, rows)
    for line in worse:
        ui.warn(line)
    return REGRESSED if worse else 0


def measure(
    model_names: Sequence[str], board_ids: Sequence[str], vectors: int, toolchain: str, ui: Ui
) -> list[Row]:
    """One verified deployment for each pair; raises what `pipeline.deploy` raises."""
    rows = []
    for name in model_names:
        for board_id in board_ids:
            job = Job(
                board=board_id, model=name, target="simulator", vectors=vectors, toolchain=toolchain
            )
            with ui.stage(f"{name} on {board_id}"):
                report = pipeline.deploy(job, Ui(quiet=True))
            rows.append(row_of(report, toolchain))
    return rows


def default_models() -> list[str]:
    """Every model of ours."""
    return models.names()


def chips() -> list[str]:
    """Every board with a simulator."""
    return [name for name in boards.names() if boards.load(name).simulator]
