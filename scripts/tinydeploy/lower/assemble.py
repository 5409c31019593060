"""A placed plan of an optimised model: lowering, patching where wanted, placement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tinydeploy.graph.ir import Model
from tinydeploy.lower import patching
from tinydeploy.lower.choices import AUTO, OFF, Choices
from tinydeploy.lower.lowering import Evaluate, Rule, lower
from tinydeploy.lower.patching import Patched
from tinydeploy.lower.place import place
from tinydeploy.lower.plan import Plan

AUTO_BANDS = (2, 3, 4, 6, 8, 12, 16)
MOST_WORK = 1.5  # multiply-accumulates that patching may take, over those without


def assemble(
    model: Model,
    evaluate: Evaluate,
    rules: Mapping[str, Rule],
    choices: Choices = Choices(),  # noqa: B008 - frozen
    ram_bytes: int | None = None,
) -> Plan:
    """The plan of the main subgraph, placed.

    Args:
        ram_bytes: room for the arena; what `--patch auto` has to fit into.

    Raises:
        NotCompilableError: as `lower`.
    """
    plan = lower(model, evaluate, rules, goal=choices.optimize)
    place(plan)
    fits = ram_bytes is None or plan.arena_bytes <= ram_bytes
    if choices.patch == OFF or (choices.patch == AUTO and fits):
        return plan
    if choices.patch != AUTO:
        bands = int(choices.patch)
        patched = _patched_plans(model, evaluate, rules, choices.optimize, bands, _work(plan))
        return min(
            [plan, *patched],
            key=lambda candidate: (candidate.arena_bytes, _work(candidate)),
        )
    return _least_that_fits(plan, model, evaluate, rules, choices.optimize, ram_bytes or 0)


def _least_that_fits(
    plan: Plan,
    model: Model,
    evaluate: Evaluate,
    rules: Mapping[str, Rule],
    goal: str,
    ram_bytes: int,
) -> Plan:
    """The least work with the fewest bands that fit; the smallest arena if none does."""
    smallest = plan
    for bands in AUTO_BANDS:
        candidates = list(_patched_plans(model, evaluate, rules, goal, bands, _work(plan)))
        fitting = [each for each in candidates if each.arena_bytes <= ram_bytes]
        if fitting:
            return min(fitting, key=_work)
        smallest = min([smallest, *candidates], key=lambda candidate: candidate.arena_bytes)
    return smallest


def _patched_plans(
    model: Model,
    evaluate: Evaluate,
    rules: Mapping[str, Rule],
    goal: str,
    bands: int,
    work: int,
) -> Iterator[Plan]:
    """A plan for every point up to which the bands may go without too much being done twice."""
    for last_op in patching.split_points(model.main):
        patched = patching.split(model, last_op, bands)
        if patched is None:
            continue
        plan = _plan_of(patched, evaluate, rules, goal)
        if _work(plan) > MOST_WORK * work:
            return
        place(plan)
        yield plan


def _plan_of(patched: Patched, evaluate: Evaluate, rules: Mapping[str, Rule], goal: str) -> Plan:
    return patched.finish(lower(patched.model, evaluate, rules, patched.views, goal))


def _work(plan: Plan) -> int:
    return sum(step.macs for step in plan.steps)
