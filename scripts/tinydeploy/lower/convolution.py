"""Rules for convolutions and fully connected layers: firmware/dsp's dot products and planes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinydeploy.abi import params as declared
from tinydeploy.abi.layout import Struct
from tinydeploy.graph.ir import Array, Op, Tensor, Type
from tinydeploy.lower import pack, tiles
from tinydeploy.lower.exactness import Scaling, channel_scaling, crowded_lanes, plain_scaling
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
_POINTWISE_ONE = declared.POINTWISE_ONE
_DEPTHWISE, _DEPTHWISE_ANY = declared.DEPTHWISE, declared.DEPTHWISE_ANY
_DEPTHWISE_TIME, _DEPTHWISE_LINE = declared.DEPTHWISE_TIME, declared.DEPTHWISE_LINE
_GENERAL = declared.GENERAL

TILED = {"td_conv": _CONV, "td_pointwise": _POINTWISE, "td_depthwise": _DEPTHWISE}

_FEW_UNITS = 16
_MANY_PIXELS, _MANY_OUTPUTS = 400, 4096  # of one channel: tables of all 256 outputs are faster
_FEW_STEPS = 4  # outputs over time; for more the kernels of lines are faster

Size = tuple[int, int]


@dataclass(frozen=True)
class Folded:
    """A layer as a fast kernel takes it.

    Attributes:
        rows: weights [out, depth], zeros where they don't count.
        start: folded bias, int64 [out].
        scaling: requantization.
        slow: why the general kernel has to compute a channel, by channel.
    """

    rows: Array
    start: Array
    scaling: Scaling
    slow: Mapping[int, str]

    @property
    def hopeless(self) -> bool:
        """Whether no channel is left for the fast kernel."""
        return len(self.slow) == len(self.rows)

    @property
    def why(self) -> str:
        """What `slow` says, in a line: "2 of 64 channels: scale"."""
        counts = Counter(self.slow.values())
        reasons = ", ".join(
            f"{reason} ({n})" if len(counts) > 1 else reason for reason, n in counts.most_common()
        )
        return f"{len(self.slow)} of {len(self.rows)} channels: {reasons}"


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
    filters = _seen(op, source, filters)
    lines = _lines(op, source, filters)
    few = _few_steps(op, source, filters, lines)
    taps = filters[..., 0].size
    short = lines is not None and not few and pack.depthwise_short_fits(lines, taps)
    folded = _fold(op, source, weights, _by_output(filters), biased=False, plain=short)
    why = f"{filters.shape[2] // channels} outputs a channel" * (filters.shape[2] != channels)
    why = why or ("" if lines else _unusual(op, source))
    if why := why or (folded.why if folded.hopeless else ""):
        _general(lowering, op, weights, _by_output(filters), why)
        return
    fast = np.ascontiguousarray(folded.rows.T).reshape(filters.shape)
    if few:
        _over_time(lowering, op, fast, folded)
    elif lines and short:
        _along_short(lowering, op, fast, folded, lines)
    elif lines:
        _along_lines(lowering, op, fast, folded, lines)
    elif filters.shape[:2] == (3, 3) and step_of(op, "stride") in ((1, 1), (2, 2)):
        _planes_3x3(lowering, op, fast, folded)
    else:
        _planes(lowering, op, fast, folded)
    _finish(lowering, op, weights, _by_output(filters), folded)


def _few_steps(op: Op, source: Tensor, filters: Array, lines: pack.Lines | None) -> bool:
    """Whether there are but a few outputs a channel, of whole rows and no padding."""
    whole = filters.shape[1] == source.shape[2] and not _is_padded(op, source, filters.shape[:2])
    few = lines is None or lines.positions < _FEW_STEPS
    return whole and few and step_of(op, "dilation") == (1, 1)


def _is_padded(op: Op, source: Tensor, kernel: Sequence[int]) -> bool:
    """Whether a window looks beyond the image, which it may do at the end alone."""
    outputs, steps = op.outputs[0].shape[1:3], step_of(op, "stride")
    sides = zip(outputs, steps, kernel, source.shape[1:3], strict=True)
    return any((out - 1) * step + taps > size for out, step, taps, size in sides)


def _seen(op: Op, source: Tensor, filters: Array) -> Array:
    """`filters` [height, width, out] without rows or columns that see nothing but padding."""
    before, dilation = padding(op, source, filters.shape[:2]), step_of(op, "dilation")
    for axis in (0, 1):
        tap, between = divmod(before[axis], dilation[axis])  # the one on the only pixel
        alone = source.shape[1 + axis] == op.outputs[0].shape[1 + axis] == 1
        if alone and not between and filters.shape[axis] > 1:
            filters = np.take(filters, [tap], axis)
    return filters


def _lines(op: Op, source: Tensor, filters: Array) -> pack.Lines | None:
    """The image along the kernel's only axis; None if it has two or the kernel is not for it."""
    height, width, channels = image(source)
    out_height, out_width, _ = image(op.outputs[0])
    stride, dilation = step_of(op, "stride"), step_of(op, "dilation")
    axis = 1 if filters.shape[0] == 1 else 0
    if filters.shape[:2] == (1, 1) and height > width:
        axis = 0  # one tap: along the longer side
    before = padding(op, source, filters.shape[:2])[axis]
    if filters.shape[1 - axis] != 1 or source.shape[0] != 1 or stride[axis] > 2:
        return None
    if dilation[axis] > 1 and (stride[axis] > 1 or before % dilation[axis]):
        return None
    steps, out_steps = (width * channels, channels), (out_width * channels, channels)
    if axis == 1:
        steps, out_steps = steps[::-1], out_steps[::-1]
    lines, length, positions = out_width, height, out_height
    if axis == 1:
        lines, length, positions = out_height, width, out_width
    return pack.Lines(
        lines, length, positions, (steps[0], steps[1] * stride[1 - axis]), out_steps,
        stride[axis], dilation[axis], before,
    )  # fmt: skip


def _along_lines(
    lowering: Lowering, op: Op, filters: Array, folded: Folded, lines: pack.Lines
) -> None:
    """A kernel along one axis."""
    source, result = op.operands[0], op.outputs[0]
    taps, channels = filters.shape[0] * filters.shape[1], filters.shape[2]
    in_place = source.shape == result.shape and not folded.slow
    geometry = pack.depthwise_line_geometry(lines, taps, channels, scale_of(source)[1])
    _call(
        lowering,
        op,
        ("dsp/depthwise_line.h", "td_depthwise_line", _DEPTHWISE_LINE),
        geometry.params,
        pack.pack_depthwise_line(
            filters.reshape(taps, channels), folded.start, folded.scaling, lines.stride
        ),
        lowering.output(op, over=source if in_place else None),
        Buffer("scratch", geometry.scratch_bytes),
        pack.depthwise_line_taps(taps, lines.stride, folded.scaling.mode),
    )


def _along_short(
    lowering: Lowering, op: Op, filters: Array, folded: Folded, lines: pack.Lines
) -> None:
    """A kernel of few taps along one axis."""
    source, result = op.operands[0], op.outputs[0]
    taps, channels = filters.shape[0] * filters.shape[1], filters.shape[2]
    records = pack.pack_depthwise_short(
        filters.reshape(taps, channels), folded.start, folded.scaling
    )
    in_place = source.shape == result.shape and not folded.slow
    given = lowering.buffer(source)
    output = lowering.output(op, over=source if in_place else None)
    lowering.call(
        op,
        "dsp/depthwise_short.h",
        "td_depthwise_short",
        [
            Pointer(given, "const int8_t"),
            Constant("records", np.frombuffer(records, "<u4")),
            Pointer(output),
            pack.depthwise_short_taps(taps, lines.stride, folded.scaling.mode),
        ],
        reads=[given],
        writes=output,
        params_type=_DEPTHWISE_LINE.name,
        params=_DEPTHWISE_LINE.named(
            pack.depthwise_line_geometry(lines, taps, channels, scale_of(source)[1]).params
        ),
        macs=op_macs(op),
    )


def fully_connected(lowering: Lowering, op: Op) -> None:
    """FULLY_CONNECTED int8."""
    source, weights = _operands(lowering, op)
    rows = _data(weights)
    units, depth = rows.shape
    filters = rows.reshape(units, 1, 1, depth)
    folded = _fold(op, source, weights, filters, biased=True, few=units <= _FEW_UNITS)
    if folded.hopeless:
        _general(lowering, op, weights, filters, folded.why)
        return
    if source.size == depth and units <= _FEW_UNITS and _has_convolutions(lowering):
        _pointwise(lowering, op, folded, pixels=1)  # saves linking a kernel for a head
    else:
        _dense(lowering, op, folded)
    _finish(lowering, op, weights, filters, folded)


def _dense(lowering: Lowering, op: Op, folded: Folded) -> None:
    """Weights [units, depth] times each `depth` numbers of the input."""
    source = op.operands[0]
    units, depth = folded.rows.shape
    batches = source.size // depth
    size = pack.dense_scratch_bytes(depth)
    memory = Buffer("scratch", size)
    if batches == 1 and not folded.slow and lowering.dies_here(source, op):
        # The input is widened into scratch from front to back: it may lie at the scratch's end.
        memory = Buffer("scratch", size, base=lowering.buffer(source), shift=-size // 2)
    _call(
        lowering,
        op,
        ("dsp/fully_connected.h", "td_fully_connected", _DENSE),
        _DENSE.packed(batches, depth, units),
        pack.pack_dense(folded.rows, folded.start, folded.scaling),
        lowering.output(op),
        memory,
        f"td_dot_one_{folded.scaling.mode}",
    )


def _conv(lowering: Lowering, op: Op, source: Tensor, weights: Tensor, filters: Array) -> None:
    """A convolution with `filters` [out, height, width, depth]."""
    if _looks_up(op, source, filters) and _from_one(lowering, op, weights, filters):
        return
    folded = _fold(op, source, weights, filters, biased=True)
    groups = "groups" * (filters.shape[3] != source.shape[3])
    if why := groups or _unusual(op, source) or (folded.why if folded.hopeless else ""):
        _general(lowering, op, weights, filters, why)
        return
    if filters.shape[1:3] == source.shape[1:3] and op.outputs[0].shape[1:3] == (1, 1):
        _dense(lowering, op, folded)
    elif filters.shape[1:3] == (1, 1) and step_of(op, "stride") == (1, 1):
        _, height, width, _ = op.outputs[0].shape
        _pointwise(lowering, op, folded, pixels=height * width)
    else:
        _patches(lowering, op, folded.rows.reshape(filters.shape), folded)
    _finish(lowering, op, weights, filters, folded)


def _looks_up(op: Op, source: Tensor, filters: Array) -> bool:
    """Whether each output depends on one byte, and there are enough for tables."""
    pointwise = filters.shape[1:] == (1, 1, 1) and step_of(op, "stride") == (1, 1)
    many = source.size >= _MANY_PIXELS and source.size * len(filters) >= _MANY_OUTPUTS
    return pointwise and source.shape[3] == 1 and len(filters) >= 4 and many


def _from_one(lowering: Lowering, op: Op, weights: Tensor, filters: Array) -> bool:
    """1x1 from one channel; whether it is exact."""
    source, result, bias = op.operands[0], op.outputs[0], op.input(2)
    rows = filters.reshape(len(filters), 1)
    start = pack.fold_bias(None if bias is None else _data(bias), rows, scale_of(source)[1])
    scales = effective_scales(op, source, weights, len(rows))
    channels = pack.pack_pointwise_one(rows[:, 0], start, scales)
    if channels is None:
        return False
    given, output = lowering.buffer(source), lowering.output(op)
    lowering.call(
        op,
        "dsp/pointwise_one.h",
        "td_pointwise_one",
        [
            Pointer(given, "const int8_t"),
            Records("channels", "OneWeight", channels.tolist()),
            Pointer(output),
        ],
        reads=[given],
        writes=output,
        params_type=_POINTWISE_ONE.name,
        params=_POINTWISE_ONE.named(
            _POINTWISE_ONE.packed(
                source.size, len(rows), scale_of(result)[1], *activation_range(op, result)
            )
        ),
        macs=op_macs(op),
    )
    return True


def _unusual(op: Op, source: Tensor) -> str:
    """What the fast kernels have no loops for."""
    if source.shape[0] != 1:
        return f"a batch of {source.shape[0]}"
    dilation = step_of(op, "dilation")
    return "" if dilation == (1, 1) else "a dilation of {}x{}".format(*dilation)


def _finish(lowering: Lowering, op: Op, weights: Tensor, filters: Array, folded: Folded) -> None:
    """The channels that were left out, and the clamp."""
    if folded.slow:
        _general(lowering, op, weights, filters, folded.why, sorted(folded.slow))
    clamp_after(lowering, op)


def _general(
    lowering: Lowering,
    op: Op,
    weights: Tensor,
    filters: Array,
    why: str,
    only: Sequence[int] | None = None,
) -> None:
    """Any convolution, exact in every case and slow.

    Args:
        why: it is needed.
        only: channels, where the others are computed already.
    """
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
        only=only,
    )
    given, output = lowering.buffer(source), lowering.output(op)
    channels = np.frombuffer(packed.channels, "<i4").reshape(-1, 4)
    macs = op_macs(op)
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
        reads=[given] if only is None else [given, output],
        writes=output,
        params_type=_GENERAL.name,
        params=_GENERAL.named(packed.params),
        macs=macs if only is None else macs * len(only) // len(filters),
        fallback=why,
    )


def _planes_3x3(lowering: Lowering, op: Op, filters: Array, folded: Folded) -> None:
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
        pack.pack_depthwise(filters, folded.start, folded.scaling),
        lowering.output(op, over=source if same and not folded.slow else None),
        Buffer("scratch", geometry.scratch_bytes),
        f"td_depthwise{suffix}_{folded.scaling.mode}",
    )


def _over_time(lowering: Lowering, op: Op, filters: Array, folded: Folded) -> None:
    """A kernel as wide as the image, without padding: one output after another."""
    source, result, scaling = op.operands[0], op.outputs[0], folded.scaling
    taps, channels = filters.shape[0] * filters.shape[1], filters.shape[2]
    positions, step = result.shape[1], step_of(op, "stride")[0] * source.shape[2]
    stream = pack.pack_depthwise_time(filters.reshape(taps, channels), folded.start, scaling)
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


def _planes(lowering: Lowering, op: Op, filters: Array, folded: Folded) -> None:
    """A kernel of another size, or with strides of its own."""
    source, result, kernel = op.operands[0], op.outputs[0], filters.shape[:2]
    in_place = source.shape == result.shape and not folded.slow
    geometry = pack.depthwise_any_geometry(
        image(source), image(result)[:2], kernel, step_of(op, "stride"),
        padding(op, source, kernel), scale_of(source)[1], folded.scaling.mode,
    )  # fmt: skip
    _call(
        lowering,
        op,
        ("dsp/depthwise_any.h", "td_depthwise_any", _DEPTHWISE_ANY),
        geometry.params,
        pack.pack_depthwise_any(filters, folded.start, folded.scaling),
        lowering.output(op, over=source if in_place else None),
        Buffer("scratch", geometry.scratch_bytes),
    )


def _pointwise(lowering: Lowering, op: Op, folded: Folded, *, pixels: int) -> None:
    source = op.operands[0]
    units, depth = folded.rows.shape
    in_place = units <= depth and not folded.slow
    geometry = pack.pointwise_geometry(pixels, depth, units)
    _call(
        lowering,
        op,
        ("dsp/conv.h", "td_pointwise", _POINTWISE),
        geometry.params,
        pack.pack_pointwise(folded.rows, folded.start, folded.scaling),
        lowering.output(op, over=source if in_place else None),
        Buffer("scratch", geometry.scratch_bytes),
        f"td_dot_pairs_{folded.scaling.mode}",
    )


def _patches(lowering: Lowering, op: Op, filters: Array, folded: Folded) -> None:
    source, result, stride = op.operands[0], op.outputs[0], step_of(op, "stride")
    kernel = (filters.shape[1], filters.shape[2])
    pad = padding(op, source, kernel)
    in_place = (
        stride == (1, 1)
        and result.shape[3] <= source.shape[3]
        and result.shape[2] <= source.shape[2]
        and kernel[0] - pad[0] >= 1
        and not folded.slow
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
        pack.pack_conv(filters, folded.start, folded.scaling),
        lowering.output(op, over=source if in_place else None),
        Buffer("scratch", geometry.scratch_bytes),
        f"td_dot_pairs_{folded.scaling.mode}",
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
        function, params_type, params, memory.size, inner, lowering.goal_here
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


def _fold(
    op: Op,
    source: Tensor,
    weights: Tensor,
    filters: Array,
    *,
    biased: bool,
    few: bool = False,
    plain: bool = False,
) -> Folded:
    """Folded bias and requantization of `filters` [out, height, width, depth]: TFLM's if `plain`.

    The clamp of a fused activation is left to `_finish`. A layer of few outputs takes the signed
    variant where that is exact, too, so that a small model links one variant.
    """
    rows = filters.reshape(len(filters), -1)
    bias, zero_point = op.input(2), scale_of(source)[1]
    start = pack.fold_bias(None if bias is None else _data(bias), rows, zero_point)
    scales = effective_scales(op, source, weights, len(rows))
    bounds, output_zero_point = pack.accumulator_bounds(rows, start), scale_of(op.outputs[0])[1]
    if plain:
        scaling = plain_scaling(scales, output_zero_point, bounds)
    else:
        scaling = channel_scaling(scales, output_zero_point, bounds, biased=biased)
    if few:
        signed = channel_scaling(scales, output_zero_point, bounds, biased=biased, mode="signed")
        scaling = signed if len(signed.reasons) <= len(scaling.reasons) else scaling
    slow = dict(scaling.reasons)
    rows, start = _without(scaling.fixed, rows), _without(scaling.fixed, start)
    if biased:  # two channels in a lane
        crowded = np.zeros(len(rows), np.bool_)
        crowded[crowded_lanes(rows)] = True
        slow |= dict.fromkeys(np.flatnonzero(crowded).tolist(), "weights of -128")
        rows, start = _without(crowded, rows), _without(crowded, start)
    return Folded(rows, start, scaling, slow)


def _without(channels: Array, values: Array) -> Array:
    """`values` [out, ...] with zeros for some channels."""
    return np.where(channels.reshape(-1, *[1] * (values.ndim - 1)), 0, values).astype(values.dtype)


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
