"""`tinydeploy bench versus`: measure, show, fail where the compiled engine loses."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from tinydeploy import whole
from tinydeploy.ui import Ui
from tinydeploy.versus import page
from tinydeploy.versus.corpus import Subject
from tinydeploy.versus.measure import Comparison, EngineRow, Skipped

LOST = 1


def run(
    subjects: Iterable[Subject], json_file: Path | None, markdown_file: Path | None, ui: Ui
) -> int:
    """Print the tables; 1 if there is a fault, else 0."""
    rows, skipped = measure(subjects, ui)
    print(page.summary(rows, skipped))
    print()
    print(page.table(rows))
    print(page.hard_table(rows))
    if json_file:
        text = json.dumps([asdict(row) for row in rows], indent=1)
        whole.write_named(json_file, text + "\n")
    if markdown_file:
        whole.write_named(markdown_file, page.page(rows, skipped))
    found = page.faults(rows)
    for line in found:
        ui.warn(line)
    return LOST if found else 0


def measure(subjects: Iterable[Subject], ui: Ui) -> tuple[list[EngineRow], list[Skipped]]:
    """What was measured, and what could not be."""
    rows: list[EngineRow] = []
    skipped: list[Skipped] = []
    comparison = Comparison()
    try:
        with ui.stage("versus") as stage:
            for found in comparison.run(subjects):
                if isinstance(found, EngineRow):
                    rows.append(found)
                else:
                    skipped.append(found)
            stage.detail = f"{len(rows)} models, {len(skipped)} left out"
    finally:
        comparison.close()
    return rows, skipped
