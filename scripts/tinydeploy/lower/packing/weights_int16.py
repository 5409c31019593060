"""Weights and requantization numbers of int16 layers, as firmware/dsp/dot16.h takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.abi import limits
from tinydeploy.lower.packing.exactness import quantize_multiplier

Array = npt.NDArray[Any]
QUAD = 4
TURN = 4  # steps of two depths
MOST_PAIRS = limits.PAIRS16.most
_BATCH_BYTES = 2048
_LARGEST_INPUT = 1 << 15


@dataclass(frozen=True)
class Scaling16:
    """Multipliers int32 [out] for the upper word of (sum << left) * multiplier."""

    multiplier: Array
    left: int


def scaling(scales: Array, weights: Array, bias: Array) -> Scaling16 | None:
    """Numbers that give what TFLM does; None where 32 bits do not hold every sum.

    TFLM: (sum * m + 2^(s-1)) >> s in 64 bits, with a multiplier m of 16 bits.

    Args:
        scales: double [out].
        weights: int8 [out, depth].
        bias: int64 [out].
    """
    largest = np.abs(weights.astype(np.int64)).sum(axis=1) * _LARGEST_INPUT + np.abs(bias)
    short = [_short(*quantize_multiplier(float(scale))) for scale in scales]
    left = max(0, 16 - min(shift for _, shift in short))
    if (largest << left).max() >= 1 << 31:
        return None
    rows = []
    for (multiplier, shift), most in zip(short, largest, strict=True):
        room = 32 - shift - left
        if room < 0 and int(most) * multiplier >= 1 << shift - 1:
            return None
        rows.append(multiplier << room if room >= 0 else 0)
    return Scaling16(np.array(rows, np.int64), left)


def _short(multiplier: int, shift: int) -> tuple[int, int]:
    """TFLM's multiplier of 16 bits, and by how much the product is shifted right."""
    return (multiplier + (1 << 15)) >> 16 if multiplier < 0x7FFF_0000 else 0x7FFF, 15 - shift


def steps_of(depth: int) -> int:
    """Steps of two depths that the loop over pairs takes."""
    return -(-depth // (2 * TURN)) * TURN


def batch_pairs(steps: int, pixels: int) -> int:
    """Pairs of pixels gathered before they are multiplied."""
    return max(1, min(MOST_PAIRS, _BATCH_BYTES // (8 * steps), -(-pixels // 2)))


def pack_quads(weights: Array, bias: Array, numbers: Scaling16, steps: int) -> Array:
    """Stream of DotPairs16, as words.

    Args:
        weights: int8 [out, depth].
    """
    units, depth = weights.shape
    padded = np.zeros((-(-units // QUAD) * QUAD, 2 * steps), np.int8)
    padded[:units, :depth] = weights
    starts, multipliers = _quads(bias, len(padded)), _quads(numbers.multiplier, len(padded))
    # [group, step, pair of channels, {A0 B0 A1 B1}]
    bytes_ = padded.reshape(-1, 2, 2, steps, 2).transpose(0, 3, 1, 4, 2)
    words = np.ascontiguousarray(bytes_).reshape(len(starts), -1).view("<u4")
    return np.concatenate([starts, words, multipliers], axis=1).reshape(-1)


def pack_rows(filters: Array) -> Array:
    """Filters [out, height, width, depth] as [out, padded depth]: every row of even length."""
    units, height, width, depth = filters.shape
    rows = filters.reshape(units, height, width * depth)
    return np.pad(rows, [(0, 0), (0, 0), (0, width * depth % 2)]).reshape(units, -1)


def pack_depthwise(filters: Array, bias: Array, numbers: Scaling16) -> Array:
    """Stream of td_depthwise16, as words.

    Args:
        filters: int8 [height, width, channels].
    """
    height, width, channels = filters.shape
    padded = np.pad(filters, [(0, 0), (0, width % 2), (0, channels % 2)])
    # [pair, row, two taps, {A0 A1 B0 B1}]
    taps = padded.reshape(height, -1, 2, padded.shape[2] // 2, 2).transpose(3, 0, 1, 4, 2)
    # SXTB16 takes bytes 0 and 2: tap 0 of A and of B.
    words = np.ascontiguousarray(taps).reshape(padded.shape[2] // 2, -1).view("<u4")
    starts, multipliers = (
        _words(np.pad(values, (0, channels % 2))).reshape(-1, 2)
        for values in (bias, numbers.multiplier)
    )
    return np.concatenate([starts, multipliers, words], axis=1).reshape(-1)


def _quads(values: Array, count: int) -> Array:
    return _words(np.pad(values, (0, count - len(values)))).reshape(-1, QUAD)


def _words(values: Array) -> Array:
    return values.astype(np.int64).astype(np.int32).view("<u4")
