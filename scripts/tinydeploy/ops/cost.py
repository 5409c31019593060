"""Estimates before anything is built: cycles, flash. Real figures come from a deployment.

Of the interpreter engine; lower/plan/cost.py has the compiled one's. Cycles are fitted to operators
that ran on the simulated core (docs/estimates.md has the errors and the command), flash to the
networks of the bench (docs/bench.md).
"""

from __future__ import annotations

from pathlib import Path

from tinydeploy.graph.ir import Model, Op
from tinydeploy.ops import table
from tinydeploy.ops.features import features, key

# Flash in bytes: what every image has (runtime, link, board), and what a kernel adds.
BASE_FLASH_BYTES = 21_500
_KERNEL_BYTES = {
    "CONV_2D": 5_500,
    "DEPTHWISE_CONV_2D": 5_500,
    "TRANSPOSE_CONV": 5_500,
    "FULLY_CONNECTED": 2_500,
    "SOFTMAX": 5_000,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 6_000,
}
_USUAL_KERNEL_BYTES = 1_500

COSTS = Path(__file__).with_name("costs.json")


def cycles(op: Op) -> int:
    """Estimated cycles of one run of `op`."""
    return round(table.estimate(table.load(COSTS), key(op), features(op)))


def flash_bytes(model: Model) -> int:
    """Estimated flash of an image with `model` in it."""
    kernels = {op.name for op in model.ops}
    code = sum(_KERNEL_BYTES.get(name, _USUAL_KERNEL_BYTES) for name in kernels)
    return BASE_FLASH_BYTES + code + model.nbytes
