"""What a campaign has found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from tinydeploy.fuzz.campaign import Count, Tally


def of_tally(tally: Tally) -> dict[str, Any]:
    """Of all subjects together, and what differs."""
    return {**_figures(tally.total), "failures": [asdict(each) for each in tally.failures]}


def summary(total: Count) -> Iterator[str]:
    """Line by line."""
    yield (
        f"{total.cases:,} cases; TFLM refused {total.refused_by_tflm:,} and did not survive "
        f"{total.crashed_tflm:,}"
    )
    for engine in sorted({*total.ran, *total.refused}):
        left = f", {total.refused[engine]:,} not taken" if total.refused[engine] else ""
        wrong = total.differ[engine]
        yield f"  {engine:<26}{total.ran[engine]:>8,} compared, {wrong} differ{left}"


def _figures(total: Count) -> dict[str, Any]:
    engines = {
        engine: {
            "compared": total.ran[engine],
            "differ": total.differ[engine],
            "not_taken": total.refused[engine],
        }
        for engine in sorted({*total.ran, *total.refused})
    }
    return {
        "cases": total.cases,
        "refused_by_tflm": total.refused_by_tflm,
        "crashed_tflm": total.crashed_tflm,
        "engines": engines,
    }
