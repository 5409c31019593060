"""`tinydeploy estimates`: fit the coefficients again, and say how good they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from tinydeploy.estimates import check, corpus, fit, measure
from tinydeploy.estimates.check import Miss
from tinydeploy.estimates.corpus import CHECK, CHECK_SEED, FIT, FIT_SEED, OPERATORS, Size
from tinydeploy.estimates.measure import Observation
from tinydeploy.fuzz.cases import Case
from tinydeploy.lower.plan import cost as compiled_cost
from tinydeploy.lower.rules.table import RULES
from tinydeploy.ops import cost, table
from tinydeploy.ui import Ui


def refit(ui: Ui, size: Size = FIT, seed: int = FIT_SEED) -> None:
    """Measure, fit and replace both tables.

    Kernels of the interpreter are the same in both engines: they are measured in the interpreter,
    which needs no compiler for a model, and a plan's share of the call is left out.
    """
    with ui.stage("measure") as stage:
        own = [corpus.operators(seed, size, RULES), corpus.wide_operators(seed, size, RULES)]
        steps = _steps(chain(corpus.networks(seed, size), *own))
        stage.detail = f"{len(steps):,} steps of plans"
    with ui.stage("measure") as stage:
        every = [corpus.operators(seed, size), corpus.wide_operators(seed, size)]
        operators = _interpreted(chain(_layers(seed, size), *every))
        stage.detail = f"{len(operators):,} operators in the interpreter"
    with ui.stage("fit") as stage:
        for path, found in ((compiled_cost.COSTS, steps), (cost.COSTS, operators)):
            entries = fit.fit(found)
            table.save(path, entries)
            stage.detail += f"{len(entries)} keys in {path.parent.name}/{path.name}  "


def judge(
    ui: Ui, folders: Sequence[Path] | None, size: Size = CHECK, seed: int = CHECK_SEED
) -> list[Miss]:
    """Errors over real files, random graphs and single operators that the fit has not seen."""
    groups: dict[str, Iterator[Case]] = {
        group: iter(given) for group, given in corpus.files(folders).items()
    }
    if folders is None:
        groups[corpus.GRAPHS] = corpus.graphs(seed, size)
        groups[OPERATORS] = corpus.operators(seed, size)
    found: list[Miss] = []
    for group, given in groups.items():
        with ui.stage("compare") as stage:
            these = list(check.misses(group, given))
            stage.detail = f"{len(these)} {group}"
            found += these
    return found


def _steps(given: Iterator[Case]) -> list[Observation]:
    """Of plans that call no kernel of the interpreter."""
    planned = ((case, measure.own_plan_of(case)) for case in given)
    own = [(case, plan) for case, plan in planned if plan is not None]
    return check.measured_of(measure.steps_of(own))


def _interpreted(given: Iterator[Case]) -> list[Observation]:
    return [step for step in check.measured_of(measure.interpreted(given)) if step.cycles]


def _layers(seed: int, size: Size) -> Iterator[Case]:
    """Some layers of the networks as models of one operator."""
    some = Size(0, 0, size.layers // 4)
    return chain.from_iterable(map(corpus.alone, corpus.networks(seed, some)))
