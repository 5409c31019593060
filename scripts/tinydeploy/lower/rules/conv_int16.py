"""Rules for int16 activations with int8 weights: convolutions and fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinydeploy.abi import params as declared
from tinydeploy.graph.ir import Array, Op, Tensor, Type
from tinydeploy.lower.lowering import Lowering, quantization_of, refusal
from tinydeploy.lower.packing import weights_int16
from tinydeploy.lower.packing.weights_int16 import Scaling16
from tinydeploy.lower.plan.ir import Buffer, Field
from tinydeploy.lower.rules.conv_operands import (
    dilation_of,
    effective_scales,
    image,
    padding,
    stride_of,
)
from tinydeploy.lower.rules.conv_steps import DspKernel, step
from tinydeploy.lower.rules.fused_activation import activation_range

INT16 = (-(1 << 15), (1 << 15) - 1)
_HEADER = "dsp/conv16.h"
_CONV = DspKernel(_HEADER, "td_conv16", declared.CONV16, element="int16_t")
_DEPTHWISE = DspKernel(_HEADER, "td_depthwise16", declared.DEPTHWISE16, element="int16_t")
_FULLY_CONNECTED = DspKernel(
    _HEADER, "td_fully_connected16", declared.FULLY_CONNECTED16, element="int16_t"
)


def conv(lowering: Lowering, op: Op) -> None:
    """CONV_2D int16."""
    source, filters, bias = _operands(op)
    if filters.shape[3] != source.shape[3] or dilation_of(op) != (1, 1):
        raise refusal(op, "has groups or dilation")
    _conv(lowering, op, filters, bias)


def depthwise(lowering: Lowering, op: Op) -> None:
    """DEPTHWISE_CONV_2D int16 with one output a channel."""
    source, filters, bias = _operands(op)
    if filters.shape[3] != source.shape[3] or dilation_of(op) != (1, 1):
        raise refusal(op, "has several outputs a channel, or dilation")
    taps = filters[0]
    numbers = _scaling(op, taps.reshape(-1, taps.shape[2]).T, bias)
    stream = weights_int16.pack_depthwise(taps, bias, numbers)
    params = {
        "in_height": source.shape[1],
        "in_width": source.shape[2],
        "channels": source.shape[3],
        "out_height": op.outputs[0].shape[1],
        "out_width": op.outputs[0].shape[2],
        **window(op, taps.shape[:2]),
        "left": numbers.left,
        **limits(op),
    }
    step(lowering, op, _DEPTHWISE, params, stream, lowering.output(op))


def fully_connected(lowering: Lowering, op: Op) -> None:
    """FULLY_CONNECTED int16."""
    source, weights, bias = _operands(op)
    units, depth = weights.shape
    numbers = _scaling(op, weights, bias)
    stream = weights_int16.pack_quads(weights, bias, numbers, -(-depth // 2))
    params = {
        "batches": source.size // depth,
        "depth": depth,
        "units": units,
        "left": numbers.left,
        **limits(op),
    }
    step(lowering, op, _FULLY_CONNECTED, params, stream, lowering.output(op))


def _conv(lowering: Lowering, op: Op, filters: Array, bias: Array) -> None:
    source, result = op.operands[0], op.outputs[0]
    height, width, depth = image(source)
    out_height, out_width, units = image(result)
    kernel = filters.shape[1:3]
    rows = weights_int16.pack_rows(filters)
    numbers = _scaling(op, rows, bias)
    steps = weights_int16.steps_of(rows.shape[1])
    small = lowering.goal_here == "size"
    pairs = 1 if small else weights_int16.batch_pairs(steps, out_height * out_width)
    params = {
        "in_height": height,
        "in_width": width,
        "in_channels": depth,
        "out_height": out_height,
        "out_width": out_width,
        "out_channels": units,
        **window(op, kernel),
        "left": numbers.left,
        "pairs": pairs,
        "steps": steps,
        "row_words": -(-kernel[1] * depth // 2),
        **limits(op),
    }
    stream = weights_int16.pack_quads(rows, bias, numbers, steps)
    in_place = kernel == (1, 1) and stride_of(op) == (1, 1) and units <= depth
    output = lowering.output(op, over=source if in_place else None)
    kernel_of_mode = replace(_CONV, inner=f"td_dot16_{mode(op)}")
    columns = Buffer("columns", 8 * steps * pairs)
    step(lowering, op, kernel_of_mode, params, stream, output, columns)


def _operands(op: Op) -> tuple[Tensor, Array, Array]:
    """Input, weights and int64 bias, once it is sure that they are what the kernels take."""
    source, weights, bias = op.operands[0], op.operands[1], op.input(2)
    for tensor in (source, op.outputs[0]):
        if tensor.type is not Type.INT16 or np.any(quantization_of(tensor).zero_points):
            raise refusal(op, "is not int16 around zero")
    if weights.type is not Type.INT8 or weights.data is None:
        raise refusal(op, "has weights that are not constant int8")
    if source.shape[0] != 1 and op.code != "FULLY_CONNECTED":
        raise refusal(op, "has a batch")
    if np.any(quantization_of(weights).zero_points):
        raise refusal(op, "has weights with a zero point")
    if bias is None:
        channels = op.outputs[0].shape[-1]
        return source, weights.data, np.zeros(channels, np.int64)
    if bias.type is not Type.INT64 or bias.data is None:
        raise refusal(op, "has a bias that is not constant int64")  # TFLM rounds otherwise then
    return source, weights.data, bias.data.reshape(-1)


def _scaling(op: Op, rows: Array, bias: Array) -> Scaling16:
    scales = effective_scales(op, op.operands[0], op.operands[1], len(rows))
    numbers = weights_int16.scaling(scales, rows, bias)
    if numbers is None:
        raise refusal(op, "has sums beyond 32 bits")
    return numbers


def window(op: Op, kernel: Sequence[int]) -> dict[str, Field]:
    """Geometry of a window that slides over an image, as params structs have it."""
    stride, pad = stride_of(op), padding(op, op.operands[0], kernel)
    return {
        "kernel_height": kernel[0],
        "kernel_width": kernel[1],
        "stride_height": stride[0],
        "stride_width": stride[1],
        "pad_top": pad[0],
        "pad_left": pad[1],
    }


def limits(op: Op) -> dict[str, Field]:
    """Clamp of the output."""
    low, high = activation_range(op, op.outputs[0], INT16)
    return {"lowest": low, "highest": high}


def mode(op: Op) -> str:
    """Variant of the inner loop."""
    low, high = activation_range(op, op.outputs[0], INT16)
    return {INT16: "signed", (0, INT16[1]): "positive"}.get((low, high), "clamped")
