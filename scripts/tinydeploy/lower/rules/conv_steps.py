"""Steps of convolutions: of a kernel with scratch, of the general kernel for what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinydeploy.abi import params as declared
from tinydeploy.abi.layout import Numbers, Struct
from tinydeploy.graph.ir import Array, Op, Tensor
from tinydeploy.lower.lowering import KernelCall, Lowering, refusal, scale_of
from tinydeploy.lower.packing import conv_general
from tinydeploy.lower.packing.folding import Folded
from tinydeploy.lower.plan.ir import Argument, Buffer, Constant, Field, Pointer, Records
from tinydeploy.lower.rules.conv_operands import (
    data_of,
    dilation_of,
    effective_scales,
    image,
    padding,
    stride_of,
)
from tinydeploy.lower.rules.fused_activation import activation_range, clamp_after
from tinydeploy.lower.tuning import tile_sizes
from tinydeploy.ops.work import op_macs

_GENERAL = declared.GENERAL


@dataclass(frozen=True)
class DspKernel:
    """A function of firmware/dsp.

    Attributes:
        header: that declares it.
        params: its params struct.
        inner: the inner loop that is passed to it, if it takes one.
        element: C++ type of its input and output.
    """

    header: str
    function: str
    params: Struct
    inner: str = ""
    element: str = "int8_t"


def call(
    lowering: Lowering,
    op: Op,
    kernel: DspKernel,
    params: Numbers,
    stream: bytes,
    output: Buffer,
    memory: Buffer,
) -> None:
    """A step with as much scratch as the goal wants: `step` of an int8 kernel."""
    inner = [kernel.inner] if kernel.inner else []
    fitted, memory.size = tile_sizes.fit(
        kernel.function, params, memory.size, inner, lowering.goal_here
    )
    step(lowering, op, kernel, fitted, np.frombuffer(stream, "<u4"), output, memory)


def step(
    lowering: Lowering,
    op: Op,
    kernel: DspKernel,
    params: Mapping[str, Field],
    stream: Array,
    output: Buffer,
    scratch: Buffer | None = None,
) -> None:
    """A step of the form (params, input, stream, output[, scratch][, inner loop])."""
    source = lowering.buffer(op.operands[0])
    arguments: list[Argument] = [
        Pointer(source, f"const {kernel.element}"),
        Constant("stream", stream),
        Pointer(output, kernel.element),
        *([Pointer(scratch, "uint32_t")] if scratch else []),
        *([kernel.inner] if kernel.inner else []),
    ]
    lowering.append(
        op,
        KernelCall(
            kernel.header,
            kernel.function,
            arguments,
            reads=[source],
            writes=output,
            params_type=kernel.params.name,
            params=params,
            scratch=[scratch] if scratch else [],
            macs=op_macs(op),
        ),
    )


def finish(lowering: Lowering, op: Op, weights: Tensor, filters: Array, folded: Folded) -> None:
    """The channels that were left out, and the clamp."""
    if folded.slow:
        general(lowering, op, weights, filters, folded.why, sorted(folded.slow))
    clamp_after(lowering, op)


def without_kernel(lowering: Lowering, op: Op, weights: Tensor, filters: Array, why: str) -> None:
    """A layer that no fast kernel takes: the interpreter's is faster than the general one.

    Not where each output has one channel of its own, and there is none for a band of rows.
    """
    alone = op.code == "CONV_2D" and filters.shape[3] == 1 < op.operands[0].shape[3]
    if not alone and "pad_top" not in op.options:
        raise refusal(op, why)
    general(lowering, op, weights, filters, why)


def general(
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
    packed = conv_general.pack_general(
        filters,
        None if bias is None else data_of(bias),
        effective_scales(op, source, weights, len(filters)),
        (rows, 1, 1, depth) if dense else (source.shape[0], *image(source)),
        (rows, 1, 1, units) if dense else (result.shape[0], *image(result)),
        conv_general.ConvOptions(
            stride=stride_of(op),
            dilation=dilation_of(op),
            padding=padding(op, source, filters.shape[1:3]),
            zero_points=(scale_of(source)[1], scale_of(result)[1]),
            activation=activation_range(op, result),
        ),
        only,
    )
    given, output = lowering.buffer(source), lowering.output(op)
    channels = np.frombuffer(packed.channels, "<i4").reshape(-1, 4)
    macs = op_macs(op)
    lowering.append(
        op,
        KernelCall(
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
            params=packed.params,
            macs=macs if only is None else macs * len(only) // len(filters),
            fallback=why,
        ),
    )
