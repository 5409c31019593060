"""Operators that compute each element by itself: arithmetic, functions, conversions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinydeploy.fuzz.draw import Draw, Shape, Types, UnfitError
from tinydeploy.graph.ir import Quantization, Tensor, Type, per_tensor

_ACTIVATED = ("ADD", "DIV", "MUL", "SUB")
_POSITIVE = ("LOG", "RSQRT", "SQRT")  # NaN elsewhere, which says nothing
# Results whose scale and zero point TFLite fixes.
_FIXED = {
    ("LOGISTIC", Type.INT8): (1 / 256, -128),
    ("LOGISTIC", Type.INT16): (1 / 32768, 0),
    ("TANH", Type.INT8): (1 / 128, 0),
    ("TANH", Type.INT16): (1 / 32768, 0),
}


def partner(draw: Draw, shape: Shape) -> Shape:
    """A shape that broadcasts with `shape`, mostly to it."""
    if draw.chance(0.45):
        return shape
    sizes = [
        1 if draw.chance(0.35) else draw.integer(1, 5) if size == 1 and draw.chance(0.5) else size
        for size in shape
    ]
    return tuple(sizes[draw.integer(0, len(sizes)) :]) if draw.chance(0.3) else tuple(sizes)


def operands(draw: Draw, types: Types, *, same_scale: bool = False) -> tuple[list[Tensor], Shape]:
    """Two tensors in any order, and the shape that they broadcast to; at most one is constant."""
    a = draw.source(types.data)
    shape = partner(draw, a.shape)
    b = draw.other(types.data, shape, like=a if same_scale else None)
    result = tuple(int(n) for n in np.broadcast_shapes(a.shape, b.shape))
    return ([a, b] if draw.chance(0.6) else [b, a]), result


def arithmetic(draw: Draw, code: str, types: Types) -> None:
    """ADD, SUB, MUL, DIV, SQUARED_DIFFERENCE with broadcasting."""
    inputs, shape = operands(draw, types)
    options: dict[str, Any] = {}
    if code in _ACTIVATED:
        # Unlike a convolution's, the sums of int16 are clamped as those of int8 are.
        kind = Type.INT8 if types.data is Type.INT16 else types.data
        activation = "NONE" if kind is Type.INT32 else draw.activation(kind)
        options["fused_activation_function"] = activation
    draw.result(code, inputs, shape, types.result, **options)


def division(draw: Draw, code: str, types: Types) -> None:
    """DIV, FLOOR_DIV and FLOOR_MOD by a constant far from zero."""
    x = draw.source(types.data)
    shape = x.shape if draw.chance(0.5) else tuple(1 if draw.chance(0.4) else n for n in x.shape)
    values = draw.rng.uniform(0.3, 3, shape) * draw.rng.choice([-1, 1], shape)
    if types.data is not Type.FLOAT32:
        values = draw.rng.choice([-7, -3, -2, -1, 1, 2, 5, 100], shape)
    given = draw.quantization(types.data) if types.data is Type.INT8 else None
    if given is not None:
        values = given.zero_point + np.where(given.zero_point > 0, -1, 1) * np.abs(values)
    divisor = draw.build.constant(values.astype(types.data.dtype), types.data, given)
    spread = None
    if given is not None and draw.chance(0.2):  # to where shifts have left the CPU's registers
        scale = float(np.float32(2.0 ** draw.rng.uniform(-30, 20)))
        spread = per_tensor(scale, draw.zero_point(types.result))
    draw.result(code, [x, divisor], x.shape, types.result, spread)


def extreme(draw: Draw, code: str, types: Types) -> None:
    """MAXIMUM and MINIMUM, which compare stored numbers: of one scale."""
    inputs, shape = operands(draw, types, same_scale=True)
    draw.result(code, inputs, shape, types.result, inputs[0].quantization)


def comparison(draw: Draw, code: str, types: Types) -> None:
    """EQUAL and the like; TFLM aborts on a scale of 1 or more."""
    inputs, shape = operands(draw, types)
    if any(t.quantization is not None and t.quantization.scale >= 1 for t in inputs):
        raise UnfitError
    draw.result(code, inputs, shape, Type.BOOL)


def logical(draw: Draw, code: str, types: Types) -> None:
    """LOGICAL_AND and LOGICAL_OR of one shape."""
    a = draw.source(Type.BOOL)
    draw.result(code, [a, draw.source(Type.BOOL, shape=a.shape)], a.shape, Type.BOOL)


def unary(draw: Draw, code: str, types: Types) -> None:
    """Functions of one number."""
    if code in _POSITIVE:
        if draw.grows:
            raise UnfitError
        draw.low = 0.01
    x = _from_zero(draw, types.data) if code == "RSQRT" else draw.source(types.data)
    options: dict[str, Any] = {}
    if code == "LEAKY_RELU":
        options["alpha"] = float(np.float32(draw.rng.uniform(-1.5, 1.5)))
    draw.result(code, [x], x.shape, types.result, _unary_scale(code, x, types.result), **options)


def _from_zero(draw: Draw, kind: Type) -> Tensor:
    """A tensor without negative numbers."""
    x = draw.source(kind)
    if kind is Type.INT8 and x.quantization is not None:
        x.quantization = per_tensor(x.quantization.scale, -128)
    return draw.result("ABS", [x], x.shape, kind, x.quantization) if kind is Type.INT16 else x


def _unary_scale(code: str, x: Tensor, kind: Type) -> Quantization | None:
    if (code, kind) in _FIXED:
        return per_tensor(*_FIXED[code, kind])
    keeps = code in ("RELU6", "ABS", "NEG") or (code == "RELU" and kind is not Type.INT8)
    return x.quantization if keeps else None


def convert(draw: Draw, code: str, types: Types) -> None:
    """QUANTIZE and DEQUANTIZE; here int32 has a scale too."""
    given, result = (
        draw.scale(kind) if kind is Type.INT32 else None for kind in (types.data, types.result)
    )
    x = draw.source(types.data, quantization=given)
    draw.result(code, [x], x.shape, types.result, result)


def cast(draw: Draw, code: str, types: Types) -> None:
    """CAST, of numbers that the other type can hold."""
    if types.data is Type.FLOAT32 and types.result in (Type.UINT8, Type.UINT32):
        draw.low = 0.0
    x = draw.source(types.data)
    draw.result(
        code, [x], x.shape, types.result, in_data_type=types.data.name,
        out_data_type=types.result.name,
    )  # fmt: skip


def prelu(draw: Draw, code: str, types: Types) -> None:
    """PRELU with constant slopes, one a channel or one an element."""
    x = draw.source(types.data, (4,))
    shape = (1, 1, x.shape[3]) if draw.chance(0.7) else x.shape
    given = draw.quantization(types.data)
    slopes = draw.build.constant(draw.values(shape, types.data), types.data, given)
    draw.result(code, [x, slopes], x.shape, types.result)


def select(draw: Draw, code: str, types: Types) -> None:
    """SELECT_V2 with broadcasting."""
    a = draw.source(types.data)
    b = draw.other(types.data, partner(draw, a.shape), like=a)
    shape = np.broadcast_shapes(a.shape, b.shape)
    condition = draw.source(
        Type.BOOL,
        shape=shape if draw.chance(0.5) else tuple(1 if draw.chance(0.4) else n for n in shape),
    )
    draw.result(code, [condition, a, b], shape, types.result, a.quantization)


_ARITHMETIC = "ADD MUL SQUARED_DIFFERENCE SUB"
_UNARY = """
    ABS CEIL COS ELU EXP FLOOR HARD_SWISH LEAKY_RELU LOG LOGICAL_NOT LOGISTIC NEG RELU RELU6 ROUND
    RSQRT SIN SQRT SQUARE TANH
"""

GENERATORS = {
    **dict.fromkeys(_ARITHMETIC.split(), arithmetic),
    **dict.fromkeys(["DIV", "FLOOR_DIV", "FLOOR_MOD"], division),
    **dict.fromkeys(["MAXIMUM", "MINIMUM"], extreme),
    **dict.fromkeys(
        ["EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL"], comparison
    ),
    **dict.fromkeys(["LOGICAL_AND", "LOGICAL_OR"], logical),
    **dict.fromkeys(_UNARY.split(), unary),
    "CAST": cast,
    "DEQUANTIZE": convert,
    "PRELU": prelu,
    "QUANTIZE": convert,
    "SELECT_V2": select,
}
