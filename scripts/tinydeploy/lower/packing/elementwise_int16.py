"""Parameters of the int16 kernels of firmware/dsp, made on the PC: factors of sums and products,
curves of softmax."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.abi import limits
from tinydeploy.lower.packing.exactness import quantize_multiplier

Array = npt.NDArray[Any]

ADD_BITS = 15  # TFLM shifts int16 terms left by this before it scales them
COARSE_FACTOR = 1 << 30  # of the input with the larger scale
_PIECES = limits.CURVE_PIECES.most
_EXP_REACH = 10.0  # exp(-10) counts as nothing


@dataclass(frozen=True)
class Factor:
    """multiplier / 2^(31 + shift), shift in [1, 31]."""

    multiplier: int
    shift: int


def factor(real: float) -> Factor | None:
    """The factor that TFLM makes of `real` >= 0; None if it is from 1/2 on, or none at all."""
    multiplier, shift = quantize_multiplier(real)
    return Factor(multiplier, -shift) if -31 <= shift <= -1 else None


def fine_factor(fine: float, coarse: float) -> Factor:
    """Factor of the input of the smaller scale in a sum, to twice the larger scale."""
    ratio = float(np.float32(fine)) / (2 * float(np.float32(coarse)))
    multiplier, shift = quantize_multiplier(ratio)
    if shift < 0:
        return Factor(multiplier, -shift)
    # A half is 2^30 without a shift; this makes the same of every int16.
    return Factor((1 << 31) - 1 if multiplier else 0, 1)


def sum_factor(coarse: float, output: float) -> Factor | None:
    """Factor from the scale of the sum to the output's; None if the kernel cannot."""
    twice = 2 * float(np.float32(coarse))
    return factor(twice / ((1 << ADD_BITS) * float(np.float32(output))))


def softmax_scaling(beta: float, scale: float) -> dict[str, int] | None:
    """Fields of SoftmaxParams16 that lead to the scale of its tables; None where TFLM refuses.

    Args:
        scale: of the input.
    """
    real = float(np.float32(scale)) * float(np.float32(beta)) / (_EXP_REACH / 65535.0)
    multiplier, shift = quantize_multiplier(real)
    if real < 0 or shift >= ADD_BITS:
        return None
    down = max(-shift, 0)
    # TFLM rounds halves away from zero, and what is scaled here is never positive.
    nudge = (1 << down - 1) - 1 if down else 0
    return {"multiplier": multiplier, "nudge": nudge, "up": max(shift, 0) + 1, "down": down}


def exponential_curve() -> Array:
    """exp on [-10, 0]: int16 [513]."""
    return _curve(math.exp, -_EXP_REACH, 0.0)


def reciprocal_curve() -> Array:
    """1 / (1 + x) on [0, 1]: int16 [513]."""
    return _curve(lambda x: 1 / (1 + x), 0.0, 1.0)


def _curve(function: Callable[[float], float], lowest: float, highest: float) -> Array:
    """Ends of straight pieces, as TFLM makes them in float32.

    Each end gives way by half of what a straight line is off in the middle of its piece.
    """

    def at(x: float) -> float:
        return _float32(_float32(function(x)) * 32768)

    step = (highest - lowest) / _PIECES
    ends = []
    for x in (lowest + index * step for index in range(_PIECES)):
        here = _rounded(at(x))
        line = _rounded(_float32(at(x + step) + here) / 2)
        ends.append(here - _rounded((line - _rounded(at(x + step / 2))) / 2))
    ends.append(_rounded(at(highest)))
    return np.clip(ends, -32768, 32767).astype(np.int16)


def _float32(x: float) -> float:
    return float(np.float32(x))


def _rounded(x: float) -> float:
    """To nearest, halves away from zero."""
    return math.copysign(math.floor(abs(x) + 0.5), x)
