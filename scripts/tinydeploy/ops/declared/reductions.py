"""Operators along axes: sums, extremes, normalization."""

from __future__ import annotations

from tinydeploy.ops import shape_rules
from tinydeploy.ops.operator import Operator, each

_NUMERIC = "float32, int8, int16"

OPERATORS = {
    **each("ARG_MAX ARG_MIN", Operator("float32 -> int32, int8 -> int32")),
    "CUMSUM": Operator("float32, int8"),
    **each("MEAN REDUCE_MAX REDUCE_MIN SUM", Operator(_NUMERIC, shape=shape_rules.reduce)),
    "REDUCE_ALL": Operator("bool"),
    **each("L2_NORMALIZATION LOG_SOFTMAX", Operator("float32, int8", shape=shape_rules.same)),
    "SOFTMAX": Operator(
        "float32, int8, int8 -> int16, int16", shape=shape_rules.same, flash_bytes=5_000
    ),
}
