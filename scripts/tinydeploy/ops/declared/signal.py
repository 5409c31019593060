"""TFLM's operators for audio, and the buffer of streaming models."""

from __future__ import annotations

from tinydeploy.graph.ir import Op
from tinydeploy.ops.custom_options import count
from tinydeploy.ops.operator import Operator
from tinydeploy.ops.own_rules import first, rows

_SAMPLE_BYTES = 2  # int16
_COUNTERS_BYTES = 8  # in front of what a framer or stacker holds


def _transform(op: Op) -> tuple[int, ...]:
    return (count(op, "fft_length") * _element_bytes(op),)


def _twiddles(op: Op) -> int:
    """Complex numbers: half the length, and half of that."""
    half = count(op, "fft_length") // 2
    return (half + half // 2) * 2 * _element_bytes(op)


def _element_bytes(op: Op) -> int:
    return first(op).type.bits // 8


def _framed(op: Op) -> int:
    samples = count(op, "frame_size") + count(op, "frame_step")
    return _COUNTERS_BYTES + rows(op) * samples * _SAMPLE_BYTES


def _stacked(op: Op) -> int:
    frames = count(op, "stacker_left_context") + 1 + count(op, "stacker_right_context")
    return _COUNTERS_BYTES + frames * count(op, "num_channels") * _SAMPLE_BYTES


def _delayed(op: Op) -> int:
    return rows(op) * count(op, "delay_length") * _SAMPLE_BYTES


def _overlapping(op: Op) -> int:
    """The last frame of each row of frames."""
    x = first(op)
    frames = x.shape[-2] if len(x.shape) > 1 else 1
    return x.nbytes // max(frames, 1)


def _noise(op: Op) -> int:
    return count(op, "num_channels") * 4


def _remembered(op: Op) -> int:
    return 4 + sum(output.nbytes for output in op.outputs)


OPERATORS = {
    "CIRCULAR_BUFFER": Operator("int8", state=_remembered),
    "SignalDelay": Operator("int16", state=_delayed),
    "SignalEnergy": Operator("int16 -> uint32"),
    "SignalFftAutoScale": Operator("int16"),
    "SignalFilterBank": Operator("uint32 -> uint64"),
    "SignalFilterBankLog": Operator("uint32 -> int16"),
    "SignalFilterBankSpectralSubtraction": Operator("uint32", state=_noise),
    "SignalFilterBankSquareRoot": Operator("uint64 -> uint32"),
    "SignalFramer": Operator("int16", state=_framed),
    "SignalIrfft": Operator("float32, int16, int32", scratch=_transform, trailing=_twiddles),
    "SignalOverlapAdd": Operator("float32, int16", state=_overlapping),
    "SignalPCAN": Operator("uint32"),
    "SignalRfft": Operator("float32, int16, int32", scratch=_transform, trailing=_twiddles),
    "SignalStacker": Operator("int16", state=_stacked),
    "SignalWindow": Operator("int16"),
}
