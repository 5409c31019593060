"""Operators of audio front ends: streams of samples, spectra, energies in bands."""

from __future__ import annotations

import numpy as np

from tinydeploy.fuzz.draw import Draw, Types
from tinydeploy.graph.ir import Type

_GAIN_ENTRIES = 125
_FILTER_BITS = 12
_FFT_TYPES = {Type.FLOAT32: 0, Type.INT32: 2, Type.INT16: 7}  # numbers in the schema


def window(draw: Draw, code: str, types: Types) -> None:
    """Rows times the same weights."""
    x = draw.source(types.data, (1, 2), most=40)
    weights = draw.build.constant(draw.values(x.shape[-1:], Type.INT16))
    draw.result(code, [x, weights], x.shape, types.result, shift=draw.integer(0, 17))


def delay(draw: Draw, code: str, types: Types) -> None:
    """Samples of earlier inferences."""
    x = draw.source(types.data, (1, 2, 3), most=9)
    draw.result(code, [x], x.shape, types.result, delay_length=draw.integer(1, 20))


def framer(draw: Draw, code: str, types: Types) -> None:
    """Filled up at the start, so that all frames are valid: the others have no defined content."""
    rows, frames, step = draw.integer(1, 3), draw.integer(1, 4), draw.integer(1, 9)
    size = step + draw.integer(0, 3 * step)
    x = draw.source(types.data, shape=(rows, frames * step))
    outputs = [
        draw.build.tensor((rows, frames, size), types.result),
        draw.build.tensor((), Type.BOOL),
    ]
    draw.results(code, [x], outputs, frame_size=size, frame_step=step, prefill=True)


def stacker(draw: Draw, code: str, types: Types) -> None:
    """Without a right context and with a step of one, so that all stacks are valid."""
    channels, left = draw.integer(1, 6), draw.integer(0, 4)
    x = draw.source(types.data, shape=(channels,))
    outputs = [
        draw.build.tensor((channels * (left + 1),), types.result),
        draw.build.tensor((), Type.BOOL),
    ]
    draw.results(
        code, [x], outputs, num_channels=channels, stacker_left_context=left,
        stacker_right_context=0, stacker_step=1,
    )  # fmt: skip


def overlap_add(draw: Draw, code: str, types: Types) -> None:
    """Frames back to a stream."""
    rows, frames, size = draw.integer(1, 8), draw.integer(1, 8), draw.integer(1, 9)
    step = draw.integer(1, size)
    x = draw.source(types.data, shape=(rows, frames, size))
    kind = _FFT_TYPES[types.data]
    draw.result(code, [x], (rows, frames * step), types.result, frame_step=step, T=kind)


def fft(draw: Draw, code: str, types: Types) -> None:
    """Real to complex and back; the forward transform fills short inputs up with zeros."""
    length, rows = 1 << draw.integer(2, 9), draw.integer(1, 3)
    ends = [length, length + 2]
    if code == "SignalIrfft":
        ends.reverse()
    elif draw.chance(0.3):
        ends[0] = draw.integer(1, length)
    x = draw.source(types.data, shape=(rows, ends[0]))
    kind = _FFT_TYPES[types.data]
    draw.result(code, [x], (rows, ends[1]), types.result, fft_length=length, T=kind)


def auto_scale(draw: Draw, code: str, types: Types) -> None:
    """Samples and how far they were shifted."""
    x = draw.source(types.data, (1,), most=40)
    outputs = [draw.build.tensor(x.shape, types.result), draw.build.tensor((), Type.INT32)]
    draw.results(code, [x], outputs)


def energy(draw: Draw, code: str, types: Types) -> None:
    """Of the whole spectrum: TFLM leaves what is outside of the range as it was."""
    bins = draw.integer(2, 40)
    x = draw.source(types.data, shape=(2 * bins,))
    draw.result(code, [x], (bins,), types.result, start_index=0, end_index=bins)


def filter_bank(draw: Draw, code: str, types: Types) -> None:
    """Bands of random places, widths and weights."""
    channels, bins, widest = draw.integer(1, 12), 60, 8
    x = draw.source(types.data, shape=(bins,))
    widths = draw.rng.integers(0, widest + 1, channels + 1)
    frequencies = draw.rng.integers(0, bins - widest, channels + 1)
    weights = draw.rng.integers(0, (1 << _FILTER_BITS) + 1, int(widths.sum()) + 1)
    rest = (1 << _FILTER_BITS) - weights
    if draw.chance(0.3):
        weights, rest = (draw.values(weights.shape, Type.INT16) for _ in range(2))
    tables = [weights, rest, frequencies, np.cumsum(widths) - widths, widths]
    constants = [draw.numbers(table, Type.INT16) for table in tables]
    draw.result(code, [x, *constants], (channels,), types.result, num_channels=channels)


def square_root(draw: Draw, code: str, types: Types) -> None:
    """Energies of 64 bits, shifted right afterwards."""
    x = draw.source(types.data, (1,), most=60)
    draw.result(code, [x, draw.numbers(draw.up_to(12, 31))], x.shape, types.result)


def subtraction(draw: Draw, code: str, types: Types) -> None:
    """The estimated noise is taken away, and given out."""
    x = draw.source(types.data, (1,), most=40)
    most = draw.pick((2000, 1 << 14))
    even, odd = draw.integer(1, most), draw.integer(1, most)
    bits = 14
    outputs = [draw.build.tensor(x.shape, types.result) for _ in range(2)]
    draw.results(
        code, [x], outputs, num_channels=x.shape[0], smoothing=even,
        one_minus_smoothing=(1 << bits) - even, alternate_smoothing=odd,
        alternate_one_minus_smoothing=(1 << bits) - odd, smoothing_bits=draw.up_to(10, 31),
        min_signal_remaining=draw.integer(0, most), clamping=draw.chance(0.5),
        spectral_subtraction_bits=bits,
    )  # fmt: skip


def pcan(draw: Draw, code: str, types: Types) -> None:
    """A gain that falls as the noise grows."""
    x = draw.source(types.data, (1,), most=60)
    noise = draw.source(types.data, shape=x.shape)
    gains = np.sort(draw.rng.integers(-3000, 32768, _GAIN_ENTRIES))[::-1]
    if draw.chance(0.3):
        gains = draw.values((_GAIN_ENTRIES,), Type.INT16)
    inputs = [x, noise, draw.numbers(gains, Type.INT16)]
    draw.result(code, inputs, x.shape, types.result, snr_shift=draw.up_to(11, 40))


def log(draw: Draw, code: str, types: Types) -> None:
    """Logarithm times a scale."""
    x = draw.source(types.data, (1,), most=60)
    draw.result(
        code, [x], x.shape, types.result, output_scale=draw.up_to(3000, (1 << 31) - 1),
        input_correction_bits=draw.up_to(5, 31),
    )  # fmt: skip


def circular_buffer(draw: Draw, code: str, types: Types) -> None:
    """The last inputs, every time."""
    slots, width, depth = draw.integer(1, 5), draw.integer(1, 5), draw.integer(1, 5)
    x = draw.source(types.data, shape=(1, 1, width, depth))
    draw.result(code, [x], (1, slots, width, depth), types.result, x.quantization, cycles_max=1)


GENERATORS = {
    "CIRCULAR_BUFFER": circular_buffer,
    "SignalDelay": delay,
    "SignalEnergy": energy,
    "SignalFftAutoScale": auto_scale,
    "SignalFilterBank": filter_bank,
    "SignalFilterBankLog": log,
    "SignalFilterBankSpectralSubtraction": subtraction,
    "SignalFilterBankSquareRoot": square_root,
    "SignalFramer": framer,
    "SignalIrfft": fft,
    "SignalOverlapAdd": overlap_add,
    "SignalPCAN": pcan,
    "SignalRfft": fft,
    "SignalStacker": stacker,
    "SignalWindow": window,
}
