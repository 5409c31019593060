"""The audio front end of TFLM's micro_speech example as a model of signal operators.

From 480 samples at 16 kHz (30 ms) to 40 int8 features; noise is estimated from call to call. The
tables are those of its audio_preprocessor_int8.tflite, which a test compares where the file is.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Tensor, Type

Array = npt.NDArray[Any]

RATE_HZ = 16_000
WINDOW = 480  # samples
STRIDE = 320
CHANNELS = 40
_FFT = 512
_BINS = _FFT // 2 + 1
_BAND_HZ = (125.0, 7500.0)
_WEIGHT_BITS = 12
_NOISE_BITS = 14
_CORRECTION_BITS = 3  # of the transform's length, less half of the weights'


def _mel(frequency_hz: float) -> np.float32:
    return np.float32(1127.0 * math.log1p(frequency_hz / 700.0))


def _hann() -> Array:
    phase = 2 * np.pi * (np.arange(WINDOW) + 0.5) / WINDOW
    return np.floor((0.5 - 0.5 * np.cos(phase)) * (1 << 12) + 0.5).astype(np.int16)


def _bands() -> tuple[int, int, list[Array]]:
    """First and last bin, then the tables of SignalFilterBank: triangles on the mel scale.

    As TFLM lays them out: a band starts at an even bin and has a multiple of four, filled up with
    zeros. What a weight leaves is rounded down as the weight is.
    """
    hz = RATE_HZ / 2 / (_BINS - 1)
    low, high = (_mel(edge) for edge in _BAND_HZ)
    edges = low + np.float32((high - low) / (CHANNELS + 1)) * np.arange(
        CHANNELS + 2, dtype=np.float32
    )
    first = round(1 + _BAND_HZ[0] / hz)
    weights: list[int] = []
    rest: list[int] = []
    starts, places, widths = [], [], []
    frequency = first
    for below, above in itertools.pairwise(edges):
        starts.append(frequency & ~1)
        places.append(len(weights))
        shares: list[np.float32 | None] = [None] * (frequency & 1)
        while _mel(frequency * hz) <= above:
            shares.append(np.float32((above - _mel(frequency * hz)) / (above - below)))
            frequency += 1
        shares += [None] * (-len(shares) % 4)
        widths.append(len(shares))
        weights += [0 if s is None else int(s * (1 << _WEIGHT_BITS)) for s in shares]
        rest += [0 if s is None else int((np.float32(1) - s) * (1 << _WEIGHT_BITS)) for s in shares]
    tables = [np.array(table, np.int16) for table in (weights, rest, starts, places, widths)]
    return first, frequency, tables


def _gain(x: int) -> int:
    real = x / (1 << (10 - _CORRECTION_BITS))
    return min(int((1 << 21) * (real + 80.0) ** -0.95 + 0.5), 32767)


def _gains() -> Array:
    """Of SignalPCAN: a parabola on each interval between powers of two."""
    table = [_gain(0), _gain(1)]
    for bits in range(2, 33):
        start = 1 << (bits - 1)
        end = 2 * start if bits < 32 else 2 * start - 1
        ends = [_gain(x) for x in (start, start + start // 2, end)]
        slope = 4 * (ends[1] - ends[0]) - (ends[2] - ends[0])
        table += [ends[0], slope, ends[2] - ends[0] - slope, 0]
    return np.array(table[:-1], np.int16)


def preprocessor() -> Model:
    """[1, 480] int16 samples to [40] int8 features."""
    build = Builder()
    samples = build.input((1, WINDOW), Type.INT16)
    x = build.op(
        "SignalWindow", [samples, build.constant(_hann())], (1, WINDOW), Type.INT16, shift=12
    )
    x = build.op("RESHAPE", [x, build.constant(np.array([-1], np.int32))], (WINDOW,), x.type)
    first, last, tables = _bands()
    energy, shift = _energy(build, x, first, last)
    return build.model(_features(build, energy, shift, tables))


def _energy(build: Builder, x: Tensor, first: int, last: int) -> tuple[Tensor, Tensor]:
    scaled, shift = build.tensor((WINDOW,), Type.INT16), build.tensor((), Type.INT32)
    build.ops("SignalFftAutoScale", [x], [scaled, shift])
    x = build.op("SignalRfft", [scaled], (_FFT + 2,), Type.INT16, T=7, fft_length=_FFT)
    x = build.op("SignalEnergy", [x], (_BINS,), Type.UINT32, start_index=first, end_index=last)
    x = build.op("CAST", [x], (_BINS,), Type.INT32, in_data_type="UINT32", out_data_type="INT32")
    ends = [build.constant(np.array([at], np.int32)) for at in (first, last, 1)]
    x = build.op("STRIDED_SLICE", [x, *ends], (last - first,), Type.INT32)
    zeros = [build.constant(np.zeros(n, np.int32)) for n in (first, _BINS - last)]
    x = build.op("CONCATENATION", [zeros[0], x, zeros[1]], (_BINS,), Type.INT32, axis=0)
    x = build.op("CAST", [x], (_BINS,), Type.UINT32, in_data_type="INT32", out_data_type="UINT32")
    return x, shift


def _features(build: Builder, x: Tensor, shift: Tensor, tables: list[Array]) -> Tensor:
    shape = (CHANNELS,)
    constants = [build.constant(table) for table in tables]
    x = build.op("SignalFilterBank", [x, *constants], shape, Type.UINT64, num_channels=CHANNELS)
    x = build.op("SignalFilterBankSquareRoot", [x, shift], shape, Type.UINT32)
    even, odd = (int(share * (1 << _NOISE_BITS)) for share in (0.025, 0.06))
    clean, noise = (build.tensor(shape, Type.UINT32) for _ in range(2))
    build.ops(
        "SignalFilterBankSpectralSubtraction", [x], [clean, noise], num_channels=CHANNELS,
        smoothing=even, one_minus_smoothing=(1 << _NOISE_BITS) - even, alternate_smoothing=odd,
        alternate_one_minus_smoothing=(1 << _NOISE_BITS) - odd, smoothing_bits=10, clamping=False,
        min_signal_remaining=int(0.05 * (1 << _NOISE_BITS)), spectral_subtraction_bits=_NOISE_BITS,
    )  # fmt: skip
    x = build.op(
        "SignalPCAN", [clean, noise, build.constant(_gains())], shape, Type.UINT32, snr_shift=6
    )
    x = build.op(
        "SignalFilterBankLog", [x], shape, Type.INT16, output_scale=1 << 6,
        input_correction_bits=_CORRECTION_BITS,
    )  # fmt: skip
    return _to_int8(build, x)


def _to_int8(build: Builder, x: Tensor) -> Tensor:
    """From 0 ... 666 to -128 ... 127."""
    shape = x.shape
    x = build.op("CAST", [x], shape, Type.INT32, in_data_type="INT16", out_data_type="INT32")
    steps = (("MUL", 256), ("ADD", 333), ("DIV", 666), ("ADD", -128))
    for code, number in (*steps, ("MINIMUM", 127), ("MAXIMUM", -128)):
        x = build.op(code, [x, build.constant(np.array(number, np.int32))], shape, Type.INT32)
    return build.op("CAST", [x], shape, Type.INT8, in_data_type="INT32", out_data_type="INT8")


def frames(samples: Array) -> list[Array]:
    """The windows of a recording at 16 kHz, each [1, 480]."""
    count = (len(samples) - WINDOW) // STRIDE + 1
    return [samples[i * STRIDE :][:WINDOW].reshape(1, WINDOW) for i in range(count)]
