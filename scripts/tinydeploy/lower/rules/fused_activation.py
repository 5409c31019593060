"""Clamps of fused activations: part of a kernel where it is free, else a table after it."""

from __future__ import annotations

import math

import numpy as np

from tinydeploy.graph.ir import Op, Tensor
from tinydeploy.lower.lowering import KernelCall, Lowering, refusal, scale_of
from tinydeploy.lower.packing import elementwise
from tinydeploy.lower.plan.ir import Constant, Pointer

_REAL_RANGES = {
    "NONE": (-math.inf, math.inf),
    "RELU": (0.0, math.inf),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}
INT8 = (-128, 127)


def activation_range(op: Op, tensor: Tensor, limits: tuple[int, int] = INT8) -> tuple[int, int]:
    """Lowest and highest integer of those within `limits` that the activation of `op` lets through.

    Real limits become integers as TFLM does it: divided by the scale in float32, rounded away from
    zero at halves.
    """
    name = op.options.get("fused_activation_function", "NONE")
    if name not in _REAL_RANGES:
        raise refusal(op, f"has the fused activation {name}")
    scale, zero_point = scale_of(tensor)
    low, high = (
        limit if math.isinf(limit) else zero_point + _rounded(np.float32(limit) / np.float32(scale))
        for limit in _REAL_RANGES[name]
    )
    return int(max(low, limits[0])), int(min(high, limits[1]))


def clamp_after(lowering: Lowering, op: Op) -> None:
    """Append a table lookup over the output if the activation leaves out part of int8."""
    result = op.outputs[0]
    low, high = activation_range(op, result)
    if (low, high) != INT8:
        lookup(lowering, op, result, elementwise.lookup_table(lambda x: np.clip(x, low, high)))


def lookup(lowering: Lowering, op: Op, source: Tensor, table: bytes) -> None:
    """Append a step that maps every element of `source` into the output of `op`."""
    given = lowering.buffer(source)
    result = op.outputs[0]
    output = given if source is result else lowering.output(op, over=source)
    lowering.append(
        op,
        KernelCall(
            "dsp/elementwise.h",
            "td_lookup",
            [
                Pointer(given, "const int8_t"),
                Constant("table", np.frombuffer(table, np.int8)),
                Pointer(output),
            ],
            reads=[given],
            writes=output,
            params_type="uint32_t",
            params={"": result.size},
        ),
    )


def _rounded(value: np.float32) -> int:
    return int(math.copysign(math.floor(abs(float(value)) + 0.5), float(value)))
