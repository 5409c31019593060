"""Estimates before anything is built: cycles, flash. Real figures come from a deployment.

Of the interpreter engine; lower/plan/cost.py has the compiled one's. Cycles are fitted to operators
that ran on the simulated core (docs/estimates.md has the errors and the command), flash to the
networks of the bench (docs/bench.md).
"""

from __future__ import annotations

from pathlib import Path

from tinydeploy.graph.ir import Model, Op
from tinydeploy.ops import table
from tinydeploy.ops.declared import operator_of
from tinydeploy.ops.features import features, key

BASE_FLASH_BYTES = 21_500  # what every image has: runtime, link, board
COSTS = Path(__file__).with_name("costs.json")


def cycles(op: Op) -> int:
    """Estimated cycles of one run of `op`."""
    return round(table.estimate(table.load(COSTS), key(op), features(op)))


def flash_bytes(model: Model) -> int:
    """Estimated flash of an image with `model` in it."""
    kernels = {op.name: operator_of(op) for op in model.ops}
    code = sum(operator.flash_bytes for operator in kernels.values())
    return BASE_FLASH_BYTES + code + model.nbytes
