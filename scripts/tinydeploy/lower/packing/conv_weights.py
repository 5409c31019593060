"""Convolutions and fully connected layers as the dot products of firmware/dsp take them: streams of
weights with starting sums and requantization, and the params of the kernels.

Everything is folded here, on the PC: input offset into the bias, bias into the starting sums,
output offset and rounding into one constant per channel. `exactness` says for which channels the
fast kernels are exact; for others the lowering chooses the general kernel.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinydeploy.abi import limits
from tinydeploy.abi import params as declared
from tinydeploy.lower.packing.exactness import MOST_RIGHT, Scaling, quantize_multiplier
from tinydeploy.lower.packing.words import OCTET, QUAD, Array, Geometry, Int8, pack_groups, pad

Int32 = npt.NDArray[np.int32]


def pack_pointwise(weights: Int8, start: Array, scaling: Scaling) -> bytes:
    """The stream of `DotPairs` (firmware/dsp/dot.h) for td_pointwise.

    Args:
        weights: int8 [out, in], without `crowded_lanes`.
        start: int64 [out], from `fold_bias`.
        scaling: made with biased=True.
    """
    return pack_groups(weights, start, scaling, QUAD)


def pack_dense(weights: Int8, start: Array, scaling: Scaling) -> bytes:
    """The stream of `DotOne` for td_fully_connected; arguments as in `pack_pointwise`."""
    return pack_groups(weights, start, scaling, OCTET)


def dense_scratch_bytes(depth: int) -> int:
    """Scratch of td_fully_connected."""
    return 8 * -(-depth // 4)


MAX_BATCH = limits.GATHERED_PIXELS.most
BATCH_SCRATCH = 512  # bytes of columns that more than one pair may take


def batch_pixels(steps: int) -> int:
    """How many pixels to gather at a time: many where a patch is short, 2 where it is long."""
    return max(2, min(MAX_BATCH, BATCH_SCRATCH // (4 * steps) & ~1))


DIRECT, RING, INTERLEAVED = range(3)  # RowAccess of firmware/dsp/conv.h


def interleaves(kernel_height: int, in_channels: int, out_channels: int) -> bool:
    """Whether td_conv reads rows interleaved: 3-row kernels on RGB, where 9 bytes fill no words."""
    return kernel_height == 3 and in_channels == 3 and out_channels > 3


def conv_steps(kernel_height: int, kernel_width: int, in_channels: int) -> int:
    """Steps of two depths: each kernel row is filled up to whole words of four int8."""
    return 2 * kernel_height * -(-kernel_width * in_channels // 4)


def conv_window_bytes(rows: int) -> int:
    """Scratch of td_conv for pointers to the rows of a window: none while they fit on its stack."""
    return 8 * rows if rows > limits.CONV_WINDOW_ROWS.most else 0


def pointwise_geometry(pixels: int, in_channels: int, out_channels: int) -> Geometry:
    """PointwiseParams and scratch of td_pointwise."""
    steps = conv_steps(1, 1, in_channels)
    batch = batch_pixels(steps)
    params = declared.POINTWISE.of(pixels, in_channels, out_channels, batch)
    return Geometry(params, 4 * steps * batch)


def conv_geometry(
    input_shape: tuple[int, int, int],
    output_shape: tuple[int, int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    input_zero_point: int,
    *,
    in_place: bool = False,
) -> Geometry:
    """ConvParams and scratch of td_conv (firmware/dsp/conv.h).

    Args:
        input_shape: height, width, channels.
        output_shape: height, width, channels.
        kernel: height, width.
        stride: vertical, horizontal.
        padding: top, left; what the kernel touches beyond the input at the bottom and right is
            padded as well.
        in_place: the output goes over the input (see conv.h for when that may be).
    """
    height, width, channels = input_shape
    rows, pixel_bytes = kernel[0], channels
    interleaved = interleaves(kernel[0], channels, output_shape[2]) and not in_place
    if interleaved:
        rows, pixel_bytes = 1, 3 * channels
    row_words = -(-kernel[1] * pixel_bytes // 4)
    steps = 2 * rows * row_words
    batch = batch_pixels(steps)
    reach = [(o - 1) * s + k for o, s, k in zip(output_shape, stride, kernel, strict=False)]
    inside = padding == (0, 0) and reach[0] <= height and reach[1] <= width
    access = INTERLEAVED if interleaved else RING if in_place or not inside else DIRECT
    ring_row = (reach[1] * pixel_bytes + 6) & ~3 if access != DIRECT else 0
    params = declared.CONV.of(
        *input_shape, *output_shape, *kernel, *stride, *padding,
        input_zero_point, access, row_words, batch,
    )  # fmt: skip
    return Geometry(params, conv_window_bytes(rows) + 4 * steps * batch + rows * ring_row)


def pack_conv(weights: Int8, start: Array, scaling: Scaling) -> bytes:
    """The stream of `DotPairs` for td_conv: each kernel row filled up to whole words, or
    columns of three rows one after another where `interleaves` says so.

    Args:
        weights: int8 [out, kernel_height, kernel_width, in], without `crowded_lanes`.
        start: int64 [out], from `fold_bias` of the weights as [out, depth].
        scaling: made with biased=True.
    """
    out, height, width, channels = weights.shape
    if interleaves(height, channels, out):
        weights = weights.transpose(0, 2, 1, 3).reshape(out, 1, -1, 1)
        height, width, channels = 1, weights.shape[2], 1
    rows = pad(weights.reshape(out, height, width * channels), 2, 4)
    return pack_groups(rows.reshape(out, -1), start, scaling, QUAD)


def pack_pointwise_one(
    weights: Int8, start: Array, scales: Array, output_zero_point: int
) -> Int32 | None:
    """OneWeight of each channel (firmware/dsp/pointwise_one.h), int32 [out, 6].

    None where a sum is no int32: doubled, or with the constant.

    Args:
        weights: int8 [out].
        start: int64 [out], from `fold_bias`.
        scales: double [out], from `effective_scales`.
    """
    numbers = np.array([quantize_multiplier(float(scale)) for scale in scales], np.int64)
    multiplier, shift = numbers.T
    left, right, wide = np.maximum(shift, 0) + 1, np.maximum(-shift, 0), weights.astype(np.int64)
    largest = np.abs(start) + 128 * np.abs(wide)
    if np.any(largest >= 1 << 31 - left) or right.max() > MOST_RIGHT:
        return None
    constant = (output_zero_point << right) + (1 << right >> 1)
    columns = [start << left, wide << left, multiplier, right, constant, -(right > 0).astype(int)]
    return np.stack(columns, 1).astype(np.int32)
