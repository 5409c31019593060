"""Rules for convolutions and fully connected layers: firmware/dsp's dot products and planes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinydeploy.abi import params as declared
from tinydeploy.abi.layout import Struct
from tinydeploy.graph.ir import Array, Op, Tensor, Type
from tinydeploy.lower import pack, tiles
from tinydeploy.lower.lowering import (
    Lowering,
    quantization_of,
    refusal,
    require_int8,
    scale_of,
)
from tinydeploy.lower.plan import Argument, Buffer, Constant, Pointer, Records
from tinydeploy.lower.ranges import activation_range, clamp_after
from tinydeploy.ops.work import op_macs

_CONV, _POINTWISE, _DENSE = declared.CONV, declared.POINTWISE, declared.FULLY_CONNECTED
_DEPTHWISE, _DEPTHWISE_ANY = declared.DEPTHWISE, declared.DEPTHWISE_ANY
_DEPTHWISE_TIME, _GENERAL = declared.DEPTHWISE_TIME, declared.GENERAL

TILED = {"td_conv": _CONV, "td_pointwise": _POINTWISE, "td_depthwise": _DEPTHWISE}

_FEW_UNITS = 16

Size = tuple[int, int]


def conv(lowering: Lowering, op: Op) -> None:
    """CONV_2D int8: 1x1 by pixel pairs, others by patches; groups and dilation the general way."""
    source, weights = _operands(lowering, op)
    _conv(lowering, op, source, weights, _data(weights))


def depthwise(lowering: Lowering, op: Op) -> None:
    """DEPTHWISE_CONV_2D int8: by planes where there is one output a channel."""
    source, weights = _operands(lowering, op)
    filters = _data(weights)[0]
    channels = source.shape[3]
    if channels == 1:  # of one channel, to be seen as a whole: an ordinary convolution
        _conv(lowering, op, source, weights, _by_output(filters))
        return
    rows = np.ascontiguousarray(filters.reshape(-1, filters.shape[2]).T)
    folded = _scaling(op, source, weights, rows, biased=False)
    plain = (
        filters.shape[2] == channels and source.shape[0] == 1 and step_of(op, "dilation") == (1, 1)
    )
    if folded is None or not plain:
        _general(lowering, op, weights, _by_output(filters))
    elif filters.shape[1] == source.shape[2] and padding(op, source, filters.shape[:2]) == (0, 0):
        _over_time(lowering, op, filters, *folded)
    elif filters.shape[:2] == (3, 3) and step_of(op, "stride") in ((1, 1), (2, 2)):
        _planes_3x3(lowering, op, filters, *folded)
    else:
        _planes(lowering, op, filters, *folded)


def fully_connected(lowering: Lowering, op: Op) -> None:
    """FULLY_CONNECTED int8."""
    source, weights = _operands(lowering, op)
    rows = _data(weights)
    units, depth = rows.shape
    folded = _scaling(op, source, weights, rows, biased=True, few=units <= _FEW_UNITS)
    if folded is None:
        _general(lowering, op, weights, rows.reshape(units, 1, 1, depth))
        return
    if source.size == depth and units <= _FEW_UNITS and _has_convolutions(lowering):
        _pointwise(lowering, op, rows, *folded, pixels=1)  # saves linking a kernel for a head
        clamp_after(lowering, op)
    else:
        _dense(lowering, op, rows, *folded)


def _dense(lowering: Lowering, op: Op, rows: Array, start: Array, scaling: pack.Scaling) -> None:
    """Weights [units, depth] times each `depth` numbers of the input."""
    source = op.operands[0]
    units, depth = rows.shape
    batches = source.size // depth
    memory = Buffer("scratch", pack.dense_scratch_bytes(depth))
    if batches == 1 and lowering.dies_here(source, op):
        # The input is widened into scratch from front to back: it may lie at the scratch's end.
        memory.base = lowering.buffer(source)
        memory.shift = -memory.size // 2
    _call(
        lowering,
        op,
        ("dsp/fully_connected.h", "td_fully_connected", _DENSE),
        _DENSE.packed(batches, depth, units),
        pack.pack_dense(rows, start, scaling),
        lowering.output(op),
        memory,
        f"td_dot_one_{scaling.mode}",
    )
    clamp_after(lowering, op)


def _conv(lowering: Lowering, op: Op, source: Tensor, weights: Tensor, filters: Array) -> None:
    """A convolution with `filters` [out, height, width, depth]."""
    rows = filters.reshape(len(filters), -1)
    folded = _scaling(op, source, weights, rows, biased=True)
    plain = filters.shape[3] == source.shape[3] and source.shape[0] == 1
    if folded is None or not plain or step_of(op, "dilation") != (1, 1):
        _general(lowering, op, weights, filters)
        return
    if filters.shape[1:3] == source.shape[1:3] and op.outputs[0].shape[1:3] == (1, 1):
        _dense(lowering, op, rows, *folded)
        return
    if filters.shape[1:3] == (1, 1) and step_of(op, "stride") == (1, 1):
        _, height, width, _ = op.outputs[0].shape
        _pointwise(lowering, op, rows, *folded, pixels=height * width)
    else:
        _patches(lowering, op, filters, *folded)
    clamp_after(lowering, op)


def _general(lowering: Lowering, op: Op, weights: Tensor, filters: Array) -> None:
    """Any convolution, exact in every case and slow."""
    source, result, bias = op.operands[0], op.outputs[0], op.input(2)
    units, depth = len(filters), filters.shape[3]
    rows = source.size // depth
    dense = op.code == "FULLY_CONNECTED"
    packed = pack.pack_general(
        filters,
        None if bias is None else _data(bias),
        effective_scales(op, source, weights, len(filters)),
        (rows, 1, 1, depth) if dense else (source.shape[0], *image(source)),
        (rows, 1, 1, units) if dense else (result.shape[0], *image(result)),
        stride=step_of(op, "stride"),
        dilation=step_of(op, "dilation"),
        padding=padding(op, source, filters.shape[1:3]),
        zero_points=(scale_of(source)[1], scale_of(result)[1]),
        activation=activation_range(op, result),
    )
    given, output = lowering.buffer(source), lowering.output(op)
    channels = np.frombuffer(packed.channels, "<i4").reshape(-1, 3)
    lowering.call(
        op,
        "dsp/conv_general.h",
        "td_conv_general",
        [
            Pointer(given, "const int8_t"),
            Records("channels", "GeneralChannel", channels.tolist()),
            Constant("weights", np.frombuffer(packed.weights, np.int8)),
            Pointer(output),
        ],
        reads=[given],
        writes=output,
        params_type=_GENERAL.name,
        params=_GENERAL.named(packed.params),
        macs=op_macs(op),
    )


def _planes_3x3(
    lowering: Lowering, op: Op, filters: Array, start: Array, scaling: pack.Scaling
) -> None:
    source, result, stride = op.operands[0], op.outputs[0], step_of(op, "stride")
    geometry = pack.depthwise_geometry(
        image(source), image(result)[:2], stride[0], padding(op, source, (3, 3)),
        scale_of(source)[1],
    )  # fmt: skip
    same = stride == (1, 1) and source.shape == result.shape
    suffix = "_stride2" if stride == (2, 2) else ""
    _call(
        lowering,
        op,
        ("dsp/depthwise.h", "td_depthwise", _DEPTHWISE),
        geometry.params,
        pack.pack_depthwise(filters, start, scaling),
        lowering.output(op, over=source if same else None),
        Buffer("scratch", geometry.scratch_bytes),
        f"td_depthwise{suffix}_{scaling.mode}",
    )
    clamp_after(lowering, op)


def _over_time(
    lowering: Lowering, op: Op, filters: Array, start: Array, scaling: pack.Scaling
) -> None:
    """A kernel as wide as the image, without padding: one output after another."""
    source, result = op.operands[0], op.outputs[0]
    taps, channels = filters.shape[0] * filters.shape[1], filters.shape[2]
    positions, step = result.shape[1], step_of(op, "stride")[0] * source.shape[2]
    stream = pack.pack_depthwise_time(filters.reshape(taps, channels), start, scaling)
    given, output = lowering.buffer(source), lowering.output(op)
    lowering.call(
        op,
        "dsp/depthwise_time.h",
        "td_depthwise_time",
        [
            Pointer(given, "const int8_t"),
            Constant("stream", np.frombuffer(stream, "<u4")),
            Pointer(output),
        ],
        reads=[given],
        writes=output,
        params_type=_DEPTHWISE_TIME.name,
        params=_DEPTHWISE_TIME.named(
            _DEPTHWISE_TIME.packed(taps, channels, positions, step, scaling.mode == "signed")
        ),
        macs=op_macs(op),
    )
    clamp_after(lowering, op)


def _planes(
    lowering: Lowering, op: Op, filters: Array, start: Array, scaling: pack.Scaling
) -> None:
    """A kernel of another size, or with strides of its own."""
    source, result, kernel = op.operands[0], op.outputs[0], filters.shape[:2]
    geometry = pack.depthwise_any_geometry(
        image(source), image(result)[:2], kernel, step_of(op, "stride"),
        padding(op, source, kernel), scale_of(source)[1], scaling.mode,
    )  # fmt: skip
    _call(
        lowering,
        op,
        ("dsp/depthwise_any.h", "td_depthwise_any", _DEPTHWISE_ANY),
        geometry.params,
        pack.pack_depthwise_any(filters, start, scaling),
        lowering.output(op, over=source if source.shape == result.shape else None),
        Buffer("scratch", geometry.scratch_bytes),
    )
    clamp_after(lowering, op)


def _pointwise(
    lowering: Lowering, op: Op, weights: Array, start: Array, scaling: pack.Scaling, *, pixels: int
) -> None:
    source = op.operands[0]
    units, depth = weights.shape
    geometry = pack.pointwise_geometry(pixels, depth, units)
    _call(
        lowering,
        op,
        ("dsp/conv.h", "td_pointwise", _POINTWISE),
        geometry.params,
        pack.pack_pointwise(weights, start, scaling),
        lowering.output(op, over=source if units <= depth else None),
        Buffer("scratch", geometry.scratch_bytes),
        f"td_dot_pairs_{scaling.mode}",
    )


def _patches(
    lowering: Lowering,
    op: Op,
    filters: Array,
    start: Array,
    scaling: pack.Scaling,
) -> None:
    source, result, stride = op.operands[0], op.outputs[0], step_of(op, "stride")
    kernel = (filters.shape[1], filters.shape[2])
    pad = padding(op, source, kernel)
    in_place = (
        stride == (1, 1)
        and result.shape[3] <= source.shape[3]
        and result.shape[2] <= source.shape[2]
        and kernel[0] - pad[0] >= 1
        and lowering.dies_here(source, op)
    )
    geometry = pack.conv_geometry(
        image(source),
        image(result),
        kernel,
        stride,
        pad,
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
        Buffer("scratch", geometry.scratch_bytes),
        f"td_dot_pairs_{scaling.mode}",
    )


def _call(
    lowering: Lowering,
    op: Op,
    kernel: tuple[str, str, Struct],
    params: bytes,
    stream: bytes,
    output: Buffer,
    memory: Buffer,
    *inner: str,
) -> None:
    """A step of the form (params, input, constants, output, scratch, inner loop)."""
    header, function, params_type = kernel
    params, memory.size = tiles.fit(
        function, params_type, params, memory.size, inner, lowering.goal
    )
    source = lowering.buffer(op.operands[0])
    constants = Constant("stream", np.frombuffer(stream, "<u4"))
    arguments: list[Argument] = [
        Pointer(source, "const int8_t"),
        constants,
        Pointer(output),
        Pointer(memory, "uint32_t"),
        *inner,
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
        scratch=[memory],
        macs=op_macs(op),
    )


def _operands(lowering: Lowering, op: Op) -> tuple[Tensor, Tensor]:
    """Input and weights, once it is sure that they and the bias are what the kernels take."""
    source, weights, bias = op.operands[0], op.operands[1], op.input(2)
    require_int8(op, source, weights, op.outputs[0])
    if not weights.is_constant or (bias is not None and not bias.is_constant):
        raise refusal(op, "has weights that are not constant")
    if bias is not None and bias.type is not Type.INT32:
        raise refusal(op, f"has a bias of {bias.type.label}")
    scales = quantization_of(weights).scales
    # TFLM does not look at the zero point of a convolution's weights, nor where scales are many.
    looks = op.code == "FULLY_CONNECTED" and len(scales) == 1
    if looks and np.any(quantization_of(weights).zero_points):
        raise refusal(op, "has weights with a zero point")
    if len(scales) not in (1, op.outputs[0].shape[-1]):
        raise refusal(op, f"has {len(scales)} scales of weights")
    return source, weights


def _data(tensor: Tensor) -> Array:
    assert tensor.data is not None
    return tensor.data


def _scaling(
    op: Op, source: Tensor, weights: Tensor, rows: Array, *, biased: bool, few: bool = False
) -> tuple[Array, pack.Scaling] | None:
    """Folded bias and requantization of weights as [out, depth]; None: too wide for fast kernels.

    The clamp of a fused activation is left to `clamp_after`. The signed variant is exact for all
    that the positive one is, as long as it shifts to the right: a layer of few outputs takes it,
    so that a small model links one variant.
    """
    if not pack.lanes_are_exact(rows):
        return None
    bias, zero_point = op.input(2), scale_of(source)[1]
    start = pack.fold_bias(None if bias is None else _data(bias), rows, zero_point)
    scaling = pack.channel_scaling(
        effective_scales(op, source, weights, len(rows)),
        scale_of(op.outputs[0])[1],
        pack.accumulator_bounds(rows, start),
        biased=biased,
    )
    if scaling is not None and few and (scaling.shift > pack.UNIT_BITS).all():
        scaling = replace(scaling, mode="signed")
    return None if scaling is None else (start, scaling)


def effective_scales(op: Op, source: Tensor, weights: Tensor, channels: int) -> Array:
    """Input scale times weight scale over output scale, double [channels], as TFLM rounds it."""
    scales = quantization_of(weights).scales
    source_scale, output_scale = scale_of(source)[0], scale_of(op.outputs[0])[0]
    spread = np.broadcast_to(scales, (channels,))
    return pack.effective_scales(source_scale, spread, output_scale)


def image(tensor: Tensor) -> tuple[int, int, int]:
    """Height, width, channels."""
    _, height, width, channels = tensor.shape
    return height, width, channels


def _has_convolutions(lowering: Lowering) -> bool:
    return any(step.function in ("td_pointwise", "td_conv") for step in lowering.steps)


def _by_output(filters: Array) -> Array:
    """Depthwise filters [height, width, out] as [out, height, width, 1]."""
    return np.ascontiguousarray(filters.transpose(2, 0, 1))[..., None]


def step_of(op: Op, name: str) -> Size:
    """(vertical, horizontal) "stride" or "dilation" of an operator."""
    end = "_factor" if name == "dilation" else ""
    options = op.options
    return int(options.get(f"{name}_h{end}", 1)), int(options.get(f"{name}_w{end}", 1))


def padding(op: Op, source: Tensor, kernel: Sequence[int]) -> Size:
    """Rows and columns of padding before the image."""
    if op.options.get("padding") != "SAME":
        return 0, 0
    reach = [
        (size - 1) * step + 1 for size, step in zip(kernel, step_of(op, "dilation"), strict=True)
    ]
    sizes = zip(
        source.shape[1:3], op.outputs[0].shape[1:3], reach, step_of(op, "stride"), strict=True
    )
    top, left = (max((out - 1) * step + size - given, 0) // 2 for given, out, size, step in sizes)
    return int(op.options.get("pad_top", top)), left  # a band has padding at its ends only
