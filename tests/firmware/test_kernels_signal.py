"""Operators of audio front ends against TFLM, as streams of several inferences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from compare import Case, check, random_values, seeds
from one_op import Options, Tensor
from runner import Runner, split
from tinydeploy.judge import Judge

Rng = np.random.Generator
CASES = 12
RUNS = 5


def _window(rng: Rng) -> Case:
    rows, size = int(rng.integers(1, 4)), int(rng.integers(1, 40))
    shape = (rows, size) if rng.random() < 0.5 else (size,)
    weights = Tensor((size,), "int16", data=rng.integers(-32768, 32768, size))
    options: Options = ("", {"shift": int(rng.integers(0, 16))})
    return Case(
        "SignalWindow", [Tensor(shape, "int16"), weights], [Tensor(shape, "int16")], options
    )


def _delay(rng: Rng) -> Case:
    shape = tuple(int(n) for n in rng.integers(1, 9, int(rng.integers(1, 4))))
    options: Options = ("", {"delay_length": int(rng.integers(1, 20))})
    return Case("SignalDelay", [Tensor(shape, "int16")], [Tensor(shape, "int16")], options)


def _overlap_add(rng: Rng, dtype: str) -> Case:
    rows, frames, size = (int(n) for n in rng.integers(1, 9, 3))
    step = int(rng.integers(1, size + 1))
    kind = 7 if dtype == "int16" else 0
    options: Options = ("", {"frame_step": step, "T": kind})
    output = Tensor((rows, frames * step), dtype)
    return Case("SignalOverlapAdd", [Tensor((rows, frames, size), dtype)], [output], options)


def _fft(rng: Rng, op: str, dtype: str) -> Case:
    length = 1 << int(rng.integers(2, 10))
    rows = int(rng.integers(1, 3))
    kind = {"float32": 0, "int32": 2, "int16": 7}[dtype]
    options: Options = ("", {"fft_length": length, "T": kind})
    time, spectrum = Tensor((rows, length), dtype), Tensor((rows, length + 2), dtype)
    ends = ([time], [spectrum]) if op == "SignalRfft" else ([spectrum], [time])
    return Case(op, *ends, options, 1e-4, 1e-3)


def _short_fft(rng: Rng, dtype: str) -> Case:
    """An input that is filled up with zeros."""
    case = _fft(rng, "SignalRfft", dtype)
    size = int(rng.integers(1, case.inputs[0].shape[-1] + 1))
    shape = (case.inputs[0].shape[0], size)
    return Case(case.op, [Tensor(shape, dtype)], case.outputs, case.options, 1e-4, 1e-3)


def _auto_scale(rng: Rng) -> Case:
    size = int(rng.integers(1, 40))
    outputs = [Tensor((size,), "int16"), Tensor((), "int32")]
    return Case("SignalFftAutoScale", [Tensor((size,), "int16")], outputs, ("", {}))


def _energy(rng: Rng) -> Case:
    bins = int(rng.integers(2, 40))
    options: Options = ("", {"start_index": 0, "end_index": bins})
    outputs = [Tensor((bins,), "uint32")]
    return Case("SignalEnergy", [Tensor((2 * bins,), "int16")], outputs, options)


def _filter_bank(rng: Rng) -> Case:
    channels, bins = int(rng.integers(1, 12)), 60
    widths = rng.integers(0, 9, channels + 1)
    starts = np.cumsum(widths) - widths
    frequencies = rng.integers(0, bins - 9, channels + 1)
    weights = rng.integers(0, 4097, int(widths.sum()) + 1)
    tables = [weights, 4096 - weights, frequencies, starts, widths]
    constants = [Tensor(t.shape, "int16", data=t) for t in tables]
    outputs = [Tensor((channels,), "uint64")]
    options: Options = ("", {"num_channels": channels})
    return Case("SignalFilterBank", [Tensor((bins,), "uint32"), *constants], outputs, options)


def _square_root(rng: Rng) -> Case:
    size = int(rng.integers(1, 60))
    bits = Tensor((), "int32", data=np.array(rng.integers(0, 12)))
    outputs = [Tensor((size,), "uint32")]
    return Case("SignalFilterBankSquareRoot", [Tensor((size,), "uint64"), bits], outputs, ("", {}))


def _subtraction(rng: Rng) -> Case:
    size = int(rng.integers(1, 40))
    smoothing, alternate = int(rng.integers(1, 2000)), int(rng.integers(1, 2000))
    fields = {
        "num_channels": size,
        "smoothing": smoothing,
        "one_minus_smoothing": (1 << 14) - smoothing,
        "alternate_smoothing": alternate,
        "alternate_one_minus_smoothing": (1 << 14) - alternate,
        "smoothing_bits": int(rng.integers(0, 11)),
        "min_signal_remaining": int(rng.integers(0, 2000)),
        "clamping": bool(rng.integers(2)),
        "spectral_subtraction_bits": 14,
    }
    tensor = Tensor((size,), "uint32")
    op = "SignalFilterBankSpectralSubtraction"
    return Case(op, [tensor], [tensor, tensor], ("", fields))


def _pcan(rng: Rng) -> Case:
    size = int(rng.integers(1, 60))
    gains = Tensor((125,), "int16", data=np.sort(rng.integers(-3000, 32768, 125))[::-1])
    tensor = Tensor((size,), "uint32")
    options: Options = ("", {"snr_shift": int(rng.integers(0, 12))})
    return Case("SignalPCAN", [tensor, tensor, gains], [tensor], options)


def _log(rng: Rng) -> Case:
    size = 200
    scale, bits = int(rng.integers(1, 3000)), int(rng.integers(0, 6))
    options: Options = ("", {"output_scale": scale, "input_correction_bits": bits})
    inputs = [Tensor((size,), "uint32")]
    return Case("SignalFilterBankLog", inputs, [Tensor((size,), "int16")], options)


SWEEPS: dict[str, Callable[[Rng], Case]] = {
    "window": _window,
    "delay": _delay,
    "overlap_add_int16": lambda rng: _overlap_add(rng, "int16"),
    "overlap_add_float32": lambda rng: _overlap_add(rng, "float32"),
    "rfft_int16": lambda rng: _fft(rng, "SignalRfft", "int16"),
    "rfft_int32": lambda rng: _fft(rng, "SignalRfft", "int32"),
    "rfft_float32": lambda rng: _fft(rng, "SignalRfft", "float32"),
    "rfft_short": lambda rng: _short_fft(rng, "int16"),
    "irfft_int16": lambda rng: _fft(rng, "SignalIrfft", "int16"),
    "irfft_int32": lambda rng: _fft(rng, "SignalIrfft", "int32"),
    "irfft_float32": lambda rng: _fft(rng, "SignalIrfft", "float32"),
    "auto_scale": _auto_scale,
    "energy": _energy,
    "filter_bank": _filter_bank,
    "square_root": _square_root,
    "subtraction": _subtraction,
    "pcan": _pcan,
    "log": _log,
}


@pytest.mark.parametrize("name", SWEEPS)
def test_signal_equals_tflm(name: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        check(runner, SWEEPS[name](rng), rng, runs=RUNS)


def _framer(rng: Rng) -> Case:
    rows, frames, step = int(rng.integers(1, 3)), int(rng.integers(1, 4)), int(rng.integers(1, 9))
    size = step + int(rng.integers(0, 3 * step))
    fields = {"frame_size": size, "frame_step": step, "prefill": bool(rng.integers(2))}
    outputs = [Tensor((rows, frames, size), "int16"), Tensor((), "bool")]
    return Case("SignalFramer", [Tensor((rows, frames * step), "int16")], outputs, ("", fields))


def _stacker(rng: Rng) -> Case:
    channels, left, right = (int(n) for n in rng.integers([1, 0, 0], [6, 4, 4]))
    step = int(rng.integers(1, left + right + 2))
    fields = {"num_channels": channels, "stacker_left_context": left}
    fields |= {"stacker_right_context": right, "stacker_step": step}
    outputs = [Tensor((channels * (left + 1 + right),), "int16"), Tensor((), "bool")]
    return Case("SignalStacker", [Tensor((channels,), "int16")], outputs, ("", fields))


@pytest.mark.parametrize("make", [_framer, _stacker])
def test_streams_equal_tflm(make: Callable[[Rng], Case], runner: Runner) -> None:
    """What is not valid yet is nobody's business."""
    for rng in seeds(2 * CASES):
        case = make(rng)
        model = case.model()
        runs = [[random_values(rng, case.inputs[0])] for _ in range(9)]
        reply = runner.run(model, runs)
        assert reply.ok, reply.reason
        shapes = [(tensor.shape, tensor.dtype) for tensor in case.outputs]
        step = len(reply.outputs) // len(runs)
        judge = Judge(model)
        for index, inputs in enumerate(runs):
            ours, valid = split(reply.outputs[index * step : (index + 1) * step], shapes)
            expected, expected_valid = judge.run(inputs)
            assert bool(valid) == bool(expected_valid.ravel()[0]), (index, case)
            if valid:
                assert np.array_equal(ours, expected.reshape(ours.shape)), (index, case)


def test_circular_buffer_equals_tflm(runner: Runner) -> None:
    for rng in seeds(CASES):
        slots, width, depth = (int(n) for n in rng.integers(1, 6, 3))
        zero_point = int(rng.integers(-128, 128))
        image = Tensor((1, 1, width, depth), "int8", 0.1, zero_point)
        output = Tensor((1, slots, width, depth), "int8", 0.1, zero_point)
        case = Case("CIRCULAR_BUFFER", [image], [output], ("", {"cycles_max": 1}))
        check(runner, case, rng, runs=slots + 2)


def test_a_custom_operator_that_nobody_knows_is_named(runner: Runner) -> None:
    tensor = Tensor((4,), "int16")
    reply = runner.run(Case("MyOperator", [tensor], [tensor], ("", {})).model())
    assert reply.reason == "custom operator MyOperator is not in the op resolver"


def test_options_that_are_no_map_are_refused(sanitized: Runner) -> None:
    model = _window(np.random.default_rng(1)).model()
    at = model.index(b"shift\0")
    for position in range(at - 8, at + 24):
        for byte in (0, 1, 127, 255):
            damaged = bytearray(model)
            damaged[position] = byte
            reply = sanitized.run(bytes(damaged))
            assert reply.ok or reply.reason
