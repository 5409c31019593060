"""Weights, biases and requantization numbers in the layouts that firmware/dsp reads.

Everything is folded here, on the PC: input offset into the bias, bias into the starting sums,
output offset and rounding into one constant per channel. `exactness` says for which channels the
fast kernels are exact; for others the lowering chooses the general kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tinydeploy.abi import limits
from tinydeploy.abi import params as declared
from tinydeploy.lower.exactness import MOST_RIGHT, Scaling, quantize_multiplier

Array = npt.NDArray[Any]
Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]

QUAD = 4
OCTET = 8


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


def _pad(array: Array, axis: int, multiple: int) -> Array:
    short = -array.shape[axis] % multiple
    widths = [(0, short if i == axis else 0) for i in range(array.ndim)]
    return np.pad(array, widths) if short else array


def _lane_words(weights: Int8) -> npt.NDArray[np.uint32]:
    """uint32 [out / 2, depth / 2]: depths {0 2} and {1 3} of each four, channels in pairs.

    Args:
        weights: int8 [out, depth], out even, depth a multiple of 4.
    """
    wide = weights.astype(np.int32)
    lanes = (wide[1::2] << 8) + wide[0::2]
    halves = (lanes & 0xFFFF).astype(np.uint32).reshape(len(lanes), -1, 2, 2)
    words = halves[:, :, 0, :] | halves[:, :, 1, :] << np.uint32(16)
    return np.asarray(words.reshape(len(lanes), -1), np.uint32)


def _pack_groups(weights: Int8, start: Array, scaling: Scaling, group: int) -> bytes:
    weights = _pad(_pad(weights, 1, 4), 0, group)
    start = _pad(start.astype(np.int64), 0, group).reshape(-1, group // 2, 2)
    starts = start.copy()
    starts[:, :, 1] = (start[:, :, 1] << 8) + start[:, :, 0]
    words = _lane_words(weights)
    words = words.reshape(-1, group // 2, words.shape[1]).transpose(0, 2, 1)
    scale = np.stack([_pad(scaling.multiplier, 0, group), _pad(scaling.constant, 0, group)], 1)
    shift = _pad(scaling.shift, 0, group).reshape(-1, group)
    parts = [
        (starts.reshape(-1, group) & 0xFFFFFFFF).astype("<u4").view(np.uint8),
        np.ascontiguousarray(words).astype("<u4").reshape(len(starts), -1).view(np.uint8),
        scale.reshape(-1, 2 * group).astype("<i4").view(np.uint8),
        shift,
    ]
    return np.concatenate(parts, axis=1).tobytes()


def pack_pointwise(weights: Int8, start: Array, scaling: Scaling) -> bytes:
    """The stream of `DotPairs` (firmware/dsp/dot.h) for td_pointwise.

    Args:
        weights: int8 [out, in], without `crowded_lanes`.
        start: int64 [out], from `fold_bias`.
        scaling: made with biased=True.
    """
    return _pack_groups(weights, start, scaling, QUAD)


def pack_dense(weights: Int8, start: Array, scaling: Scaling) -> bytes:
    """The stream of `DotOne` for td_fully_connected; arguments as in `pack_pointwise`."""
    return _pack_groups(weights, start, scaling, OCTET)


def dense_scratch_bytes(depth: int) -> int:
    """Scratch of td_fully_connected."""
    return 8 * -(-depth // 4)


@dataclass(frozen=True)
class Geometry:
    """What a spatial kernel needs beside its data.

    Attributes:
        params: the kernel's params struct, little endian.
        scratch_bytes: its scratch.
    """

    params: bytes
    scratch_bytes: int


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
    params = declared.POINTWISE.packed(pixels, in_channels, out_channels, batch)
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
    params = declared.CONV.packed(
        *input_shape, *output_shape, *kernel, *stride, *padding,
        input_zero_point, access, row_words, batch,
    )  # fmt: skip
    return Geometry(params, conv_window_bytes(rows) + 4 * steps * batch + rows * ring_row)


def depthwise_geometry(
    input_shape: tuple[int, int, int],
    output_size: tuple[int, int],
    stride: int,
    padding: tuple[int, int],
    input_zero_point: int,
    *,
    band: int | None = None,
    scratch_limit: int = 2048,
) -> Geometry:
    """DepthwiseParams and scratch of td_depthwise (firmware/dsp/depthwise.h).

    Args:
        input_shape: height, width, channels.
        output_size: height, width.
        padding: top, left.
        band: pairs of output lines at a time; None for as many as `scratch_limit` allows.
        scratch_limit: bytes; at least one pair of lines is taken in any case.
    """
    column = 16 * ((output_size[1] - 1) * stride + 3)
    if band is None:
        band = max((scratch_limit // column - 1) // stride, 1)
    band = min(band, -(-output_size[0] // 2))
    params = declared.DEPTHWISE.packed(
        *input_shape, *output_size, stride, *padding, input_zero_point, band
    )
    return Geometry(params, column * (band * stride + 1))


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
    rows = _pad(weights.reshape(out, height, width * channels), 2, 4)
    return _pack_groups(rows.reshape(out, -1), start, scaling, QUAD)


def pack_depthwise(weights: Int8, start: Array, scaling: Scaling) -> bytes:
    """Records of td_depthwise: per channel 3 words of weights, start, multiplier, constant, shift.

    Args:
        weights: int8 [3, 3, channels].
        start: int64 [channels], from `fold_bias` of the weights as [channels, 9].
        scaling: made with biased=False.
    """
    channels = weights.shape[2]
    rows = weights.transpose(2, 1, 0).view(np.uint8)  # [channel, kx, ky]
    words = np.ascontiguousarray(rows[:, :, [1, 0, 2, 1]]).reshape(channels, 12)
    numbers = np.stack(
        [
            (start.astype(np.int64) << 8) & 0xFFFFFFFF,
            scaling.multiplier.astype(np.int64) & 0xFFFFFFFF,
            scaling.constant.astype(np.int64) & 0xFFFFFFFF,
            scaling.shift.astype(np.int64),
        ],
        axis=1,
    ).astype("<u4")
    return np.concatenate([words, numbers.view(np.uint8)], axis=1).tobytes()


def depthwise_any_geometry(
    input_shape: tuple[int, int, int],
    output_size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    input_zero_point: int,
    mode: Literal["positive", "signed"],
) -> Geometry:
    """DepthwiseAnyParams and scratch of td_depthwise_any (firmware/dsp/depthwise_any.h)."""
    params = declared.DEPTHWISE_ANY.packed(
        *input_shape, *output_size, *kernel, *stride, *padding, input_zero_point,
        mode == "signed",
    )  # fmt: skip
    taps = (kernel[0] + stride[0] + 1) // 2
    columns = (-(-output_size[0] // 2) - 1) * stride[0] + taps
    column = 16 * ((output_size[1] - 1) * stride[1] + kernel[1])
    return Geometry(params, columns * column + 8 * kernel[1] * taps)


@dataclass(frozen=True)
class Lines:
    """An image as lines along the axis of a kernel; what td_depthwise_line works on.

    Attributes:
        lines: how many there are.
        length, positions: elements of a line of the input and of the output.
        steps: bytes from element to element and from line to line, of the input.
        out_steps: the same of the output.
        stride: along the line.
        dilation: of the kernel; other than 1 only with a stride of 1.
        padding: elements in front of a line, a multiple of the dilation.
    """

    lines: int
    length: int
    positions: int
    steps: tuple[int, int]
    out_steps: tuple[int, int]
    stride: int = 1
    dilation: int = 1
    padding: int = 0


def depthwise_line_geometry(
    lines: Lines, taps: int, channels: int, input_zero_point: int
) -> Geometry:
    """DepthwiseLineParams and scratch of td_depthwise_line (firmware/dsp/depthwise_line.h)."""
    params = declared.DEPTHWISE_LINE.packed(
        lines.steps[0], lines.out_steps[0], lines.steps[1], lines.out_steps[1], lines.lines,
        channels, lines.length, lines.positions, taps, lines.stride, lines.dilation,
        lines.padding // lines.dilation, input_zero_point,
    )  # fmt: skip
    pairs = taps // 2 + 1 if lines.stride == 1 else (taps + 1) // 2
    longest = -(-lines.positions // lines.dilation)
    words = -(-longest // 4) * 2 * lines.stride + pairs
    return Geometry(params, 16 * (words + 4 + -(-pairs // 2) * 4))


def pack_depthwise_line(weights: Int8, start: Array, scaling: Scaling, stride: int) -> bytes:
    """Records of td_depthwise_line.

    Args:
        weights: int8 [taps, channels].
        start: int64 [channels], from `fold_bias` of the weights as [channels, taps].
        scaling: made with biased=False.
    """
    taps, channels = weights.shape
    fours = taps // 4 + 1 if stride == 1 else -(-taps // 4)
    padded = np.zeros((channels, fours, 4), np.int8)
    padded.reshape(channels, -1)[:, :taps] = weights.T
    numbers = np.stack([start << 8, scaling.multiplier, scaling.constant, scaling.shift], 1)
    front = (numbers.astype(np.int64) & 0xFFFFFFFF).astype("<u4").view(np.uint8)
    turned = padded[:, :, [0, 2, 1, 3]].reshape(channels, -1).view(np.uint8)
    return np.concatenate([front, turned], axis=1).tobytes()


def depthwise_line_taps(taps: int, stride: int, mode: Literal["positive", "signed"]) -> str:
    """The inner loop of td_depthwise_line."""
    kind = "stride2_" if stride == 2 else ""
    return f"td_line_{kind}{mode}"


SHORT_TAPS = (3, 5, 9)  # of td_depthwise_short; fewer are filled up with zeros


def short_taps(taps: int) -> int:
    """Taps that td_depthwise_short computes for `taps`, 0 if there are too many."""
    return next((most for most in SHORT_TAPS if taps <= most), 0)


def depthwise_short_fits(lines: Lines, taps: int) -> bool:
    """Whether td_depthwise_short takes it: see depthwise_short.h."""
    most = short_taps(taps)
    enough = lines.length // lines.dilation >= most - 1 >= lines.padding // lines.dilation
    return most > 0 and enough and lines.steps[0] == lines.out_steps[0]


def pack_depthwise_short(weights: Int8, start: Array, scaling: Scaling) -> bytes:
    """Records of td_depthwise_short (firmware/dsp/depthwise_short.h).

    Args:
        weights: int8 [taps, channels].
        start: int64 [channels], from `fold_bias` of the weights as [channels, taps].
        scaling: from `plain_scaling`.
    """
    taps = short_taps(len(weights))
    filled = np.zeros((weights.shape[1], taps), np.int64)
    filled[:, : len(weights)] = 2 * weights.T.astype(np.int64)
    first = [*range(0, taps - 1, 2), *range(1, taps - 1, 2)]
    pairs = [filled[:, i] & 0xFFFF | (filled[:, i + 1] & 0xFFFF) << 16 for i in first]
    numbers = [scaling.multiplier, scaling.constant, *pairs, 2 * start, scaling.shift]
    return (np.stack(numbers, 1).astype(np.int64) & 0xFFFFFFFF).astype("<u4").tobytes()


def depthwise_short_taps(taps: int, stride: int, mode: Literal["positive", "signed"]) -> str:
    """The inner loop of td_depthwise_short."""
    count = {3: "three", 5: "five", 9: "nine"}[short_taps(taps)]
    return f"td_short_{count}_{'stride2_' if stride == 2 else ''}{mode}"


def pack_depthwise_any(weights: Int8, start: Array, scaling: Scaling) -> bytes:
    """Records of td_depthwise_any.

    Args:
        weights: int8 [height, width, channels].
        start: int64 [channels], from `fold_bias` of the weights as [channels, taps].
        scaling: made with biased=False.
    """
    channels = weights.shape[2]
    taps = _pad(weights.transpose(2, 1, 0).reshape(channels, -1), 1, 4).view(np.uint8)
    numbers = np.stack([start, scaling.multiplier, scaling.constant, scaling.shift], 1)
    front = (numbers.astype(np.int64) & 0xFFFFFFFF).astype("<u4").view(np.uint8)
    return np.concatenate([front, taps], axis=1).tobytes()


def pack_depthwise_time(weights: Int8, start: Array, scaling: Scaling) -> bytes:
    """The stream of td_depthwise_time (firmware/dsp/depthwise_time.h).

    Args:
        weights: int8 [taps, channels].
        start: int64 [channels], from `fold_bias` of the weights as [channels, taps].
        scaling: made with biased=False.
    """
    taps = _pad(_pad(weights, 0, 2), 1, QUAD)
    pairs = taps.reshape(-1, 2, taps.shape[1] // QUAD, 2, 2)  # [pair, tap, group, half, channel]
    streamed = np.ascontiguousarray(pairs.transpose(2, 0, 3, 1, 4)).reshape(pairs.shape[2], -1)
    scale = np.stack([_pad(scaling.multiplier, 0, QUAD), _pad(scaling.constant, 0, QUAD)], 1)
    numbers = (
        (_pad(start.astype(np.int64), 0, QUAD) & 0xFFFFFFFF).astype("<u4").reshape(-1, QUAD),
        scale.reshape(-1, 2 * QUAD).astype("<i4"),
        _pad(scaling.shift, 0, QUAD).reshape(-1, QUAD),
        streamed,
    )
    return np.concatenate([part.view(np.uint8) for part in numbers], axis=1).tobytes()


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


@dataclass(frozen=True)
class GeneralConv:
    """Arguments of td_conv_general (firmware/dsp/conv_general.h), which takes any channel.

    Attributes:
        params: GeneralConvParams.
        channels: GeneralChannel of every output channel that is computed.
        weights: int8 [channels, height, width, group_depth].
    """

    params: bytes
    channels: bytes
    weights: bytes


def pack_general(
    weights: Int8,
    bias: Array | None,
    scales: Array,
    input_shape: tuple[int, int, int, int],
    output_shape: tuple[int, int, int, int],
    *,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    zero_points: tuple[int, int] = (0, 0),
    activation: tuple[int, int] = (-128, 127),
    only: Sequence[int] | None = None,
) -> GeneralConv:
    """Any convolution: the input's channels over the weights' depth give the number of groups.

    Args:
        weights: int8 [out, height, width, group_depth].
        bias: int32 [out], or None.
        scales: double [out], from `effective_scales`.
        input_shape, output_shape: NHWC.
        padding: top, left.
        zero_points: of input and output.
        only: output channels to compute, in ascending order; None for all.
    """
    out, height, width, group_depth = weights.shape
    chosen = np.arange(out) if only is None else np.asarray(only, np.int64)
    groups = input_shape[3] // group_depth
    params = declared.GENERAL.packed(
        input_shape[0], *input_shape[1:], *output_shape[1:], len(chosen), group_depth,
        out // groups, height, width, *stride, *dilation, *padding, *zero_points, *activation,
    )  # fmt: skip
    numbers = [quantize_multiplier(float(scale)) for scale in np.broadcast_to(scales, (out,))]
    start = np.zeros(out, np.int64) if bias is None else np.asarray(bias, np.int64)
    columns = [start[:, None], np.array(numbers, np.int64), np.arange(out)[:, None]]
    channels = np.concatenate(columns, axis=1)[chosen]
    return GeneralConv(
        params, channels.astype("<i4").tobytes(), np.ascontiguousarray(weights[chosen]).tobytes()
    )
