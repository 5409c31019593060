"""Rules for convolutions and fully connected layers: firmware/dsp's dot products."""

from __future__ import annotations

from tinydeploy.abi import params as declared
from tinydeploy.graph.ir import Array, Op, Tensor
from tinydeploy.lower.lowering import KernelCall, Lowering, scale_of
from tinydeploy.lower.packing import conv_weights, sums
from tinydeploy.lower.packing.folding import Folded, Price, fold
from tinydeploy.lower.plan.ir import Buffer, Pointer, Records
from tinydeploy.lower.rules.conv_operands import (
    data_of,
    effective_scales,
    image,
    operands_of,
    padding,
    stride_of,
    unusual,
)
from tinydeploy.lower.rules.conv_steps import DspKernel, call, finish, without_kernel
from tinydeploy.lower.rules.fused_activation import activation_range
from tinydeploy.ops.work import op_macs

_CONV, _POINTWISE, _DENSE = declared.CONV, declared.POINTWISE, declared.FULLY_CONNECTED
_POINTWISE_ONE = declared.POINTWISE_ONE

TILED = {"td_conv": _CONV, "td_pointwise": _POINTWISE, "td_depthwise": declared.DEPTHWISE}

_FEW_UNITS = 16
# Of one channel, from here on: tables of all 256 outputs are faster.
TABLED_PIXELS, TABLED_OUTPUTS = 400, 4096
_DENSE_PRICE = Price(fast=0.35, alone=2.6, four=4.3)
_SHALLOW_PRICE = Price(fast=0.25, alone=2.6, four=7.7)  # one channel of input


def conv(lowering: Lowering, op: Op) -> None:
    """CONV_2D int8: 1x1 by pixel pairs, others by patches; groups and dilation the general way."""
    source, weights = operands_of(lowering, op)
    of_filters(lowering, op, source, weights, data_of(weights))


def fully_connected(lowering: Lowering, op: Op) -> None:
    """FULLY_CONNECTED int8."""
    source, weights = operands_of(lowering, op)
    rows = data_of(weights)
    units, depth = rows.shape
    filters = rows.reshape(units, 1, 1, depth)
    folded = fold(op, source, weights, filters, biased=True, few=units <= _FEW_UNITS)
    if _DENSE_PRICE.is_too_high(folded):
        without_kernel(lowering, op, weights, filters, folded.why)
        return
    if source.size == depth and units <= _FEW_UNITS and _has_convolutions(lowering):
        _pointwise(lowering, op, folded, pixels=1)  # saves linking a kernel for a head
    else:
        _dense(lowering, op, folded)
    finish(lowering, op, weights, filters, folded)


def _dense(lowering: Lowering, op: Op, folded: Folded) -> None:
    """Weights [units, depth] times each `depth` numbers of the input."""
    source = op.operands[0]
    units, depth = folded.rows.shape
    batches = source.size // depth
    size = conv_weights.dense_scratch_bytes(depth)
    memory = Buffer("scratch", size)
    if batches == 1 and not folded.slow and lowering.dies_here(source, op):
        # The input is widened into scratch from front to back: it may lie at the scratch's end.
        memory = Buffer("scratch", size, base=lowering.buffer(source), shift=-size // 2)
    call(
        lowering,
        op,
        DspKernel(
            "dsp/fully_connected.h",
            "td_fully_connected",
            _DENSE,
            f"td_dot_one_{folded.scaling.mode}",
        ),
        _DENSE.of(batches, depth, units),
        conv_weights.pack_dense(folded.rows, folded.start, folded.scaling),
        lowering.output(op),
        memory,
    )


def of_filters(lowering: Lowering, op: Op, source: Tensor, weights: Tensor, filters: Array) -> None:
    """A convolution with `filters` [out, height, width, depth]."""
    if _looks_up(op, source, filters) and _from_one(lowering, op, weights, filters):
        return
    folded = fold(op, source, weights, filters, biased=True)
    groups = "groups" * (filters.shape[3] != source.shape[3])
    price = _SHALLOW_PRICE if filters.shape[3] == 1 else _DENSE_PRICE
    if why := groups or unusual(op, source) or (folded.why if price.is_too_high(folded) else ""):
        without_kernel(lowering, op, weights, filters, why)
        return
    if filters.shape[1:3] == source.shape[1:3] and op.outputs[0].shape[1:3] == (1, 1):
        _dense(lowering, op, folded)
    elif filters.shape[1:3] == (1, 1) and stride_of(op) == (1, 1):
        _, height, width, _ = op.outputs[0].shape
        _pointwise(lowering, op, folded, pixels=height * width)
    else:
        _patches(lowering, op, folded.rows.reshape(filters.shape), folded)
    finish(lowering, op, weights, filters, folded)


def _looks_up(op: Op, source: Tensor, filters: Array) -> bool:
    """Whether each output depends on one byte, and there are enough for tables."""
    pointwise = filters.shape[1:] == (1, 1, 1) and stride_of(op) == (1, 1)
    many = source.size >= TABLED_PIXELS and source.size * len(filters) >= TABLED_OUTPUTS
    return pointwise and source.shape[3] == 1 and len(filters) >= 4 and many


def _from_one(lowering: Lowering, op: Op, weights: Tensor, filters: Array) -> bool:
    """1x1 from one channel; whether it is exact."""
    source, result, bias = op.operands[0], op.outputs[0], op.input(2)
    rows = filters.reshape(len(filters), 1)
    start = sums.fold_bias(None if bias is None else data_of(bias), rows, scale_of(source)[1])
    scales = effective_scales(op, source, weights, len(rows))
    channels = conv_weights.pack_pointwise_one(rows[:, 0], start, scales, scale_of(result)[1])
    if channels is None:
        return False
    given, output = lowering.buffer(source), lowering.output(op)
    lowering.append(
        op,
        KernelCall(
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
            params=_POINTWISE_ONE.of(source.size, len(rows), *activation_range(op, result)),
            macs=op_macs(op),
        ),
    )
    return True


def _pointwise(lowering: Lowering, op: Op, folded: Folded, *, pixels: int) -> None:
    source = op.operands[0]
    units, depth = folded.rows.shape
    in_place = units <= depth and not folded.slow
    geometry = conv_weights.pointwise_geometry(pixels, depth, units)
    call(
        lowering,
        op,
        DspKernel("dsp/conv.h", "td_pointwise", _POINTWISE, f"td_dot_pairs_{folded.scaling.mode}"),
        geometry.params,
        conv_weights.pack_pointwise(folded.rows, folded.start, folded.scaling),
        lowering.output(op, over=source if in_place else None),
        Buffer("scratch", geometry.scratch_bytes),
    )


def _patches(lowering: Lowering, op: Op, filters: Array, folded: Folded) -> None:
    source, result, stride = op.operands[0], op.outputs[0], stride_of(op)
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
    geometry = conv_weights.conv_geometry(
        image(source),
        image(result),
        kernel,
        stride,
        pad,
        scale_of(source)[1],
        in_place=in_place,
    )
    call(
        lowering,
        op,
        DspKernel("dsp/conv.h", "td_conv", _CONV, f"td_dot_pairs_{folded.scaling.mode}"),
        geometry.params,
        conv_weights.pack_conv(filters, folded.start, folded.scaling),
        lowering.output(op, over=source if in_place else None),
        Buffer("scratch", geometry.scratch_bytes),
    )


def _has_convolutions(lowering: Lowering) -> bool:
    return any(step.function in ("td_pointwise", "td_conv") for step in lowering.steps)
