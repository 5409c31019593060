"""The power-cut table as text, JSON and Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from tinydeploy import whole
from tinydeploy.push.power_cuts import PowerCutRow

COUNTS = ("operations", "cuts", "old", "new", "repeated", "resumed", "cut_again")
HEADS = (
    "operations",
    "cuts",
    "old runs",
    "new runs",
    "pushed again",
    "resumed",
    "cut again",
    "lost",
)


def totals(rows: Sequence[PowerCutRow], key: Callable[[PowerCutRow], str]) -> dict[str, list[int]]:
    """For each value of `key` the sums of the counts and the number of losses."""
    found: dict[str, list[int]] = {}
    for row in rows:
        counts = [*(getattr(row, name) for name in COUNTS), len(row.lost)]
        before = found.get(key(row), [0] * len(counts))
        found[key(row)] = [a + b for a, b in zip(before, counts, strict=True)]
    return found


def table(rows: Sequence[PowerCutRow]) -> str:
    """Boards and phases as text, totals last."""
    lines = [f"{'':<38}" + "".join(f"{head:>14}" for head in HEADS)]
    sums = totals(rows, lambda row: f"{row.board}: {row.phase}") | totals(rows, lambda _: "all")
    for name, counts in sums.items():
        lines.append(f"{name:<38}" + "".join(f"{count:>14,}" for count in counts))
    return "\n".join(lines)


def save(rows: Sequence[PowerCutRow], path: Path) -> None:
    """Every board, swap and phase, with the losses in words."""
    whole.write(path, json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def load(path: Path) -> list[PowerCutRow]:
    """What `save` wrote."""
    return [PowerCutRow(**fields) for fields in json.loads(path.read_text(encoding="utf-8"))]


def page(rows: Sequence[PowerCutRow]) -> str:
    """docs/power_cuts.md."""
    boards = list(dict.fromkeys(row.board for row in rows))
    cuts, lost = sum(row.cuts for row in rows), sum(len(row.lost) for row in rows)
    parts = [_HEAD.format(cuts=cuts, boards=len(boards), lost=lost)]
    for board in boards:
        mine = [row for row in rows if row.board == board]
        parts += [
            f"## {board}\n",
            _markdown("phase", totals(mine, lambda row: row.phase), mine),
            _markdown("swap", totals(mine, lambda row: row.swap), mine),
        ]
    return "\n".join(parts)


def _markdown(what: str, sums: dict[str, list[int]], rows: Sequence[PowerCutRow]) -> str:
    lines = [
        f"| {what} | " + " | ".join(HEADS) + " |",
        "|---|" + "---:|" * len(HEADS),
    ]
    for name, counts in {**sums, **totals(rows, lambda _: "**all**")}.items():
        lines.append(f"| {name} | " + " | ".join(f"{count:,}" for count in counts) + " |")
    return "\n".join(lines) + "\n"


_HEAD = """# Power cuts during hot swap

Power was cut {cuts:,} times on {boards} boards; models lost: {lost}.

Made by `tinydeploy power-cuts --json docs/power_cuts.json --markdown-file docs/power_cuts.md`;
don't edit. The firmware that is flashed ran on the simulated chips; no hardware was involved.

An operation is the erase of a page or the write of a word. After each of them the chip starts with
three contents of its flash: the operation done, some of its bits changed, and garbage in its place.
It must say that it runs the old model or the new one, and answer a vector as TFLM does with that
model; anything else is *lost*. After some cuts the push is done again, must come to the new model,
is cut once more at a seeded place (counted among the cuts) and done a third time. *Resumed* are
those pushes that kept pages of the one before; the page that was cut must not be among them.
"""
