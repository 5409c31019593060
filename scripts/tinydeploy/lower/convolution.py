"""Rules for convolutions and fully connected layers: firmware/dsp's dot products and planes."""

from __future__ import annotations

import struct

import numpy as np

from tinydeploy.graph.ir import Array, Op, Tensor, Type
from tinydeploy.lower import pack
from tinydeploy.lower.lowering import (
    Lowering,
    quantization_of,
    refusal,
    require_int8,
    scale_of,
    scratch,
)
from tinydeploy.lower.plan import Argument, Buffer, Constant, ParamsType, Pointer
from tinydeploy.lower.ranges import clamp_after
from tinydeploy.ops.work import op_macs

_CONV = ParamsType(
    "ConvParams",
    "<6H6BbB2H",
    "in_height in_width in_channels out_height out_width out_channels kernel_height kernel_width "
    "stride_height stride_width pad_top pad_left input_zero_point copies_rows row_words batch",
)
_POINTWISE = ParamsType("PointwiseParams", "<I2HI", "pixels in_channels out_channels batch")
_DEPTHWISE = ParamsType(
    "DepthwiseParams",
    "<5H3BbH",
    "in_height in_width channels out_height out_width stride pad_top pad_left input_zero_point "
    "band",
)
_DENSE = ParamsType("FullyConnectedParams", "<3H", "batches depth units")

Size = tuple[int, int]


def conv(lowering: Lowering, op: Op) -> None:
    """CONV_2D int8: 1x1 by pixel pairs, anything else by patches."""
    source, weights, _ = _operands(lowering, op)
    if _pair(op, "dilation", ("h_factor", "w_factor")) != (1, 1):
        raise refusal(op, "is dilated")
    if weights.shape[3] != source.shape[3] or source.shape[0] != 1:
        raise refusal(op, "has groups or a batch")
    filters = _data(weights)
    depth = filters.reshape(len(filters), -1)
    start, scaling = _scaling(op, source, weights, depth, biased=True)
    stride = _pair(op, "stride", ("h", "w"))
    if filters.shape[1:3] == (1, 1) and stride == (1, 1):
        _pointwise(lowering, op, depth, start, scaling)
    else:
        _patches(lowering, op, filters, start, scaling, stride)
    clamp_after(lowering, op)


def depthwise(lowering: Lowering, op: Op) -> None:
    """DEPTHWISE_CONV_2D int8, 3x3, multiplier 1, stride 1 or 2."""
    source, weights, _ = _operands(lowering, op)
    stride = _pair(op, "stride", ("h", "w"))
    height, width, channels = weights.shape[1:]
    fits = (height, width) == (3, 3) and channels == source.shape[3] and source.shape[0] == 1
    dilated = _pair(op, "dilation", ("h_factor", "w_factor")) != (1, 1)
    if not fits or dilated or stride not in ((1, 1), (2, 2)):
        raise refusal(op, "is no 3x3 kernel with stride 1 or 2 and one output a channel")
    filters = _data(weights)[0]
    flat = np.ascontiguousarray(filters.reshape(9, -1).T)
    start, scaling = _scaling(op, source, weights, flat, biased=False)
    padding = _padding(op, source, (3, 3), stride)
    geometry = pack.depthwise_geometry(
        _image(source), _image(op.outputs[0])[:2], stride[0], padding, scale_of(source)[1]
    )
    same = stride == (1, 1) and source.shape == op.outputs[0].shape
    output = lowering.output(op, over=source if same else None)
    records = pack.pack_depthwise(filters, start, scaling)
    suffix = "_stride2" if stride == (2, 2) else ""
    _call(
        lowering,
        op,
        ("dsp/depthwise.h", "td_depthwise", _DEPTHWISE),
        geometry.params,
        records,
        output,
        geometry.scratch_bytes,
        f"td_depthwise{suffix}_{scaling.mode}",
    )
    clamp_after(lowering, op)


def fully_connected(lowering: Lowering, op: Op) -> None:
    """FULLY_CONNECTED int8."""
    source, weights, _ = _operands(lowering, op)
    depth = weights.shape[-1]
    start, scaling = _scaling(op, source, weights, _data(weights), biased=True)
    batches = source.size // depth
    over = source if batches == 1 else None
    _call(
        lowering,
        op,
        ("dsp/fully_connected.h", "td_fully_connected", _DENSE),
        struct.pack(_DENSE.layout, batches, depth, weights.shape[0]),
        pack.pack_dense(_data(weights), start, scaling),
        lowering.output(op, over=over),
        pack.dense_scratch_bytes(depth),
        f"td_dot_one_{scaling.mode}",
    )
    clamp_after(lowering, op)


def _pointwise(
    lowering: Lowering, op: Op, weights: Array, start: Array, scaling: pack.Scaling
) -> None:
    source, result = op.operands[0], op.outputs[0]
    units, depth = weights.shape
    geometry = pack.pointwise_geometry(result.shape[1] * result.shape[2], depth, units)
    _call(
        lowering,
        op,
        ("dsp/conv.h", "td_pointwise", _POINTWISE),
        geometry.params,
        pack.pack_pointwise(weights, start, scaling),
        lowering.output(op, over=source if units <= depth else None),
        geometry.scratch_bytes,
        f"td_dot_pairs_{scaling.mode}",
    )


def _patches(
    lowering: Lowering,
    op: Op,
    filters: Array,
    start: Array,
    scaling: pack.Scaling,
    stride: Size,
) -> None:
    source, result = op.operands[0], op.outputs[0]
    kernel = (filters.shape[1], filters.shape[2])
    padding = _padding(op, source, kernel, stride)
    in_place = (
        stride == (1, 1)
        and result.shape[3] <= source.shape[3]
        and result.shape[2] <= source.shape[2]
        and kernel[0] - padding[0] >= 1
        and lowering.dies_here(source, op)
    )
    geometry = pack.conv_geometry(
        _image(source),
        _image(result),
        kernel,
        stride,
        padding,
        scale_of(source)[1],
        in_place=in_place,
    )
    _call(
        lowering,
        op,
        ("dsp/conv.h", "td_conv", _CONV),
        geometry.params,
        pack.pack_conv(filters, start, scaling),
        lowering.output(op, over=source if in_place else None),
        geometry.scratch_bytes,
        f"td_dot_pairs_{scaling.mode}",
    )


def _call(
    lowering: Lowering,
    op: Op,
    kernel: tuple[str, str, ParamsType],
    params: bytes,
    stream: bytes,
    output: Buffer,
    scratch_bytes: int,
    inner: str,
) -> None:
    """A step of the form (params, input, constants, output, scratch, inner loop)."""
    header, function, params_type = kernel
    source = lowering.buffer(op.operands[0])
    memory, scratch_arguments = scratch(scratch_bytes)
    constants = Constant("stream", np.frombuffer(stream, "<u4"))
    arguments: list[Argument] = [
        Pointer(source, "const int8_t"),
        constants,
        Pointer(output),
        *scratch_arguments,
        inner,
    ]
    lowering.call(
        op,
        header,
        function,
        arguments,
        reads=[source],
        writes=output,
        params_type=params_type.name,
        params=params_type.named(params),
        scratch=memory,
        macs=op_macs(op),
    )


def _operands(lowering: Lowering, op: Op) -> tuple[Tensor, Tensor, Tensor | None]:
    source, weights, bias = op.operands[0], op.operands[1], op.input(2)
    require_int8(op, source, weights, op.outputs[0])
    if not weights.is_constant or (bias is not None and not bias.is_constant):
        raise refusal(op, "has weights that are not constant")
    if bias is not None and bias.type is not Type.INT32:
        raise refusal(op, f"has a bias of {bias.type.label}")
    if np.any(quantization_of(weights).zero_points):
        raise refusal(op, "has weights with a zero point")
    return source, weights, bias


def _data(tensor: Tensor) -> Array:
    assert tensor.data is not None
    return tensor.data


def _scaling(
    op: Op, source: Tensor, weights: Tensor, rows: Array, *, biased: bool
) -> tuple[Array, pack.Scaling]:
    """Folded bias and requantization of weights as [out, depth]; clamps are a step of their own."""
    if not pack.lanes_are_exact(rows):
        raise refusal(op, "has a weight of -128")
    bias, zero_point = op.input(2), scale_of(source)[1]
    start = pack.fold_bias(None if bias is None else _data(bias), rows, zero_point)
    bounds = pack.accumulator_bounds(rows, start)
    scaling = pack.channel_scaling(
        _effective_scales(op, source, weights, len(rows)),
        scale_of(op.outputs[0])[1],
        bounds,
        biased=biased,
    )
    if scaling is None:
        raise refusal(op, "has sums or scales beyond what the fast requantization is exact for")
    return start, scaling


def _effective_scales(op: Op, source: Tensor, weights: Tensor, channels: int) -> Array:
    scales = quantization_of(weights).scales
    source_scale, output_scale = scale_of(source)[0], scale_of(op.outputs[0])[0]
    if op.code == "FULLY_CONNECTED" and len(scales) == 1:
        # TFLM rounds the product of the two scales to float here, and only here.
        product = np.float64(np.float32(source_scale) * np.float32(scales[0]))
        return np.full(channels, product / np.float64(np.float32(output_scale)))
    spread = np.broadcast_to(scales, (channels,))
    return pack.effective_scales(source_scale, spread, output_scale)


def _image(tensor: Tensor) -> tuple[int, int, int]:
    _, height, width, channels = tensor.shape
    return height, width, channels


def _pair(op: Op, what: str, names: tuple[str, str]) -> Size:
    first, second = (int(op.options.get(f"{what}_{name}", 1)) for name in names)
    return first, second


def _padding(op: Op, source: Tensor, kernel: Size, stride: Size) -> Size:
    """Rows and columns of padding before the image."""
    if op.options["padding"] != "SAME":
        return 0, 0
    result = op.outputs[0]
    sizes = zip(source.shape[1:3], result.shape[1:3], kernel, stride, strict=True)
    top, left = (max((out - 1) * step + size - given, 0) // 2 for given, out, size, step in sizes)
    return top, left
