"""Rules for operators of two int8 tensors: ADD, SUB, MUL, MAXIMUM, MINIMUM."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from tinydeploy.abi import params as declared
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Array, Op, Tensor, Type
from tinydeploy.graph.write_tflite import dump
from tinydeploy.lower.lowering import (
    KernelCall,
    Lowering,
    quantization_of,
    refusal,
    require_int8,
    scale_of,
)
from tinydeploy.lower.packing import elementwise
from tinydeploy.lower.packing.exactness import quantize_multiplier, rescale
from tinydeploy.lower.plan.ir import Argument, Buffer, Constant, Number, Pointer
from tinydeploy.lower.rules.fused_activation import INT8, activation_range, clamp_after, lookup

_ADD = declared.ADD
_ADD_BITS = 20  # TFLM shifts int8 terms left by this before it scales them


def add(lowering: Lowering, op: Op) -> None:
    """ADD and SUB."""
    require_int8(op, *op.operands, op.outputs[0])
    if _by_table(lowering, op) or _fast_add(lowering, op):
        return
    large, small = sizes(op)
    result = op.outputs[0]
    largest = 2 * max(float(np.float32(scale_of(tensor)[0])) for tensor in op.operands)
    multiplier, shift = quantize_multiplier(
        largest / ((1 << _ADD_BITS) * float(np.float32(scale_of(result)[0])))
    )
    if not -31 <= shift <= -1:
        raise refusal(op, "has an output of a much finer scale than its inputs")
    terms = [
        Constant(f"terms_{name}", _terms(tensor, largest, -1 if negative else 1))
        for name, tensor, negative in (
            ("a", large, op.code == "SUB" and large is not op.operands[0]),
            ("b", small, op.code == "SUB" and large is op.operands[0]),
        )
    ]
    _call(lowering, op, "td_add_terms", terms, {"multiplier": multiplier, "shift": shift})


def multiply(lowering: Lowering, op: Op) -> None:
    """MUL."""
    require_int8(op, *op.operands, op.outputs[0])
    if _by_table(lowering, op):
        return
    large, small = sizes(op)
    a, b, out = (float(np.float32(scale_of(t)[0])) for t in (*op.operands, op.outputs[0]))
    multiplier, shift = quantize_multiplier(a * b / out)
    zero_points = {"zero_point_a": scale_of(large)[1], "zero_point_b": scale_of(small)[1]}
    numbers = {"multiplier": multiplier, "shift": shift, **zero_points}
    _call(lowering, op, "td_multiply", [], numbers)


def extreme(lowering: Lowering, op: Op) -> None:
    """MAXIMUM and MINIMUM of tensors of one quantization."""
    require_int8(op, *op.operands, op.outputs[0])
    if _by_table(lowering, op):
        return
    if any(not quantization_of(t).same(op.outputs[0].quantization) for t in op.operands):
        raise refusal(op, "compares tensors of different scales")
    _call(lowering, op, f"td_{op.code.lower()}", [], {})


def _by_table(lowering: Lowering, op: Op) -> bool:
    """With one number for a constant it is a function of one int8, of which TFLM makes a table."""
    a, b = op.operands
    constant, source = (a, b) if a.is_constant else (b, a)
    if constant.data is None or constant.size != 1 or source.shape != op.outputs[0].shape:
        return False
    build = Builder()
    x = build.input((256,), Type.INT8, source.quantization)
    number = build.constant(constant.data.reshape(1), quantization=constant.quantization)
    inputs = [number, x] if a.is_constant else [x, number]
    result = op.outputs[0].quantization
    y = build.op(op.code, inputs, (256,), Type.INT8, result, **op.options)
    order = np.roll(elementwise.ALL_INT8, 128).astype(np.int8)
    answer = lowering.evaluate(dump(build.model(y)), [order])
    if answer is None:
        raise refusal(op, "is refused by TFLM")
    lookup(lowering, op, source, answer[0].astype(np.int8).tobytes())
    return True


def _fast_add(lowering: Lowering, op: Op) -> bool:
    """Two activations of one shape, where the kernel by DSP instructions is exact."""
    a, b, result = op.operands[0], op.operands[1], op.outputs[0]
    if a.shape != b.shape or a.is_constant or b.is_constant:
        return False
    sign = -1 if op.code == "SUB" else 1
    params = elementwise.add_params(scale_of(a), scale_of(b), scale_of(result), result.size, sign)
    if params is None:
        return False
    first, second = lowering.buffer(a), lowering.buffer(b)
    output = output_over(lowering, op)
    lowering.append(
        op,
        KernelCall(
            "dsp/elementwise.h",
            "td_add",
            [Pointer(first, "const int8_t"), Pointer(second, "const int8_t"), Pointer(output)],
            reads=[first, second],
            writes=output,
            params_type=_ADD.name,
            params=params,
        ),
    )
    clamp_after(lowering, op)
    return True


def _terms(tensor: Tensor, largest: float, sign: int) -> Array:
    """int32 [256]: what TFLM adds for each int8, in the order of the bits."""
    scale, zero_point = scale_of(tensor)
    factor = quantize_multiplier(float(np.float32(scale)) / largest)
    offsets = (np.roll(elementwise.ALL_INT8, 128) - zero_point) << _ADD_BITS
    return (sign * rescale(offsets, *factor)).astype(np.int32)


def sizes(op: Op) -> tuple[Tensor, Tensor]:
    """The operand of the output's shape, and the other, which repeats along it."""
    shape = op.outputs[0].shape
    a, b = op.operands
    large, small = (a, b) if a.shape == shape and not a.is_constant else (b, a)
    tail = list(small.shape)
    while tail and tail[0] == 1:
        tail.pop(0)
    if large.shape != shape or large.is_constant or tuple(tail) != shape[len(shape) - len(tail) :]:
        raise refusal(op, f"broadcasts {list(a.shape)} and {list(b.shape)}")
    return large, small


def _call(
    lowering: Lowering, op: Op, function: str, tables: list[Constant], numbers: Mapping[str, Number]
) -> None:
    large, small = sizes(op)
    result = op.outputs[0]
    given = [tensor for tensor in (large, small) if not tensor.is_constant]
    reads = [lowering.buffer(tensor) for tensor in given]
    output = output_over(lowering, op)
    lowest, highest = activation_range(op, result) if tables or numbers else INT8
    lowering.append(
        op,
        KernelCall(
            "dsp/binary.h",
            function,
            [_operand(lowering, large), _operand(lowering, small), *tables, Pointer(output)],
            reads=reads,
            writes=output,
            params_type="BinaryParams",
            params={
                "count": result.size,
                "period": math.prod(small.shape),
                "multiplier": 0,
                "shift": 0,
                "zero_point_a": 0,
                "zero_point_b": 0,
                **numbers,
                "output_zero_point": scale_of(result)[1],
                "lowest": lowest,
                "highest": highest,
            },
        ),
    )


def _operand(lowering: Lowering, tensor: Tensor) -> Argument:
    if tensor.data is not None:
        return Constant("second", tensor.data.reshape(-1))
    return Pointer(lowering.buffer(tensor), "const int8_t")


def output_over(lowering: Lowering, op: Op) -> Buffer:
    """Over an input of the same size, if one dies here."""
    same = [tensor for tensor in op.operands if tensor.size == op.outputs[0].size]
    return lowering.output(op, over=next((t for t in same if lowering.dies_here(t, op)), None))
