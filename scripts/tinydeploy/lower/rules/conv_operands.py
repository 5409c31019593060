"""What a convolution says of itself: operands, sizes, strides, padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinydeploy.graph.ir import Array, Op, Tensor, Type
from tinydeploy.lower.lowering import Lowering, quantization_of, refusal, require_int8, scale_of
from tinydeploy.lower.packing import sums

Size = tuple[int, int]


def image(tensor: Tensor) -> tuple[int, int, int]:
    """Height, width, channels."""
    _, height, width, channels = tensor.shape
    return height, width, channels


def stride_of(op: Op) -> Size:
    """Of the window: vertical, horizontal."""
    return int(op.options.get("stride_h", 1)), int(op.options.get("stride_w", 1))


def dilation_of(op: Op) -> Size:
    """Of the window: vertical, horizontal."""
    options = op.options
    return int(options.get("dilation_h_factor", 1)), int(options.get("dilation_w_factor", 1))


def padding(op: Op, source: Tensor, kernel: Sequence[int]) -> Size:
    """Rows and columns of padding before the image."""
    if op.options.get("padding") != "SAME":
        return 0, 0
    reach = [(size - 1) * step + 1 for size, step in zip(kernel, dilation_of(op), strict=True)]
    sizes = zip(source.shape[1:3], op.outputs[0].shape[1:3], reach, stride_of(op), strict=True)
    top, left = (max((out - 1) * step + size - given, 0) // 2 for given, out, size, step in sizes)
    return int(op.options.get("pad_top", top)), left  # a band has padding at its ends only


def by_output(filters: Array) -> Array:
    """Depthwise filters [height, width, out] as [out, height, width, 1]."""
    return np.ascontiguousarray(filters.transpose(2, 0, 1))[..., None]


def operands_of(lowering: Lowering, op: Op) -> tuple[Tensor, Tensor]:
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


def data_of(tensor: Tensor) -> Array:
    """Values of a constant."""
    assert tensor.data is not None
    return tensor.data


def effective_scales(op: Op, source: Tensor, weights: Tensor, channels: int) -> Array:
    """Input scale times weight scale over output scale, double [channels], as TFLM rounds it."""
    scales = quantization_of(weights).scales
    source_scale, output_scale = scale_of(source)[0], scale_of(op.outputs[0])[0]
    spread = np.broadcast_to(scales, (channels,))
    return sums.effective_scales(source_scale, spread, output_scale)


def unusual(op: Op, source: Tensor) -> str:
    """What the fast kernels have no loops for."""
    if source.shape[0] != 1:
        return f"a batch of {source.shape[0]}"
    dilation = dilation_of(op)
    return "" if dilation == (1, 1) else "a dilation of {}x{}".format(*dilation)
