"""One color per kind of operator, the same in every chart of a report."""

from __future__ import annotations

from tinydeploy.report.model import Report

COLORS = 8  # --c1 ... --c8 in style.css


def of_ops(report: Report) -> dict[str, int]:
    """Operator name -> number of its color, 1 to 8, the most costly first."""
    cycles: dict[str, float] = {}
    for row in report.cycles.per_op:
        cycles[row.op] = cycles.get(row.op, 0.0) + row.cycles
    ranked = sorted(cycles, key=lambda op: -cycles[op])
    return {op: min(place, COLORS) for place, op in enumerate(ranked, start=1)}
