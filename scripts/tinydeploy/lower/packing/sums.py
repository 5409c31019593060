"""What a channel's sum starts with, how far it goes and what scales it."""

from __future__ import annotations

import numpy as np

from tinydeploy.lower.packing.words import Array, Int8


def effective_scales(input_scale: float, weight_scales: Array, output_scale: float) -> Array:
    """Double [channels]: product and quotient in double of the float32 scales, as TFLM does."""
    products = np.float64(np.float32(input_scale)) * np.asarray(weight_scales, np.float32).astype(
        np.float64
    )
    return np.asarray(products / np.float64(np.float32(output_scale)))


def fold_bias(bias: Array | None, weights: Int8, input_zero_point: int) -> Array:
    """int64 [out]: bias - input_zero_point * sum of the channel's weights.

    Args:
        bias: int32 [out], or None.
        weights: int8 [out, depth].
    """
    sums = weights.astype(np.int64).sum(axis=1)
    start = np.zeros(len(weights), np.int64) if bias is None else np.asarray(bias, np.int64)
    return np.asarray(start - input_zero_point * sums, np.int64)


def accumulator_bounds(weights: Int8, start: Array) -> tuple[Array, Array]:
    """Lowest and highest sum of each channel over all int8 inputs, the folded bias included.

    Args:
        weights: int8 [out, depth].
        start: int64 [out], from `fold_bias`.
    """
    wide = weights.astype(np.int64)
    positive = np.where(wide > 0, wide, 0).sum(axis=1)
    negative = np.where(wide < 0, wide, 0).sum(axis=1)
    return start + 127 * negative - 128 * positive, start + 127 * positive - 128 * negative
