"""Estimates of a compiled plan before anything is built: cycles, flash.

Fitted to the networks of the bench on the Nano 33 (docs/bench.md); a network may be off by a
quarter, a single step by more. Real figures come from a deployment.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinydeploy.lower.plan import Plan, Step

BASE_FLASH_BYTES = 7_500  # what every image has: link, board, start-up
_FUNCTION_BYTES = 1_000  # what a kernel, or the inner loop of one, adds
_STEP_BYTES = 90  # its call, parameters and row in the table
_DISPATCH_CYCLES = 40


@dataclass(frozen=True)
class Cost:
    """Cycles of a kernel for each byte of output, multiply-accumulate, and byte of input."""

    output: float
    mac: float = 0.0
    input: float = 0.0


_COSTS = {
    "td_add": Cost(7.5),
    "td_average_pool": Cost(20, input=2.1),
    "td_average_pool16": Cost(20, input=1.9),
    "td_conv": Cost(30, 0.95),
    "td_conv16": Cost(5, 1.25),
    "td_conv_general": Cost(60, 8),
    "td_copy": Cost(0.7),
    "td_depthwise": Cost(0, 2.8),
    "td_depthwise16": Cost(0, 7),
    "td_depthwise_any": Cost(60, 6),
    "td_depthwise_time": Cost(25, 4),
    "td_fill": Cost(0.5),
    "td_fully_connected": Cost(12, 1.2),
    "td_fully_connected16": Cost(6, 1.6),
    "td_max_pool": Cost(20, input=2.1),
    "td_mean": Cost(20, input=2.1),
    "td_move": Cost(1.5),
    "td_pointwise": Cost(12.5, 0.95),
    "td_softmax": Cost(90),
}
_USUAL = Cost(15, 2)
_INTERPRETED = Cost(60, 8)


def cycles(plan: Plan) -> int:
    """Estimated cycles of one inference."""
    return round(sum(map(_step_cycles, plan.steps)))


def _step_cycles(step: Step) -> float:
    usual = _USUAL if step.kernel is None else _INTERPRETED
    cost = _COSTS.get(step.function, usual)
    outputs = sum(buffer.size for buffer in step.writes)
    inputs = sum(buffer.size for buffer in step.reads)
    return _DISPATCH_CYCLES + outputs * cost.output + step.macs * cost.mac + inputs * cost.input


def flash_bytes(plan: Plan) -> int:
    """Estimated flash of an image with the plan in it."""
    functions = {step.function for step in plan.steps}
    functions |= {a for step in plan.steps for a in step.arguments if isinstance(a, str)}
    code = _FUNCTION_BYTES * len(functions) + _STEP_BYTES * len(plan.steps)
    return BASE_FLASH_BYTES + code + plan.flash_constants_bytes
