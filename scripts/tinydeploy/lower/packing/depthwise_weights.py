"""Depthwise convolutions as the kernels of firmware/dsp take them: records of a channel each, and
the params of the kernels: 3x3, any window, along a line, along time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tinydeploy.abi import params as declared
from tinydeploy.lower.packing.exactness import Scaling
from tinydeploy.lower.packing.words import QUAD, Array, Geometry, Int8, pad


def geometry(
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
    params = declared.DEPTHWISE.of(
        *input_shape, *output_size, stride, *padding, input_zero_point, band
    )
    return Geometry(params, column * (band * stride + 1))


def pack(weights: Int8, start: Array, scaling: Scaling) -> bytes:
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


def any_geometry(
    input_shape: tuple[int, int, int],
    output_size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    input_zero_point: int,
    mode: Literal["positive", "signed"],
) -> Geometry:
    """DepthwiseAnyParams and scratch of td_depthwise_any (firmware/dsp/depthwise_any.h)."""
    params = declared.DEPTHWISE_ANY.of(
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


def line_geometry(lines: Lines, taps: int, channels: int, input_zero_point: int) -> Geometry:
    """DepthwiseLineParams and scratch of td_depthwise_line (firmware/dsp/depthwise_line.h)."""
    params = declared.DEPTHWISE_LINE.of(
        lines.steps[0], lines.out_steps[0], lines.steps[1], lines.out_steps[1], lines.lines,
        channels, lines.length, lines.positions, taps, lines.stride, lines.dilation,
        lines.padding // lines.dilation, input_zero_point,
    )  # fmt: skip
    pairs = taps // 2 + 1 if lines.stride == 1 else (taps + 1) // 2
    longest = -(-lines.positions // lines.dilation)
    words = -(-longest // 4) * 2 * lines.stride + pairs
    return Geometry(params, 16 * (words + 4 + -(-pairs // 2) * 4))


def pack_line(weights: Int8, start: Array, scaling: Scaling, stride: int) -> bytes:
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


def line_kernel(taps: int, stride: int, mode: Literal["positive", "signed"]) -> str:
    """The inner loop of td_depthwise_line."""
    kind = "stride2_" if stride == 2 else ""
    return f"td_line_{kind}{mode}"


SHORT_TAPS = (3, 5, 9)  # of td_depthwise_short; fewer are filled up with zeros


def short_taps(taps: int) -> int:
    """Taps that td_depthwise_short computes for `taps`, 0 if there are too many."""
    return next((most for most in SHORT_TAPS if taps <= most), 0)


def short_fits(lines: Lines, taps: int) -> bool:
    """Whether td_depthwise_short takes it: see depthwise_short.h."""
    most = short_taps(taps)
    enough = lines.length // lines.dilation >= most - 1 >= lines.padding // lines.dilation
    return most > 0 and enough and lines.steps[0] == lines.out_steps[0]


def pack_short(weights: Int8, start: Array, scaling: Scaling) -> bytes:
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


def short_kernel(taps: int, stride: int, mode: Literal["positive", "signed"]) -> str:
    """The inner loop of td_depthwise_short."""
    count = {3: "three", 5: "five", 9: "nine"}[short_taps(taps)]
    return f"td_short_{count}_{'stride2_' if stride == 2 else ''}{mode}"


def pack_any(weights: Int8, start: Array, scaling: Scaling) -> bytes:
    """Records of td_depthwise_any.

    Args:
        weights: int8 [height, width, channels].
        start: int64 [channels], from `fold_bias` of the weights as [channels, taps].
        scaling: made with biased=False.
    """
    channels = weights.shape[2]
    taps = pad(weights.transpose(2, 1, 0).reshape(channels, -1), 1, 4).view(np.uint8)
    numbers = np.stack([start, scaling.multiplier, scaling.constant, scaling.shift], 1)
    front = (numbers.astype(np.int64) & 0xFFFFFFFF).astype("<u4").view(np.uint8)
    return np.concatenate([front, taps], axis=1).tobytes()


def pack_time(weights: Int8, start: Array, scaling: Scaling) -> bytes:
    """The stream of td_depthwise_time (firmware/dsp/depthwise_time.h).

    Args:
        weights: int8 [taps, channels].
        start: int64 [channels], from `fold_bias` of the weights as [channels, taps].
        scaling: made with biased=False.
    """
    taps = pad(pad(weights, 0, 2), 1, QUAD)
    pairs = taps.reshape(-1, 2, taps.shape[1] // QUAD, 2, 2)  # [pair, tap, group, half, channel]
    streamed = np.ascontiguousarray(pairs.transpose(2, 0, 3, 1, 4)).reshape(pairs.shape[2], -1)
    scale = np.stack([pad(scaling.multiplier, 0, QUAD), pad(scaling.constant, 0, QUAD)], 1)
    numbers = (
        (pad(start.astype(np.int64), 0, QUAD) & 0xFFFFFFFF).astype("<u4").reshape(-1, QUAD),
        scale.reshape(-1, 2 * QUAD).astype("<i4"),
        pad(scaling.shift, 0, QUAD).reshape(-1, QUAD),
        streamed,
    )
    return np.concatenate([part.view(np.uint8) for part in numbers], axis=1).tobytes()
