"""Operators that compute each element by itself: arithmetic, functions, conversions."""

from __future__ import annotations

from tinydeploy.ops import shape_rules
from tinydeploy.ops.operator import Operator, each

_NUMERIC = "float32, int8, int16"
_NUMBERS = "float32, int8, int16, int32"
_CASTS = ("float32", "int8", "int16", "uint8", "int32", "int64", "bool", "uint32")
_PAIRS = ", ".join(a if a == b else f"{a} -> {b}" for a in _CASTS for b in _CASTS)
_ORDERED = "float32 -> bool, int8 -> bool, int16 -> bool, int32 -> bool, int64 -> bool, bool"
_QUANTIZED = (
    "float32 -> int8, float32 -> int16, "
    "int8, int8 -> int16, int8 -> int32, int8 -> uint8, uint8 -> int8, "
    "int16, int16 -> int8, int16 -> int32, int32 -> int8, int32 -> int16"
)


def _unary(types: str, *, channelwise: bool = False) -> Operator:
    return Operator(types, shape=shape_rules.same, channelwise=channelwise)


def _binary(types: str) -> Operator:
    return Operator(types, shape=shape_rules.broadcast)


OPERATORS = {
    **each("ADD MUL SQUARED_DIFFERENCE SUB", _binary(_NUMBERS)),
    **each("DIV", _binary("float32, int8, int32")),
    **each("FLOOR_DIV FLOOR_MOD", _binary("float32")),
    **each("MAXIMUM MINIMUM", _binary("float32, int8, int16, int32, int64")),
    **each("EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL NOT_EQUAL", _binary(_ORDERED)),
    **each("LOGICAL_AND LOGICAL_OR", _binary("bool")),
    **each("PRELU", _binary("float32, int8")),
    **each("ADD_N", Operator("float32, int8")),
    **each("LEAKY_RELU LOGISTIC RELU RELU6 TANH", _unary(_NUMERIC, channelwise=True)),
    **each("HARD_SWISH", _unary("float32, int8", channelwise=True)),
    **each("ELU", _unary("float32, int8")),
    **each("ABS RSQRT", _unary(_NUMERIC)),
    **each("CEIL COS EXP FLOOR LOG NEG ROUND SIN SQRT SQUARE", _unary("float32")),
    **each("LOGICAL_NOT", _unary("bool")),
    **each("CAST", Operator(_PAIRS, shape=shape_rules.same, keeps_values=True)),
    **each("DEQUANTIZE", _unary("int8 -> float32, uint8 -> float32, int16 -> float32")),
    **each("QUANTIZE", _unary(_QUANTIZED, channelwise=True)),
}
