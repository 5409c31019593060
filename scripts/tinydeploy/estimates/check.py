"""How far the estimates of `inspect` are from what was measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tinydeploy.estimates import measure
from tinydeploy.estimates.measure import Measured, Observation
from tinydeploy.fuzz.cases import Case
from tinydeploy.lower.plan import cost as compiled_cost

NETWORK_LIMIT, OPERATOR_LIMIT = 0.25, 0.35
_WORST = 25


@dataclass(frozen=True)
class Miss:
    """A model: cycles as estimated and as measured, in the engine that `--engine auto` takes."""

    group: str
    name: str
    estimated: int
    measured: int

    @property
    def error(self) -> float:
        """Relative to what was measured."""
        return self.estimated / self.measured - 1


def misses(group: str, given: Iterable[Case]) -> Iterator[Miss]:
    """Of every model that runs on the bench."""
    for found in measure.models(given):
        estimated = sum(step.estimated for step in found.steps)
        calls = compiled_cost.DISPATCH_CYCLES * len(found.steps) if found.is_compiled else 0
        yield Miss(group, found.case.label, estimated, found.cycles + calls)


def page(found: Sequence[Miss], operators: str) -> str:
    """docs/estimates.md: the errors by group, and the operators that are worst."""
    return f"{_PREFACE}\n{summary(found)}\n\n{_WORST_ONES}\n{worst(found, operators)}\n"


_PREFACE = """# Estimates of `inspect`

How far the cycles that `tinydeploy inspect` shows are from those that the simulated Cortex-M4
takes, relative to the latter; made by `tinydeploy estimates --markdown-file docs/estimates.md`.
`tinydeploy estimates --fit` measures some thousand models step by step, fits the coefficients and
writes them to `scripts/tinydeploy/lower/costs.json` and `scripts/tinydeploy/ops/costs.json`. What
they are judged by here is none of what they were fitted to: real files, and other draws of the
fuzzer. Single operators are small models of one operator, a few hundred cycles many of them.
"""
_WORST_ONES = "Operators whose single models are estimated worst:\n"


def summary(found: Sequence[Miss]) -> str:
    """A line a group."""
    lines = [
        "| models | number | p50 | p75 | p90 | within 25 % | within 35 % | largest |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for group in dict.fromkeys(miss.group for miss in found):
        lines.append(_line(group, [miss for miss in found if miss.group == group]))
    return "\n".join(lines)


def _line(group: str, found: Sequence[Miss]) -> str:
    errors = np.abs([miss.error for miss in found])
    cells = [f"{value:.1%}" for value in np.percentile(errors, (50, 75, 90))]
    shares = [f"{share(found, limit):.1%}" for limit in (NETWORK_LIMIT, OPERATOR_LIMIT)]
    worst_one = max(found, key=lambda miss: abs(miss.error))
    largest = f"{worst_one.error:+.0%}, {worst_one.name}"
    return f"| {group} | {len(found)} | {' | '.join([*cells, *shares])} | {largest} |"


def share(found: Sequence[Miss], limit: float) -> float:
    """Of the models whose error is at most `limit`."""
    return sum(abs(miss.error) <= limit for miss in found) / max(len(found), 1)


def worst(found: Sequence[Miss], operators: str) -> str:
    """The single operators with the largest errors at p75."""
    by_name: dict[str, list[float]] = defaultdict(list)
    for miss in found:
        if miss.group == operators:
            by_name[miss.name].append(miss.error)
    ordered = sorted(by_name.items(), key=lambda item: -float(np.percentile(np.abs(item[1]), 75)))
    lines = ["| operator | models | p50 | p75 | errors |", "|---|---:|---:|---:|---|"]
    for name, errors in ordered[:_WORST]:
        middle, high = np.percentile(np.abs(errors), (50, 75))
        each = ", ".join(f"{error:+.0%}" for error in sorted(errors))
        lines.append(f"| {name} | {len(errors)} | {middle:.0%} | {high:.0%} | {each} |")
    return "\n".join(lines)


def measured_of(found: Iterable[Measured]) -> list[Observation]:
    """All their steps."""
    return [step for each in found for step in each.steps]
