"""Estimates before anything is built: cycles, flash. Real figures come from a deployment.

Of the interpreter engine; lower/cost.py has the compiled one's. Fitted to the networks of the bench
on the Nano 33 (docs/bench.md); a single operator may be off by a quarter, and by more where no
figures were there to fit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tinydeploy.graph.ir import Model, Op, Type
from tinydeploy.ops.work import op_macs

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

_DISPATCH_CYCLES = 200
_REDUCTIONS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ALL", "ARG_MAX", "ARG_MIN")
_REDUCTION_CYCLES = 9.0  # for each element of the input


@dataclass(frozen=True)
class Cost:
    """Cycles of a kernel, for each output element, each tap of its window, and each multiply."""

    output: float
    tap: float = 0.0
    mac: float = 0.0


_COSTS = {
    "ADD": Cost(136),
    "ASSIGN_VARIABLE": Cost(0),
    "AVERAGE_POOL_2D": Cost(40, tap=10.3),
    "BATCH_MATMUL": Cost(110, mac=8),
    "CONCATENATION": Cost(2),
    "CONV_2D": Cost(105, tap=6.5, mac=3.1),
    "DEPTHWISE_CONV_2D": Cost(45, tap=9),
    "DEQUANTIZE": Cost(12),
    "EXPAND_DIMS": Cost(1),
    "FULLY_CONNECTED": Cost(110, mac=3),
    "LOGISTIC": Cost(120),
    "LOG_SOFTMAX": Cost(250),
    "MAX_POOL_2D": Cost(60, tap=9),
    "MUL": Cost(40),
    "QUANTIZE": Cost(30),
    "READ_VARIABLE": Cost(1.5),
    "RESHAPE": Cost(1),
    "SOFTMAX": Cost(250),
    "SQUEEZE": Cost(1),
    "SUB": Cost(136),
    "SVDF": Cost(100, mac=8),
    "TANH": Cost(120),
    "TRANSPOSE_CONV": Cost(195, mac=14),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Cost(500, mac=10),
}
_USUAL = Cost(25)
_INT16_FACTOR = 2.3  # sums of 64 bits


def cycles(op: Op) -> int:
    """Estimated cycles of one run of `op`."""
    if op.code in _REDUCTIONS:
        elements = sum(tensor.size for tensor in op.operands[:1])
        return round(_DISPATCH_CYCLES + elements * _REDUCTION_CYCLES)
    cost = _COSTS.get(op.code, _USUAL)
    outputs = sum(tensor.size for tensor in op.outputs)
    body = outputs * (cost.output + _taps(op) * cost.tap) + op_macs(op) * cost.mac
    is_wide = any(tensor.type is Type.INT16 for tensor in op.operands[:1])
    return round(_DISPATCH_CYCLES + body * (_INT16_FACTOR if is_wide else 1))


def _taps(op: Op) -> int:
    """Positions of the window."""
    if "filter_width" in op.options:
        return int(op.options["filter_width"]) * int(op.options["filter_height"])
    weights = op.input(1)
    is_window = op.code in ("CONV_2D", "DEPTHWISE_CONV_2D") and weights is not None
    return math.prod(weights.shape[1:3]) if is_window and weights is not None else 0


def flash_bytes(model: Model) -> int:
    """Estimated flash of an image with `model` in it."""
    kernels = {op.name for op in model.ops}
    code = sum(_KERNEL_BYTES.get(name, _USUAL_KERNEL_BYTES) for name in kernels)
    return BASE_FLASH_BYTES + code + model.nbytes
