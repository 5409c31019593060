"""Memory that an operator asks for besides its params: by its options and shapes.

Scratch is there while the operator runs, state from run to run. As the kernels' Prepare in
firmware/kernels asks for it; tests/graph/test_arena_bytes.py compares.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from flatbuffers import flexbuffers

from tinydeploy import bounds
from tinydeploy.graph.ir import Op, Tensor, Type

VariableKey = tuple[str, str]  # container and name

_SAMPLE_BYTES = 2  # int16
_COUNTERS_BYTES = 8  # in front of what a framer or stacker holds
_BOX_BYTES = 24  # corners, score, order
_DETECTION_BYTES = 12
_CODED_BYTES = 28  # how an output of TFLM_DECODE is to be read
# What the flatbuffers package raises on bytes that are no FlexBuffer.
_UNREADABLE = (ArithmeticError, AssertionError, LookupError, TypeError, ValueError, struct.error)
_UNPACKED = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}


def options_of(op: Op) -> Mapping[str, Any]:
    """The options of a custom operator; nothing where they can't be read, as on the device."""
    try:
        root = flexbuffers.GetRoot(op.custom_options)
        return _numbers(root.AsMap) if root.IsMap else {}
    except _UNREADABLE:
        return {}


def _numbers(options: Any) -> dict[str, Any]:
    """Those that are numbers, which are all that the kernels read. Vectors and maps in one another
    are not entered: they may be endless, or one and the same a million times.
    """
    count = min(len(options), bounds.CUSTOM_OPTIONS)
    values = ((options.Keys[i].AsKey, options.Values[i]) for i in range(count))
    return {str(key): value.Value for key, value in values if value.IsNumeric or value.IsBool}


def scratch_bytes(op: Op) -> tuple[int, ...]:
    """Bytes of each scratch buffer."""
    weights = op.input(1)
    if op.name in _UNPACKED and weights is not None and weights.type is Type.INT4:
        return (weights.size,)
    return tuple(size(op) for size in _SCRATCH.get(op.name, ()))


def state_bytes(op: Op) -> int | None:
    """Bytes that it keeps from run to run; None: it keeps none. Variables are tensors."""
    size = _STATE.get(op.name)
    return None if size is None else size(op)


def variable_of(handle: Op) -> VariableKey:
    """The variable that a VAR_HANDLE means."""
    options = handle.options
    return options.get("container") or "", options.get("shared_name") or ""


def more_params_bytes(op: Op) -> int:
    """Trailing bytes of the params struct that depend on options or on the number of channels."""
    size = _MORE_PARAMS.get(op.name)
    return 0 if size is None else size(op)


def _first(op: Op) -> Tensor:
    """The first input; an operator of a file that is wrong may have none."""
    return op.operands[0] if op.operands else Tensor("", Type.INT8, (0,))


def _option(op: Op, name: str) -> int:
    value = options_of(op).get(name, 0)
    return max(int(value), 0) if isinstance(value, int) else 0


def _element_bytes(op: Op) -> int:
    return _first(op).type.bits // 8


def _rows(op: Op) -> int:
    """Of the first input; a row is its last dimension."""
    x = _first(op)
    return x.size // max(x.shape[-1], 1) if x.shape else 1


def _transform(op: Op) -> int:
    return _option(op, "fft_length") * _element_bytes(op)


def _twiddles(op: Op) -> int:
    """Complex numbers: half the length, and half of that."""
    half = _option(op, "fft_length") // 2
    return (half + half // 2) * 2 * _element_bytes(op)


def _detections(op: Op) -> int:
    shape = _first(op).shape
    boxes = shape[1] if len(shape) > 1 else 0
    return boxes * _BOX_BYTES + _option(op, "max_detections") * _DETECTION_BYTES


def _coded(op: Op) -> int:
    channels = sum(
        len(output.quantization.scales) if output.quantization else 1 for output in op.outputs
    )
    return len(op.outputs) * _CODED_BYTES + channels


def _framed(op: Op) -> int:
    samples = _option(op, "frame_size") + _option(op, "frame_step")
    return _COUNTERS_BYTES + _rows(op) * samples * _SAMPLE_BYTES


def _stacked(op: Op) -> int:
    frames = _option(op, "stacker_left_context") + 1 + _option(op, "stacker_right_context")
    return _COUNTERS_BYTES + frames * _option(op, "num_channels") * _SAMPLE_BYTES


def _delayed(op: Op) -> int:
    return _rows(op) * _option(op, "delay_length") * _SAMPLE_BYTES


def _overlapping(op: Op) -> int:
    """The last frame of each row of frames."""
    x = _first(op)
    frames = x.shape[-2] if len(x.shape) > 1 else 1
    return x.nbytes // max(frames, 1)


_Size = Callable[[Op], int]
_SCRATCH: dict[str, tuple[_Size, ...]] = {
    "SignalIrfft": (_transform,),
    "SignalRfft": (_transform,),
    "TFLite_Detection_PostProcess": (_detections,),
}
_STATE: dict[str, _Size] = {
    "CALL_ONCE": lambda op: 1,
    "CIRCULAR_BUFFER": lambda op: 4 + sum(output.nbytes for output in op.outputs),
    "SignalDelay": _delayed,
    "SignalFilterBankSpectralSubtraction": lambda op: _option(op, "num_channels") * 4,
    "SignalFramer": _framed,
    "SignalOverlapAdd": _overlapping,
    "SignalStacker": _stacked,
}
_MORE_PARAMS: dict[str, _Size] = {
    "SignalIrfft": _twiddles,
    "SignalRfft": _twiddles,
    "TFLM_DECODE": _coded,
}
