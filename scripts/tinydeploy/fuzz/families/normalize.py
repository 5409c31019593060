"""Operators over the last axis: softmax and norms."""

from __future__ import annotations

import numpy as np

from tinydeploy.fuzz.draw import Draw, Types
from tinydeploy.graph.ir import Quantization, Tensor, Type, per_tensor


def _scores(draw: Draw) -> Quantization:
    """Scales from hardly any difference to one winner, now and then to where fixed point ends."""
    reach = (0, 4) if draw.chance(0.1) else (-2.5, 0)
    scale = float(np.float32(10 ** draw.rng.uniform(*reach)))
    return per_tensor(scale, draw.zero_point(Type.INT8))


def _long_rows(draw: Draw, x: Tensor) -> Tensor:
    """Another operand if rows at a limit are wanted."""
    row = draw.edge_of("row")
    if row is None:
        return x
    return draw.source(x.type, shape=(draw.integer(1, 2), row), quantization=x.quantization)


def softmax(draw: Draw, code: str, types: Types) -> None:
    """SOFTMAX."""
    given = _scores(draw) if types.data is Type.INT8 else None
    x = draw.source(types.data, quantization=given, most=draw.pick((6, 40)))
    x = _long_rows(draw, x)
    fixed = {
        (Type.INT8, Type.INT8): (1 / 256, -128),
        (Type.INT8, Type.INT16): (1 / 65536, -32768),
        (Type.INT16, Type.INT16): (1 / 32768, 0),
    }.get((types.data, types.result))
    beta = float(np.float32(draw.pick((1.0, 1.0, 0.5, 2.0))))
    draw.result(code, [x], x.shape, types.result, per_tensor(*fixed) if fixed else None, beta=beta)


def log_softmax(draw: Draw, code: str, types: Types) -> None:
    """LOG_SOFTMAX."""
    given = _scores(draw) if types.data is Type.INT8 else None
    x = draw.source(types.data, quantization=given, most=12)
    x = _long_rows(draw, x)
    fixed = per_tensor(16 / 256, 127) if types.data is Type.INT8 else None
    draw.result(code, [x], x.shape, types.result, fixed)


def l2(draw: Draw, code: str, types: Types) -> None:
    """L2_NORMALIZATION."""
    x = draw.source(types.data, (2, 3, 4))
    fixed = per_tensor(1 / 128, 0) if types.data is Type.INT8 else None
    draw.result(code, [x], x.shape, types.result, fixed)


GENERATORS = {
    "L2_NORMALIZATION": l2,
    "LOG_SOFTMAX": log_softmax,
    "SOFTMAX": softmax,
}
