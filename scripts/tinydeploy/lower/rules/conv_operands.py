"""What a convolution says of itself: operands, sizes, strides, padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinydeploy.graph.ir import Array, Op, Tensor, Type
from tinydeploy.lower import pack
from tinydeploy.lower.lowering import Lowering, quantization_of, refusal, require_int8, scale_of

Size = tuple[int, int]


def image(tensor: Tensor) -> tuple[int, int, int]:
    """Height, width, channels."""
    _, height, width, channels = tensor.shape
    return height, width, channels


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
    return pack.effective_scales(source_scale, spread, output_scale)


def unusual(op: Op, source: Tensor) -> str:
    """What the fast kernels have no loops for."""
    if source.shape[0] != 1:
        return f"a batch of {source.shape[0]}"
    dilation = step_of(op, "dilation")
    return "" if dilation == (1, 1) else "a dilation of {}x{}".format(*dilation)
