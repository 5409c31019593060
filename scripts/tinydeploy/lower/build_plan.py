"""A placed plan of an optimised model: lowering, patching where wanted, placement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from tinydeploy import arena
from tinydeploy.errors import TinyDeployError
from tinydeploy.graph.ir import Model
from tinydeploy.lower import patching
from tinydeploy.lower.compile_options import AUTO, OFF, Choices
from tinydeploy.lower.lowering import NO_SCRATCH, Evaluate, Rule, lower
from tinydeploy.lower.memory.planner import bytes_by_step, place
from tinydeploy.lower.patching import Patched
from tinydeploy.lower.plan.ir import Plan

AUTO_BANDS = (2, 3, 4, 6, 8, 12, 16)
MOST_LOWERED = 200_000  # operators, in all plans that are tried for one model
MOST_WORK = 1.5  # multiply-accumulates that patching may take, over those without


def assemble(
    model: Model,
    evaluate: Evaluate,
    rules: Mapping[str, Rule],
    choices: Choices = Choices(),  # noqa: B008 - frozen
    ram_bytes: int | None = None,
    most_bytes: int | None = None,
) -> Plan:
    """The plan of the main subgraph, placed.

    Args:
        ram_bytes: room for the arena; what `--patch auto` has to fit into.
        most_bytes: of arena, from `most_arena`; kernels take less scratch memory to stay below it.

    Raises:
        NotCompilableError: as `lower`.
    """
    plan = _within(model, evaluate, rules, choices.optimize, most_bytes)
    fits = ram_bytes is None or plan.arena_bytes <= ram_bytes
    if choices.patch == OFF or (choices.patch == AUTO and fits):
        return plan
    if choices.patch != AUTO:
        bands = int(choices.patch)
        patched = _patched_plans(
            model, evaluate, rules, choices.optimize, bands, _work(plan), Counter()
        )
        return min(
            [plan, *patched],
            key=lambda candidate: (candidate.arena_bytes, _work(candidate)),
        )
    return _least_that_fits(plan, model, evaluate, rules, choices.optimize, ram_bytes or 0)


def most_arena(model: Model) -> int | None:
    """What the interpreter takes for `model`, as it is in the file; None: it does not take it."""
    try:
        return arena.needs(model).total_bytes
    except TinyDeployError:
        return None


def _within(
    model: Model,
    evaluate: Evaluate,
    rules: Mapping[str, Rule],
    goal: str,
    most_bytes: int | None,
) -> Plan:
    """The plan; with less scratch memory where the arena would be larger than `most_bytes`."""
    economy: dict[int, int] = {}
    best = plan = lower(model, evaluate, rules, goal=goal)
    place(plan)
    for _ in range(max(MOST_LOWERED // max(len(model.main.ops), 1), 1)):
        if most_bytes is None or best.arena_bytes <= most_bytes:
            break
        more = _crowded(plan, most_bytes, economy)
        if not more:
            break
        economy |= more
        plan = lower(model, evaluate, rules, goal=goal, economy=economy)
        place(plan)
        best = min(best, plan, key=lambda each: each.arena_bytes)
    return best


def _crowded(plan: Plan, most_bytes: int, economy: Mapping[int, int]) -> dict[int, int]:
    """Operators that shall take less scratch than in `plan`: those of the fullest moments.

    Where every moment would fit but the placement does not, all that still can.
    """
    needed = bytes_by_step(plan)
    can = [
        step.op_index
        for step in plan.steps
        if step.scratch and step.kernel is None and economy.get(step.op_index, 0) < NO_SCRATCH
    ]
    full = {
        step.op_index for step, size in zip(plan.steps, needed, strict=True) if size > most_bytes
    }
    wanted = full & set(can) or set(can)
    return {index: economy.get(index, 0) + 1 for index in wanted}


def _least_that_fits(
    plan: Plan,
    model: Model,
    evaluate: Evaluate,
    rules: Mapping[str, Rule],
    goal: str,
    ram_bytes: int,
) -> Plan:
    """The least work with the fewest bands that fit; the smallest arena if none does."""
    smallest, tried = plan, Counter[str]()
    for bands in AUTO_BANDS:
        candidates = list(_patched_plans(model, evaluate, rules, goal, bands, _work(plan), tried))
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
    tried: Counter[str],
) -> Iterator[Plan]:
    """A plan for every point up to which the bands may go without too much being done twice.

    Args:
        tried: how many operators were lowered for it already; this adds to them.
    """
    for last_op in patching.split_points(model.main):
        tried["operators"] += len(model.main.ops) + bands * last_op
        if tried["operators"] > MOST_LOWERED:
            return
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
