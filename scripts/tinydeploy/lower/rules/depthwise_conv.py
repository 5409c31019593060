"""Rules for depthwise convolutions: planes, lines along one axis, steps of time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinydeploy.abi import params as declared
from tinydeploy.graph.ir import Array, Op, Tensor
from tinydeploy.lower.lowering import KernelCall, Lowering, scale_of
from tinydeploy.lower.packing import depthwise_weights
from tinydeploy.lower.packing.folding import Folded, Price, fold
from tinydeploy.lower.plan.ir import Buffer, Constant, Pointer
from tinydeploy.lower.rules import conv
from tinydeploy.lower.rules.conv_operands import (
    by_output,
    data_of,
    dilation_of,
    image,
    operands_of,
    padding,
    stride_of,
    unusual,
)
from tinydeploy.lower.rules.conv_steps import DspKernel, call, finish, without_kernel
from tinydeploy.ops.work import op_macs

_DEPTHWISE, _DEPTHWISE_ANY = declared.DEPTHWISE, declared.DEPTHWISE_ANY
_DEPTHWISE_TIME, _DEPTHWISE_LINE = declared.DEPTHWISE_TIME, declared.DEPTHWISE_LINE
_PRICE = Price(fast=0.25, alone=3.4, four=13.6)
_PLANES_PRICE = Price(fast=0.6, alone=3.4, four=13.6)
_FEW_STEPS = 4  # outputs over time; for more the kernels of lines are faster


def depthwise(lowering: Lowering, op: Op) -> None:
    """DEPTHWISE_CONV_2D int8: by planes where there is one output a channel."""
    source, weights = operands_of(lowering, op)
    filters = data_of(weights)[0]
    channels = source.shape[3]
    if channels == 1:  # of one channel, to be seen as a whole: an ordinary convolution
        conv.of_filters(lowering, op, source, weights, by_output(filters))
        return
    filters = _seen(op, source, filters)
    lines = _lines(op, source, filters)
    few = _few_steps(op, source, filters, lines)
    taps = filters[..., 0].size
    short = lines is not None and not few and depthwise_weights.short_fits(lines, taps)
    folded = fold(op, source, weights, by_output(filters), biased=False, plain=short)
    why = f"{filters.shape[2] // channels} outputs a channel" * (filters.shape[2] != channels)
    why = why or ("" if lines else unusual(op, source))
    price = _PRICE if few or lines or filters.shape[:2] == (3, 3) else _PLANES_PRICE
    if why := why or (folded.why if price.is_too_high(folded) else ""):
        without_kernel(lowering, op, weights, by_output(filters), why)
        return
    fast = np.ascontiguousarray(folded.rows.T).reshape(filters.shape)
    if few:
        _over_time(lowering, op, fast, folded)
    elif lines and short:
        _along_short(lowering, op, fast, folded, lines)
    elif lines:
        _along_lines(lowering, op, fast, folded, lines)
    elif filters.shape[:2] == (3, 3) and stride_of(op) in ((1, 1), (2, 2)):
        _planes_3x3(lowering, op, fast, folded)
    else:
        _planes(lowering, op, fast, folded)
    finish(lowering, op, weights, by_output(filters), folded)


def _few_steps(
    op: Op, source: Tensor, filters: Array, lines: depthwise_weights.Lines | None
) -> bool:
    """Whether there are but a few outputs a channel, of whole rows and no padding."""
    whole = filters.shape[1] == source.shape[2] and not _is_padded(op, source, filters.shape[:2])
    few = lines is None or lines.positions < _FEW_STEPS
    return whole and few and dilation_of(op) == (1, 1)


def _is_padded(op: Op, source: Tensor, kernel: Sequence[int]) -> bool:
    """Whether a window looks beyond the image, which it may do at the end alone."""
    outputs, steps = op.outputs[0].shape[1:3], stride_of(op)
    sides = zip(outputs, steps, kernel, source.shape[1:3], strict=True)
    return any((out - 1) * step + taps > size for out, step, taps, size in sides)


def _seen(op: Op, source: Tensor, filters: Array) -> Array:
    """`filters` [height, width, out] without rows or columns that see nothing but padding."""
    before, dilation = padding(op, source, filters.shape[:2]), dilation_of(op)
    for axis in (0, 1):
        tap, between = divmod(before[axis], dilation[axis])  # the one on the only pixel
        alone = source.shape[1 + axis] == op.outputs[0].shape[1 + axis] == 1
        if alone and not between and filters.shape[axis] > 1:
            filters = np.take(filters, [tap], axis)
    return filters


def _lines(op: Op, source: Tensor, filters: Array) -> depthwise_weights.Lines | None:
    """The image along the kernel's only axis; None if it has two or the kernel is not for it."""
    height, width, channels = image(source)
    out_height, out_width, _ = image(op.outputs[0])
    stride, dilation = stride_of(op), dilation_of(op)
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
    return depthwise_weights.Lines(
        lines, length, positions, (steps[0], steps[1] * stride[1 - axis]), out_steps,
        stride[axis], dilation[axis], before,
    )  # fmt: skip


def _along_lines(
    lowering: Lowering, op: Op, filters: Array, folded: Folded, lines: depthwise_weights.Lines
) -> None:
    """A kernel along one axis."""
    source, result = op.operands[0], op.outputs[0]
    taps, channels = filters.shape[0] * filters.shape[1], filters.shape[2]
    in_place = source.shape == result.shape and not folded.slow
    geometry = depthwise_weights.line_geometry(lines, taps, channels, scale_of(source)[1])
    call(
        lowering,
        op,
        DspKernel(
            "dsp/depthwise_line.h",
            "td_depthwise_line",
            _DEPTHWISE_LINE,
            depthwise_weights.line_kernel(taps, lines.stride, folded.scaling.mode),
        ),
        geometry.params,
        depthwise_weights.pack_line(
            filters.reshape(taps, channels), folded.start, folded.scaling, lines.stride
        ),
        lowering.output(op, over=source if in_place else None),
        Buffer("scratch", geometry.scratch_bytes),
    )


def _along_short(
    lowering: Lowering, op: Op, filters: Array, folded: Folded, lines: depthwise_weights.Lines
) -> None:
    """A kernel of few taps along one axis."""
    source, result = op.operands[0], op.outputs[0]
    taps, channels = filters.shape[0] * filters.shape[1], filters.shape[2]
    records = depthwise_weights.pack_short(
        filters.reshape(taps, channels), folded.start, folded.scaling
    )
    geometry = depthwise_weights.line_geometry(lines, taps, channels, scale_of(source)[1])
    in_place = source.shape == result.shape and not folded.slow
    given = lowering.buffer(source)
    output = lowering.output(op, over=source if in_place else None)
    lowering.append(
        op,
        KernelCall(
            "dsp/depthwise_short.h",
            "td_depthwise_short",
            [
                Pointer(given, "const int8_t"),
                Constant("records", np.frombuffer(records, "<u4")),
                Pointer(output),
                depthwise_weights.short_kernel(taps, lines.stride, folded.scaling.mode),
            ],
            reads=[given],
            writes=output,
            params_type=_DEPTHWISE_LINE.name,
            params=geometry.params,
            macs=op_macs(op),
        ),
    )


def _planes_3x3(lowering: Lowering, op: Op, filters: Array, folded: Folded) -> None:
    source, result, stride = op.operands[0], op.outputs[0], stride_of(op)
    geometry = depthwise_weights.geometry(
        image(source), image(result)[:2], stride[0], padding(op, source, (3, 3)),
        scale_of(source)[1],
    )  # fmt: skip
    same = stride == (1, 1) and source.shape == result.shape
    suffix = "_stride2" if stride == (2, 2) else ""
    call(
        lowering,
        op,
        DspKernel(
            "dsp/depthwise.h",
            "td_depthwise",
            _DEPTHWISE,
            f"td_depthwise{suffix}_{folded.scaling.mode}",
        ),
        geometry.params,
        depthwise_weights.pack(filters, folded.start, folded.scaling),
        lowering.output(op, over=source if same and not folded.slow else None),
        Buffer("scratch", geometry.scratch_bytes),
    )


def _over_time(lowering: Lowering, op: Op, filters: Array, folded: Folded) -> None:
    """A kernel as wide as the image, without padding: one output after another."""
    source, result, scaling = op.operands[0], op.outputs[0], folded.scaling
    taps, channels = filters.shape[0] * filters.shape[1], filters.shape[2]
    positions, step = result.shape[1], stride_of(op)[0] * source.shape[2]
    stream = depthwise_weights.pack_time(filters.reshape(taps, channels), folded.start, scaling)
    given, output = lowering.buffer(source), lowering.output(op)
    lowering.append(
        op,
        KernelCall(
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
            params=_DEPTHWISE_TIME.of(taps, channels, positions, step, scaling.mode == "signed"),
            macs=op_macs(op),
        ),
    )


def _planes(lowering: Lowering, op: Op, filters: Array, folded: Folded) -> None:
    """A kernel of another size, or with strides of its own."""
    source, result, kernel = op.operands[0], op.outputs[0], filters.shape[:2]
    in_place = source.shape == result.shape and not folded.slow
    geometry = depthwise_weights.any_geometry(
        image(source), image(result)[:2], kernel, stride_of(op),
        padding(op, source, kernel), scale_of(source)[1], folded.scaling.mode,
    )  # fmt: skip
    call(
        lowering,
        op,
        DspKernel("dsp/depthwise_any.h", "td_depthwise_any", _DEPTHWISE_ANY),
        geometry.params,
        depthwise_weights.pack_any(filters, folded.start, folded.scaling),
        lowering.output(op, over=source if in_place else None),
        Buffer("scratch", geometry.scratch_bytes),
    )
