"""Requantization by the fast kernels: numbers that give TFLM's outputs for every possible sum.

TFLM's output is a staircase of the sum, and so is the fast kernel's (firmware/dsp/dot.h). A channel
is exact where both have their steps at the same sums. Channels for which there are no such numbers
are named, one by one: the lowering gives them, and only them, to the general kernel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]
Mode = Literal["positive", "signed"]
Row = tuple[int, int, int]  # multiplier, constant, shift

UNIT_BITS = 7  # the kernels' sums, 256*acc * multiplier >> 32, count in 1/128 of TFLM's unit
SUM_LIMIT = 1 << 23  # 256 times a sum is an int32
_INT32_LIMIT = 1 << 31
_DOUBLED_LIMIT = 1 << 30  # twice a sum is an int32
MOST_RIGHT = 22  # shifted so far, 2^8 times the output and a sum are an int32
_LANE_LIMIT = 1 << 15  # what USAT16 takes
_FINER = 16  # bits of the multiplier that may be given up


def quantize_multiplier(real: float) -> tuple[int, int]:
    """(multiplier, shift) with real = multiplier * 2^(shift - 31), as TFLM's QuantizeMultiplier.

    Args:
        real: scale of the sums over scale of the output, a double.

    Returns:
        multiplier in [2^30, 2^31) or 0; shift, positive to the left.
    """
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = math.floor(abs(fraction) * (1 << 31) + 0.5) * (1 if fraction > 0 else -1)
    if multiplier == 1 << 31:
        multiplier //= 2
        shift += 1
    if shift < -31:
        return 0, 0
    if shift > 30:
        return (1 << 31) - 1, 30
    return multiplier, shift


def rescale(acc: Array, multiplier: int, shift: int) -> Array:
    """TFLM's MultiplyByQuantizedMultiplier with its two roundings; int64 arrays in and out."""
    left, right = max(shift, 0), max(-shift, 0)
    product = (acc.astype(np.int64) << left) * multiplier
    high = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = np.sign(high) * (np.abs(high) >> 31)  # C++ division truncates
    mask = (1 << right) - 1
    return np.asarray((high >> right) + ((high & mask) > (mask >> 1) + (high < 0)), np.int64)


@dataclass(frozen=True)
class Scaling:
    """Requantization numbers of a layer's channels; see firmware/dsp/dot.h.

    Attributes:
        multiplier: int32 [out].
        constant: int32 [out], with the output's offset in it (from -128 upwards for `biased`).
        shift: uint8 [out].
        mode: of the kernel: "positive" or "signed".
        fixed: bool [out], channels that have one output for every sum: their weights and starts
            have to be zero in the kernel's stream.
        reasons: of channels for which no numbers are exact, by channel.
    """

    multiplier: Int32
    constant: Int32
    shift: npt.NDArray[np.uint8]
    mode: Mode
    fixed: npt.NDArray[np.bool_]
    reasons: dict[int, str]


def channel_scaling(
    scales: Array,
    output_zero_point: int,
    bounds: tuple[Array, Array],
    *,
    biased: bool,
    mode: Mode | None = None,
) -> Scaling:
    """Numbers for the fast kernels, and the channels for which these would not be exact.

    Args:
        scales: double [out], from `effective_scales`.
        output_zero_point: in [-128, 127].
        bounds: from `accumulator_bounds`.
        biased: the kernel clamps to [0, 255] in lanes of 16 bits and takes 128 off (conv and fully
            connected), rather than to [-128, 127] (depthwise).
        mode: None for the faster one that may be.
    """
    mode = mode or _faster(output_zero_point)
    offset = output_zero_point + (128 if biased else 0)
    return _scaling(
        scales,
        output_zero_point,
        bounds,
        mode,
        lambda channel: channel.row(mode, offset, biased),
        lambda output: _constant(output, biased),
    )


def plain_scaling(scales: Array, output_zero_point: int, bounds: tuple[Array, Array]) -> Scaling:
    """TFLM's own numbers, for kernels that round twice as it does (firmware/dsp/depthwise_short.h).

    Arguments are those of `channel_scaling`; a channel is exact whatever its sums are, where these
    fit and the scale is below 1 (below 1/2 if "signed").
    """
    mode = _faster(output_zero_point)
    return _scaling(
        scales,
        output_zero_point,
        bounds,
        mode,
        lambda channel: channel.plain_row(mode),
        lambda output: (0, output, 0),
    )


def _scaling(
    scales: Array,
    output_zero_point: int,
    bounds: tuple[Array, Array],
    mode: Mode,
    row_of: Callable[[_Channel], Row | str],
    constant: Callable[[int], Row],
) -> Scaling:
    """Numbers of each channel: `constant` of its output where it has only one, else `row_of` it."""
    rows, fixed = np.zeros((len(scales), 3), np.int64), np.zeros(len(scales), np.bool_)
    reasons: dict[int, str] = {}
    for i, (scale, low, high) in enumerate(zip(scales, *map(_integers, bounds), strict=True)):
        channel = _Channel(*quantize_multiplier(float(scale)), output_zero_point, low, high)
        fixed[i] = not channel.wraps and channel.lowest == channel.highest
        row = constant(channel.lowest) if fixed[i] else row_of(channel)
        if isinstance(row, str):
            reasons[i] = row
            fixed[i], row = True, constant(0)
        rows[i] = row
    numbers = rows.T
    return Scaling(
        numbers[0].astype(np.int32),
        numbers[1].astype(np.int32),
        numbers[2].astype(np.uint8),
        mode,
        fixed,
        reasons,
    )


def crowded_lanes(weights: Int8) -> list[int]:
    """Channels whose weights do not fit their lane, 256*B + A as int16: B of -128, A below zero.

    Args:
        weights: int8 [out, depth].
    """
    first, second = weights[0::2][: len(weights) // 2], weights[1::2]
    crowded = np.any((second == -128) & (first < 0), axis=1)
    return [2 * int(pair) + 1 for pair in np.flatnonzero(crowded)]


def _faster(output_zero_point: int) -> Mode:
    return "positive" if output_zero_point == -128 else "signed"


def _integers(values: Array) -> list[int]:
    return [int(value) for value in values]


def _constant(output: int, biased: bool) -> Row:
    """Numbers that make `output` of a sum of zero."""
    down = UNIT_BITS + 1
    return 0, (1 << UNIT_BITS) + (output + (128 if biased else 0) << down), down


@dataclass(frozen=True)
class _Channel:
    """One channel's staircase: TFLM's numbers, and the lowest and highest sum there is."""

    multiplier: int
    shift: int
    zero_point: int
    low: int
    high: int

    @property
    def wraps(self) -> bool:
        """Whether TFLM's own arithmetic leaves int32: then the output is no staircase."""
        return max(-self.low, self.high) << max(self.shift, 0) >= _INT32_LIMIT

    @property
    def lowest(self) -> int:
        """The output for the lowest sum."""
        return int(self.outputs(np.array([self.low]))[0])

    @property
    def highest(self) -> int:
        """The output for the highest sum."""
        return int(self.outputs(np.array([self.high]))[0])

    def outputs(self, sums: Array) -> Array:
        """TFLM's outputs."""
        scaled = rescale(sums, self.multiplier, self.shift)
        return np.asarray(np.clip(scaled + self.zero_point, -128, 127))

    def plain_row(self, mode: Mode) -> Row | str:
        """Numbers of a kernel that rounds as TFLM does, or why there are none."""
        if max(-self.low, self.high) >= _DOUBLED_LIMIT:
            return "sums beyond 2^30"
        right = -self.shift
        if not (0 if mode == "positive" else 1) <= right <= MOST_RIGHT:
            return "scale"  # TFLM rounds negative numbers differently when it shifts to the right
        return self.multiplier, (self.zero_point << right) + (1 << right >> 1), right

    def row(self, mode: Mode, offset: int, lanes: bool) -> Row | str:
        """Numbers of the kernel, or why there are none."""
        if self.wraps or self.low < -SUM_LIMIT or self.high >= SUM_LIMIT:
            return "sums beyond 2^23"
        return (
            self._usual(mode, offset, lanes)
            or self._fitted(mode, offset, lanes)
            or ("outputs beyond 2^15" if lanes and self._top >= _LANE_LIMIT else "scale")
        )

    @property
    def _top(self) -> int:
        ends = rescale(np.array([self.low, self.high]), self.multiplier, self.shift)
        return int(np.abs(ends).max()) + 256

    def _usual(self, mode: Mode, offset: int, lanes: bool) -> Row | None:
        """TFLM's own multiplier and shift: exact whatever the sums are, where they fit."""
        right = -self.shift
        down = right + UNIT_BITS
        if down < 1 or (mode == "signed" and right < 1):
            return None  # TFLM rounds negative numbers differently when it shifts to the right
        rounding = (1 << UNIT_BITS - 1) + (1 << down - 1) if right > 0 else 1 << down - 1
        row = self.multiplier, rounding + (offset << down), down
        return row if self._fits(row, mode, lanes) else None

    def _fits(self, row: Row, mode: Mode, lanes: bool) -> bool:
        multiplier, constant, down = row
        ends = _scaled(np.array([self.low, self.high]), multiplier, mode) + constant
        widest = max(-int(ends[0]) - 1, int(ends[1]), abs(constant))
        return down < 32 and widest < _INT32_LIMIT and not (lanes and widest >> down >= _LANE_LIMIT)

    def _fitted(self, mode: Mode, offset: int, lanes: bool) -> Row | None:
        """A coarser multiplier with a constant that keeps every step where TFLM has it.

        Below zero TFLM's steps come one unit later; the signed kernel's are too late by more then,
        so that this helps it only where all steps are on one side.
        """
        steps = np.arange(self.lowest + 1, self.highest + 1)
        first = self._first_sums(steps)
        # From `reached` on an output is at least so much, up to `before` it is less.
        low, high = self.lowest, self.highest
        reached = _with(first, steps, self.low, low, low > -128)
        before = _with(first - 1, steps, self.high, high + 1, high < 127)
        for finer in range(_FINER):
            down = UNIT_BITS - self.shift - finer
            multiplier = (self.multiplier + (1 << finer >> 1)) >> finer
            if not 1 <= down < 32 or multiplier >= _INT32_LIMIT:
                continue
            least, most = (
                (steps + offset - self.zero_point << down) - _scaled(sums, multiplier, mode)
                for sums, steps in (reached, before)
            )
            constant = (int(least.max()) + int(most.min()) - 1) // 2
            row = multiplier, constant, down
            if least.max() < most.min() and self._fits(row, mode, lanes):
                return row
        return None

    def _first_sums(self, steps: Array) -> Array:
        """The smallest sum at which the output reaches each of `steps`."""
        low, high = np.full(len(steps), self.low), np.full(len(steps), self.high)
        while np.any(high - low > 1):
            middle = (low + high) // 2
            reached = self.outputs(middle) >= steps
            low, high = np.where(reached, low, middle), np.where(reached, middle, high)
        return high


def _with(sums: Array, steps: Array, end: int, step: int, counts: bool) -> tuple[Array, Array]:
    """Sums and steps, with one more of them at the end of the range where no clamp is."""
    if not counts:
        return sums, steps
    return np.append(sums, end), np.append(steps, step)


def _scaled(sums: Array, multiplier: int, mode: Mode) -> Array:
    """What the kernel has before it adds the constant."""
    high = sums * 256 * multiplier >> 32
    return np.asarray(high - 128 * (sums < 0) if mode == "signed" else high)
