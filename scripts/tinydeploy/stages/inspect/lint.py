"""Quantization lint: what will cost accuracy, memory or time, though the model runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from tinydeploy.graph.ir import Model, Op, Tensor, Type
from tinydeploy.segments import references

_WEIGHTED = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "TRANSPOSE_CONV": 0, "FULLY_CONNECTED": 0}
_QUANTIZED = (Type.INT8, Type.UINT8, Type.INT16)
_SATURATED_SHARE = 0.02
_SHORT_RANGE = 1e-6  # real numbers that a whole int8 range spans


@dataclass(frozen=True)
class Finding:
    """Something to look at.

    Attributes:
        rule: name of the rule, such as "per-tensor-weights".
        where: operator or tensor it is about; "" for the whole model.
        message: what was seen.
        hint: what to change.
    """

    rule: str
    where: str
    message: str
    hint: str


def lint(model: Model) -> list[Finding]:
    """All findings, rule by rule."""
    return list(chain.from_iterable(rule(model) for rule in _RULES))


def _places(model: Model) -> Iterator[tuple[str, Op]]:
    for op in model.ops:
        yield f"{op.name} {op.outputs[0].label}" if op.outputs else op.name, op


def _is_quantized(model: Model) -> bool:
    return any(t.type in _QUANTIZED and t.quantization for op in model.ops for t in op.outputs)


def _not_quantized(model: Model) -> Iterator[Finding]:
    if not _is_quantized(model) and any(t.type.is_float for t in model.main.outputs):
        yield Finding(
            "float-model",
            "",
            "the model computes in float32",
            "int8 takes a quarter of the memory and a fraction of the time: `tinydeploy convert`",
        )


def _float_io(model: Model) -> Iterator[Finding]:
    ends = [("input", t) for t in model.main.inputs] + [("output", t) for t in model.main.outputs]
    for kind, tensor in ends:
        if _is_quantized(model) and tensor.type.is_float:
            yield Finding(
                "float-io",
                tensor.label,
                f"{kind} is float32 and converted on the device",
                f"set converter.inference_{kind}_type = tf.int8",
            )


def _float_islands(model: Model) -> Iterator[Finding]:
    if not _is_quantized(model):
        return
    for where, op in _places(model):
        computes = op.code not in ("QUANTIZE", "DEQUANTIZE", "CAST")
        if computes and any(t.type.is_float for t in op.outputs):
            yield Finding(
                "float-island",
                where,
                "runs in float32 inside a quantized model",
                "convert with TFLITE_BUILTINS_INT8 only, so that the converter names what it can't "
                "quantize",
            )


def _weights(op: Op) -> Tensor | None:
    weights = op.input(1) if op.code in _WEIGHTED else None
    return weights if weights is not None and weights.is_constant else None


def _per_tensor_weights(model: Model) -> Iterator[Finding]:
    for where, op in _places(model):
        weights = _weights(op)
        if weights is None or not weights.quantization or weights.type not in _QUANTIZED:
            continue
        channels = weights.shape[_WEIGHTED[op.code]] if len(weights.shape) > 1 else 1
        if op.code != "FULLY_CONNECTED" and channels > 1 and not weights.quantization.per_channel:
            yield Finding(
                "per-tensor-weights",
                where,
                f"one scale for {channels} channels of weights",
                "per-channel weights keep more accuracy at no cost: convert with the default "
                "quantizer, without disable_per_channel",
            )


def _saturated_weights(model: Model) -> Iterator[Finding]:
    for where, op in _places(model):
        weights = _weights(op)
        if weights is None or weights.data is None or weights.type is not Type.INT8:
            continue
        extreme = np.abs(weights.data.astype(np.int16)) >= 127
        channels = weights.quantization.scales.size if weights.quantization else 1
        share = (np.count_nonzero(extreme) - channels) / max(weights.size, 1)
        if weights.size > 64 and share > _SATURATED_SHARE:
            yield Finding(
                "saturated-weights",
                where,
                f"{share:.0%} of the weights are at the end of the range",
                "weights were clipped: look at the quantizer, or clip less in training",
            )


def _dead_channels(model: Model) -> Iterator[Finding]:
    for where, op in _places(model):
        weights = _weights(op)
        if weights is None or weights.data is None or len(weights.shape) < 2:
            continue
        axis = _WEIGHTED[op.code]
        others = tuple(i for i in range(weights.data.ndim) if i != axis)
        dead = int(np.count_nonzero(~weights.data.any(axis=others)))
        if dead:
            yield Finding(
                "dead-channels",
                where,
                f"{dead} of {weights.shape[axis]} output channels have only zero weights",
                "fewer channels, or less weight decay, would do as well",
            )


def _odd_ranges(model: Model) -> Iterator[Finding]:
    seen: set[Tensor] = set()
    for tensor in (t for op in model.ops for t in op.outputs):
        quantization = tensor.quantization
        if quantization is None or tensor in seen:
            continue
        seen.add(tensor)
        scale = quantization.scale
        if not np.isfinite(scale) or scale <= 0:
            yield Finding(
                "degenerate-range",
                tensor.label,
                f"has the scale {scale:g}",
                "the representative data never reached this tensor: give it real examples",
            )
        elif scale * 255 < _SHORT_RANGE:
            yield Finding(
                "degenerate-range",
                tensor.label,
                f"spans only {scale * 255:.2g}: it was constant in the representative data",
                "give the converter representative data that exercises this layer",
            )


def _int16(model: Model) -> Iterator[Finding]:
    for where, op in _places(model):
        first = op.operands[0] if op.operands else None
        if first is None or first.type is not Type.INT16:
            continue
        if any(t.quantization and t.quantization.zero_points.any() for t in op.outputs):
            yield Finding(
                "int16-zero-point",
                where,
                "int16 activations with a zero point other than 0",
                "TFLite's int16 kernels assume 0: convert as int16x8 (INT16X8 ops)",
            )
        if op.code in ("REDUCE_MAX", "RESIZE_BILINEAR"):
            yield Finding(
                "int16-operator",
                where,
                "TFLM does not run this operator with int16 activations",
                "keep this layer int8, or use another one",
            )


def _relu6_alone(model: Model) -> Iterator[Finding]:
    for where, op in _places(model):
        x = op.operands[0].quantization if op.operands else None
        y = op.outputs[0].quantization if op.outputs else None
        if op.code == "RELU6" and x is not None and not x.same(y):
            yield Finding(
                "relu6-alone",
                where,
                "a RELU6 of its own with different scales: TFLM does not rescale there",
                "put it right after a Conv2D, Dense or Add, so that the converter fuses it",
            )


def _open_shapes(model: Model) -> Iterator[Finding]:
    asks_for_shapes = any(op.code == "SHAPE" for op in model.ops)
    for tensor in model.main.inputs:
        if -1 in tensor.shape_signature[0 if asks_for_shapes else 1 :]:
            yield Finding(
                "open-shape",
                tensor.label,
                f"was exported with open sizes {list(tensor.shape_signature)}",
                "give Input a batch_size and fixed sizes: open ones add operators before Flatten",
            )


def _not_of_tflm(model: Model) -> Iterator[Finding]:
    for name in references(model):
        yield Finding(
            "not-of-tflm",
            name,
            "TFLM has no such operator: it is checked against its Python reference, the others "
            "against TFLM",
            "other programs than tinydeploy's do not run the file",
        )


_RULES: Iterable[Callable[[Model], Iterator[Finding]]] = (
    _not_quantized,
    _float_io,
    _float_islands,
    _per_tensor_weights,
    _saturated_weights,
    _dead_channels,
    _odd_ranges,
    _int16,
    _relu6_alone,
    _open_shapes,
    _not_of_tflm,
)
