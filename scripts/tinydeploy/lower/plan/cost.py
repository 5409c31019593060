"""Estimates of a compiled plan before anything is built: cycles, flash.

Cycles are fitted to steps that ran on the simulated core (docs/estimates.md has the errors and
the command). Flash is fitted to the networks of the bench (docs/bench.md) and may be off by 15 %.
Real figures come from a deployment.
"""

from __future__ import annotations

from pathlib import Path

from tinydeploy.lower.plan.ir import Plan, Step
from tinydeploy.lower.plan.step_features import RUN_KERNEL, features, key
from tinydeploy.ops import cost, table

COSTS = Path(__file__).with_name("costs.json")
BASE_FLASH_BYTES = 7_500  # what every image has: link, board, start-up
_FUNCTION_BYTES = 1_000  # what a kernel, or the inner loop of one, adds
_STEP_BYTES = 90  # its call, parameters and row in the table
DISPATCH_CYCLES = 40  # of a step, beside it
_INTERPRETERS_CYCLES = 100  # of the interpreter for an operator, that a step does not have


def cycles(plan: Plan) -> int:
    """Estimated cycles of one inference."""
    return sum(map(step_cycles, plan.steps))


def step_cycles(step: Step) -> int:
    """Estimated cycles of a step and its call."""
    if step.function == RUN_KERNEL and step.op is not None:
        kernel = max(cost.cycles(step.op) - _INTERPRETERS_CYCLES, 0)
        return DISPATCH_CYCLES + kernel
    return round(DISPATCH_CYCLES + table.estimate(table.load(COSTS), key(step), features(step)))


def flash_bytes(plan: Plan) -> int:
    """Estimated flash of an image with the plan in it."""
    functions = {step.function for step in plan.steps}
    functions |= {a for step in plan.steps for a in step.arguments if isinstance(a, str)}
    code = _FUNCTION_BYTES * len(functions) + _STEP_BYTES * len(plan.steps)
    return BASE_FLASH_BYTES + code + plan.flash_constants_bytes
