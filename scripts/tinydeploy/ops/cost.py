"""Estimates before anything is built: cycles, flash. Real figures come from a deployment.

The cycles are those of portable kernels on a Cortex-M4 (model of docs: zero wait states), fitted to
whole models; single operators may be off by a third.
"""

from __future__ import annotations

from tinydeploy.graph.ir import Model, Op
from tinydeploy.ops.work import op_macs

# Cycles per multiply-accumulate, requantization included.
_CYCLES_PER_MAC = {
    "CONV_2D": 12.5,
    "DEPTHWISE_CONV_2D": 22.0,
    "TRANSPOSE_CONV": 14.0,
    "FULLY_CONNECTED": 10.5,
    "BATCH_MATMUL": 12.0,
    "SVDF": 10.0,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 12.0,
}

# Cycles per element: of the input for reductions, else of the output.
_CYCLES_PER_ELEMENT = {
    "ADD": 55.0,
    "SUB": 55.0,
    "MUL": 40.0,
    "SOFTMAX": 300.0,
    "LOG_SOFTMAX": 400.0,
    "LOGISTIC": 120.0,
    "TANH": 120.0,
    "QUANTIZE": 30.0,
    "DEQUANTIZE": 12.0,
    "RESHAPE": 1.0,
    "SQUEEZE": 1.0,
    "EXPAND_DIMS": 1.0,
}
_USUAL_PER_ELEMENT = 25.0
_WINDOWS = ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D")
_REDUCTIONS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ALL", "ARG_MAX", "ARG_MIN")
_CYCLES_PER_WINDOW_ELEMENT = 9.0
_DISPATCH_CYCLES = 200

# Flash in bytes: what every image has (runtime, link, board), and what a kernel adds.
BASE_FLASH_BYTES = 20_000
_KERNEL_BYTES = {
    "CONV_2D": 2_600,
    "DEPTHWISE_CONV_2D": 2_600,
    "TRANSPOSE_CONV": 2_600,
    "FULLY_CONNECTED": 1_900,
    "SOFTMAX": 2_600,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 5_000,
}
_USUAL_KERNEL_BYTES = 1_400


def cycles(op: Op) -> int:
    """Estimated cycles of one run of `op`."""
    if op.code in _CYCLES_PER_MAC:
        return round(_DISPATCH_CYCLES + op_macs(op) * _CYCLES_PER_MAC[op.code])
    return round(_DISPATCH_CYCLES + _elements(op) * _per_element(op))


def _per_element(op: Op) -> float:
    if op.code in _WINDOWS or op.code in _REDUCTIONS:
        return _CYCLES_PER_WINDOW_ELEMENT
    return _CYCLES_PER_ELEMENT.get(op.code, _USUAL_PER_ELEMENT)


def _elements(op: Op) -> int:
    if op.code in _REDUCTIONS:
        return sum(tensor.size for tensor in op.operands[:1])
    window: int = op.options.get("filter_width", 1) * op.options.get("filter_height", 1)
    return window * sum(tensor.size for tensor in op.outputs)


def flash_bytes(model: Model) -> int:
    """Estimated flash of an image with `model` in it."""
    kernels = {op.name for op in model.ops}
    code = sum(_KERNEL_BYTES.get(name, _USUAL_KERNEL_BYTES) for name in kernels)
    return BASE_FLASH_BYTES + code + model.nbytes
