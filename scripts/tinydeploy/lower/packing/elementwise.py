"""Parameters of the elementwise kernels, pools and softmax of firmware/dsp, made on the PC."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.abi import params as declared
from tinydeploy.abi.layout import Numbers
from tinydeploy.lower.packing.exactness import quantize_multiplier, rescale

Array = npt.NDArray[Any]

ADD_SHIFT = 20  # 2^20 for one output step: factors of ratios below 8 fit, and so do the sums
_STEEPER = (0, *(sign * 2**bits for bits in range(4, 18) for sign in (1, -1)))  # of 2^28
ALL_INT8 = np.arange(-128, 128, dtype=np.int64)


def reference_add(
    a: tuple[float, int], b: tuple[float, int], output: tuple[float, int], sign: int = 1
) -> Array:
    """int64 [256, 256]: TFLM's int8 ADD (or SUB for sign -1) of every pair.

    Args:
        a, b, output: (scale, zero point).
    """
    largest = 2 * max(np.float64(np.float32(a[0])), np.float64(np.float32(b[0])))
    terms = [
        rescale((ALL_INT8 - zero) << 20, *quantize_multiplier(np.float64(np.float32(s)) / largest))
        for s, zero in (a, b)
    ]
    total = terms[0][:, None] + sign * terms[1][None, :]
    factor = quantize_multiplier(largest / ((1 << 20) * np.float64(np.float32(output[0]))))
    return np.asarray(np.clip(rescale(total, *factor) + output[1], -128, 127))


def add_params(
    a: tuple[float, int],
    b: tuple[float, int],
    output: tuple[float, int],
    count: int,
    sign: int = 1,
) -> Numbers | None:
    """AddParams of td_add, checked on every pair of inputs; None where it would not be exact.

    Args:
        a, b, output: (scale, zero point).
        sign: -1 subtracts.
    """
    wanted = reference_add(a, b, output, sign) + 128
    least = np.where(wanted > 0, wanted << ADD_SHIFT, -(1 << 62))
    most = np.where(wanted < 255, wanted + 1 << ADD_SHIFT, 1 << 62)
    ratios = [float(np.float32(s)) / float(np.float32(output[0])) for s, _ in (a, b)]
    for steeper in _STEEPER:  # by a little: ties go away from zero then, as TFLM's do
        factors = [round(ratio * ((1 << ADD_SHIFT + 8) + steeper)) for ratio in ratios]
        factors[1] *= sign
        if max(map(abs, factors)) >= 1 << 31:
            return None
        terms = [factor * ALL_INT8 >> 8 for factor in factors]
        sums = terms[0][:, None] + terms[1][None, :]
        low, high = int((least - sums).max()), int((most - sums).min())
        constant = (low + high) // 2
        if low < high and -(1 << 31) <= sums.min() + constant <= sums.max() + constant < 1 << 31:
            return declared.ADD.of(count, *factors, constant)
    return None


def lookup_table(function: Callable[[Array], Array]) -> bytes:
    """Table of td_lookup: `function` of every int8 (given as int64), clamped to int8."""
    values = np.clip(function(np.roll(ALL_INT8, 128)), -128, 127)
    return values.astype(np.int8).tobytes()


def requantize_table(source: tuple[float, int], target: tuple[float, int]) -> bytes:
    """Table of TFLM's int8 -> int8 QUANTIZE. Arguments are (scale, zero point)."""
    ratio = np.float64(np.float32(source[0])) / np.float64(np.float32(target[0]))
    factor = quantize_multiplier(float(ratio))
    return lookup_table(lambda x: rescale(x - source[1], *factor) + target[1])


def mean_params(
    pixels: int, channels: int, source: tuple[float, int], target: tuple[float, int]
) -> Numbers:
    """MeanParams of td_mean: 1 / pixels goes into the multiplier, as TFLM does.

    Args:
        source, target: (scale, zero point).
    """
    ratio = np.float64(np.float32(source[0])) / np.float64(np.float32(target[0]))
    multiplier, shift = quantize_multiplier(float(ratio))
    more = min(pixels.bit_length() - 1, 32, 31 + shift)
    multiplier = (multiplier << more) // pixels
    return declared.MEAN.of(
        pixels, channels, -pixels * source[1], multiplier, shift - more, target[1]
    )


def pool_params(
    input_shape: tuple[int, int, int],
    output_size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    clamp: tuple[int, int] = (-128, 127),
) -> Numbers:
    """PoolParams8 of td_average_pool and td_max_pool; padding is (top, left)."""
    return declared.POOL8.of(*input_shape, *output_size, *kernel, *stride, *padding, *clamp)


def _high_mul(a: int, b: int) -> int:
    product = a * b
    nudge = (1 << 30) if product >= 0 else 1 - (1 << 30)
    high = product + nudge
    return high >> 31 if high >= 0 else -(-high >> 31)


def _shift_right(x: int, exponent: int) -> int:
    mask = (1 << exponent) - 1
    return (x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0))


def _exp_on_interval(x: int) -> int:
    """exp of x / 2^31 in [-1/4, 0), by a polynomial around -1/8."""
    one_eighth = x + (1 << 28)
    square = _high_mul(one_eighth, one_eighth)
    cube = _high_mul(square, one_eighth)
    fourth = _high_mul(square, square)
    quarter = _shift_right(fourth, 2)
    sixth = _high_mul(quarter + cube, 715827883)
    series = _shift_right(sixth + square, 1)
    return 1895147668 + _high_mul(1895147668, one_eighth + series)


_EXP_FACTORS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


def _exp_of_negative(x: int) -> int:
    """exp of x / 2^26 <= 0, times 2^31."""
    if x == 0:
        return (1 << 31) - 1
    quarter = 1 << 24
    below = (x & (quarter - 1)) - quarter
    result = _exp_on_interval(below << 5)
    rest = below - x
    for bit, factor in enumerate(_EXP_FACTORS):
        if rest & 1 << 24 + bit:
            result = _high_mul(result, factor)
    return result


def softmax_table(beta: float, scale: float) -> bytes:
    """Table of td_softmax: int32, exp(-beta * scale * d) * 2^31 by TFLM's arithmetic.

    It ends with the first 0: that stands for all that follow.

    Args:
        scale: of the input, a float32.
    """
    real = min(
        float(np.float64(np.float32(beta)) * np.float64(np.float32(scale)) * (1 << 26)),
        (1 << 31) - 1.0,
    )
    multiplier, shift = quantize_multiplier(real)
    lowest = -math.floor(31 * (1 << 26) / (1 << shift))
    table = [
        _exp_of_negative(_high_mul(-d << shift, multiplier)) if -d >= lowest else 0
        for d in range(256)
    ]
    entries = table.index(0) + 1 if 0 in table else len(table)
    return np.array(table[:entries], "<i4").tobytes()
