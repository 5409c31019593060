"""How the channels of an operator's input and output hang together; constant channels.

A channel is an index of a tensor's last axis. What is constant and what
reads what is decided here; passes/dead_channels.py acts on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.graph.ir import Model, Op, Subgraph, Tensor, Type
from tinydeploy.graph.write_tflite import dump
from tinydeploy.ops.declared import operator_of
from tinydeploy.ops.shape_rules import window_size

Evaluate = Callable[[bytes, Sequence[Any]], "list[Any] | None"]
Constants = dict[Tensor, dict[int, int]]  # tensor -> channel -> the stored value it always has


def mixes(op: Op) -> bool:
    """Whether each output channel is a weighted sum of input channels that we can take apart."""
    if op.code not in ("CONV_2D", "FULLY_CONNECTED") or not _is_int8(op):
        return False
    depth = op.operands[0].shape[-1] if op.operands[0].shape else 0
    weights = op.operands[1].shape
    return weights[-1] == depth if op.code == "CONV_2D" else depth > 0 and weights[-1] % depth == 0


def source_of(op: Op) -> list[int] | None:
    """For each output channel the one input channel it comes from; None: not of this kind."""
    if not op.operands or len(op.outputs) != 1 or not _is_int8(op):
        return None
    source, result = op.operands[0].shape, op.outputs[0].shape
    if not source or not result:
        return None
    channels, count = source[-1], result[-1]
    if op.code == "DEPTHWISE_CONV_2D":
        return [out * channels // count for out in range(count)]
    if operator_of(op).channelwise and channels == count:
        return list(range(count))
    if op.code == "MEAN" and _is_over_space(op) and channels == count:
        return list(range(count))
    if op.code == "RESHAPE" and channels and count % channels == 0:
        return [out % channels for out in range(count)]
    return None


def _is_over_space(op: Op) -> bool:
    axes = op.operands[1].data if len(op.operands) > 1 else None
    rank = len(op.operands[0].shape)
    return axes is not None and all(axis % rank != rank - 1 for axis in axes.reshape(-1).tolist())


def _is_int8(op: Op) -> bool:
    """int8 in and out, and constant int8 weights around zero where there are weights."""
    ends = [op.operands[0], op.outputs[0]] if op.operands and op.outputs else []
    if not ends or any(tensor.type is not Type.INT8 for tensor in ends):
        return False
    if op.code not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        return True
    if not all(tensor.is_constant for tensor in op.operands[1:]):
        return False
    weights = op.operands[1]
    quantization = weights.quantization
    return weights.type is Type.INT8 and (
        quantization is None or not quantization.zero_points.any()
    )


def taps(op: Op) -> npt.NDArray[np.int8]:
    """Weights of a mixing op as [output channel, input channel, taps]."""
    weights = op.operands[1]
    assert weights.data is not None
    depth = op.operands[0].shape[-1]
    rows = weights.data.reshape(len(weights.data), -1, depth)
    by_channel: npt.NDArray[np.int8] = rows.transpose(0, 2, 1)
    return by_channel


def sees_border(op: Op) -> bool:
    """Whether the window reaches over the edge, where a constant channel looks otherwise."""
    if op.code == "FULLY_CONNECTED" or op.options.get("padding") == "VALID":
        return False
    source, weights = op.operands[0].shape, op.operands[1].shape
    return any(
        _overlap(op, side, source[axis], weights[axis]) for axis, side in ((1, "h"), (2, "w"))
    )


def _overlap(op: Op, side: str, size: int, window: int) -> bool:
    stride: int = op.options[f"stride_{side}"]
    dilation: int = op.options.get(f"dilation_{side}_factor", 1)
    count = window_size(size, window, stride, dilation, "SAME")
    return (count - 1) * stride + (window - 1) * dilation + 1 > size


def zero_point(tensor: Tensor) -> int:
    """Stored value of real zero."""
    return tensor.quantization.zero_point if tensor.quantization else 0


def foldable(op: Op, constants: dict[int, int]) -> set[int]:
    """Constant input channels whose part in the sum is the same at every position."""
    if not sees_border(op):
        return set(constants)
    zero = zero_point(op.operands[0])
    return {channel for channel, value in constants.items() if value == zero}


def constant_channels(subgraph: Subgraph, evaluate: Evaluate) -> Constants:
    """Channels whose value does not depend on the model's input."""
    known: Constants = {}
    for op in subgraph.ops:
        before = known.get(op.operands[0], {}) if op.operands else {}
        channels = _constant_outputs(op, before)
        if channels:
            known[op.outputs[0]] = _values(op, before, channels, evaluate)
    return known


def _constant_outputs(op: Op, before: dict[int, int]) -> list[int]:
    if mixes(op):
        varying = [c for c in range(op.operands[0].shape[-1]) if c not in foldable(op, before)]
        used = taps(op)[:, varying].any(axis=(1, 2))
        return [int(out) for out in np.flatnonzero(~used)]
    sources = source_of(op)
    if sources is None:
        return []
    fixed = foldable(op, before) if op.code == "DEPTHWISE_CONV_2D" else set(before)
    silent = _silent(op)
    return [out for out, source in enumerate(sources) if source in fixed or out in silent]


def _silent(op: Op) -> set[int]:
    """Output channels of a depthwise convolution whose weights are all zero."""
    if op.code != "DEPTHWISE_CONV_2D":
        return set()
    weights = op.operands[1].data
    assert weights is not None
    return {int(out) for out in np.flatnonzero(~weights.any(axis=(0, 1, 2)))}


def _values(
    op: Op, before: dict[int, int], channels: list[int], evaluate: Evaluate
) -> dict[int, int]:
    """What TFLM gives for constant output channels: their first number, the others being equal."""
    source = op.operands[0]
    data = np.full(source.shape, zero_point(source), np.int8)
    for channel, value in before.items():
        data[..., channel] = value
    tensors = list(dict.fromkeys([*op.operands, *op.outputs]))
    model = Model([Subgraph("op", tensors, [op], [source], list(op.outputs))])
    results = evaluate(dump(model), [data])
    if results is None:
        return {}
    rows = results[0].reshape(-1, op.outputs[0].shape[-1])
    return {out: int(rows[0, out]) for out in channels if (rows[:, out] == rows[0, out]).all()}
