"""Rules for operators of two int16 tensors: ADD, SUB, MUL."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinydeploy.graph.ir import Array, Op, Tensor
from tinydeploy.lower.lowering import KernelCall, Lowering, refusal, require_int16, scale_of
from tinydeploy.lower.packing import elementwise_int16
from tinydeploy.lower.plan.ir import Argument, Constant, Field, Pointer
from tinydeploy.lower.rules.binary import output_over, sizes
from tinydeploy.lower.rules.conv_int16 import limits, mode

_LONG_ROW = 64  # elements; constants that repeat are shorter only if they must


def add(lowering: Lowering, op: Op) -> None:
    """ADD and SUB."""
    _require(op)
    a, b = op.operands
    fine, coarse = (a, b) if scale_of(a)[0] <= scale_of(b)[0] else (b, a)
    of_fine = elementwise_int16.fine_factor(scale_of(fine)[0], scale_of(coarse)[0])
    of_sum = elementwise_int16.sum_factor(scale_of(coarse)[0], scale_of(op.outputs[0])[0])
    if of_sum is None:
        raise refusal(op, "has an output of a much finer scale than its inputs")
    subtracts = op.code == "SUB"
    minus = subtracts and coarse is b
    factors = {
        "fine_multiplier": of_fine.multiplier,
        "fine_shift": of_fine.shift,
        "coarse_factor": -elementwise_int16.COARSE_FACTOR
        if minus
        else elementwise_int16.COARSE_FACTOR,
        "output_multiplier": of_sum.multiplier,
        "output_shift": of_sum.shift,
    }
    function = "td_subtract16" if subtracts and not minus else "td_add16"
    body = [] if function == "td_subtract16" else [f"td_add_pairs16_{mode(op)}"]
    operands = {"fine": fine, "coarse": coarse}
    _call(lowering, op, function, "AddParams16", operands, factors, *body)


def multiply(lowering: Lowering, op: Op) -> None:
    """MUL."""
    _require(op)
    a, b, out = (float(np.float32(scale_of(t)[0])) for t in (*op.operands, op.outputs[0]))
    factor = elementwise_int16.factor(a * b / out)
    if factor is None:
        raise refusal(op, "has an output of a much finer scale than its inputs")
    numbers = {"multiplier": factor.multiplier, "shift": factor.shift}
    operands = dict(zip("ab", op.operands, strict=True))
    _call(lowering, op, "td_multiply16", "MultiplyParams16", operands, numbers)


def _require(op: Op) -> None:
    tensors = (*op.operands, op.outputs[0])
    require_int16(op, *tensors)
    if any(scale_of(tensor)[1] for tensor in tensors):
        raise refusal(op, "has a zero point")


def _call(
    lowering: Lowering, op: Op, function: str, params_type: str, operands: Mapping[str, Tensor],
    factors: Mapping[str, Field], *body: str,
) -> None:  # fmt: skip
    """A step of the form (params, one, other, output[, inner loop])."""
    _, small = sizes(op)
    count, length = op.outputs[0].size, small.size
    values: Array | None = None
    if small.data is not None:
        values = _lengthened(small.data.reshape(-1), count)
        length = values.size
    arguments: list[Argument] = [
        Constant(name, values)
        if tensor is small and values is not None
        else Pointer(lowering.buffer(tensor), "const int16_t")
        for name, tensor in operands.items()
    ]
    steps = {
        f"{name}_step": 0 if tensor is small and length < count else length
        for name, tensor in operands.items()
    }
    output = output_over(lowering, op)
    lowering.append(
        op,
        KernelCall(
            "dsp/elementwise16.h",
            function,
            [*arguments, Pointer(output, "int16_t"), *body],
            reads=[argument.buffer for argument in arguments if isinstance(argument, Pointer)],
            writes=output,
            params_type=params_type,
            params={"rows": count // length, "length": length, **steps, **factors, **limits(op)},
        ),
    )


def _lengthened(values: Array, count: int) -> Array:
    """Values that repeat up to `count`, repeated a few times: short rows are slow."""
    while 2 * values.size <= _LONG_ROW and count % (2 * values.size) == 0:
        values = np.tile(values, 2)
    return values
