"""Convolutions as td_conv_general takes them, the kernel for whatever the fast ones cannot do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinydeploy.abi import params as declared
from tinydeploy.abi.layout import Numbers
from tinydeploy.lower.packing.exactness import quantize_multiplier
from tinydeploy.lower.packing.words import Array, Int8


@dataclass(frozen=True)
class GeneralConv:
    """Arguments of td_conv_general (firmware/dsp/conv_general.h), which takes any channel.

    Attributes:
        params: GeneralConvParams.
        channels: GeneralChannel of every output channel that is computed.
        weights: int8 [channels, height, width, group_depth].
    """

    params: Numbers
    channels: bytes
    weights: bytes


@dataclass(frozen=True)
class ConvOptions:
    """What a convolution does beside its sums.

    Attributes:
        stride, dilation: vertical, horizontal.
        padding: top, left.
        zero_points: of input and output.
        activation: lowest and highest output.
    """

    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    zero_points: tuple[int, int] = (0, 0)
    activation: tuple[int, int] = (-128, 127)


def pack_general(
    weights: Int8,
    bias: Array | None,
    scales: Array,
    input_shape: tuple[int, int, int, int],
    output_shape: tuple[int, int, int, int],
    options: ConvOptions,
    only: Sequence[int] | None = None,
) -> GeneralConv:
    """Any convolution: the input's channels over the weights' depth give the number of groups.

    Args:
        weights: int8 [out, height, width, group_depth].
        bias: int32 [out], or None.
        scales: double [out], from `effective_scales`.
        input_shape, output_shape: NHWC.
        only: output channels to compute, in ascending order; None for all.
    """
    out, height, width, group_depth = weights.shape
    chosen = np.arange(out) if only is None else np.asarray(only, np.int64)
    groups = input_shape[3] // group_depth
    params = declared.GENERAL.of(
        input_shape[0], *input_shape[1:], *output_shape[1:], len(chosen), group_depth,
        out // groups, height, width, *options.stride, *options.dilation, *options.padding,
        *options.zero_points, *options.activation,
    )  # fmt: skip
    numbers = [quantize_multiplier(float(scale)) for scale in np.broadcast_to(scales, (out,))]
    start = np.zeros(out, np.int64) if bias is None else np.asarray(bias, np.int64)
    columns = [start[:, None], np.array(numbers, np.int64), np.arange(out)[:, None]]
    channels = np.concatenate(columns, axis=1)[chosen]
    return GeneralConv(
        params, channels.astype("<i4").tobytes(), np.ascontiguousarray(weights[chosen]).tobytes()
    )
