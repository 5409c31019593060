"""Operators that slide a window over an image: convolutions and pools."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinydeploy.abi import limits
from tinydeploy.fuzz.draw import Draw, Shape, Types, UnfitError
from tinydeploy.graph.ir import Quantization, Tensor, Type
from tinydeploy.lower.rules.conv import TABLED_OUTPUTS
from tinydeploy.ops.shape_rules import window_size

BIASES = {Type.FLOAT32: Type.FLOAT32, Type.INT8: Type.INT32, Type.INT16: Type.INT64}


@dataclass(frozen=True)
class Window:
    """How a window slides: (height, width) each."""

    padding: str
    taps: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]

    def positions(self, image: Shape) -> tuple[int, int]:
        """Height and width of the result; UnfitError if the window does not fit.

        Neither does one whose padding TFLM wraps and the kernels refuse.
        """
        sides = list(zip(image[1:3], self.taps, self.stride, self.dilation, strict=True))
        try:
            height, width = (window_size(*side, self.padding) for side in sides)
        except ValueError:
            raise UnfitError from None
        for made, (size, taps, stride, dilation) in zip((height, width), sides, strict=True):
            missing = (made - 1) * stride + (taps - 1) * dilation + 1 - size
            if missing // 2 > limits.WINDOW_SHORT.most:
                raise UnfitError
        return height, width

    @property
    def options(self) -> dict[str, Any]:
        """As the schema names them, without the dilation."""
        return {"padding": self.padding, "stride_h": self.stride[0], "stride_w": self.stride[1]}


def window(draw: Draw, *, dilates: bool, most: int = 5, lines: float = 0.15) -> Window:
    """A random window, one in three of 1x1 or 3x3 and stride 1 or 2; `lines`: how many of the
    others are along one axis, as networks over time have it.
    """
    padding = draw.pick(("SAME", "VALID"))
    if draw.chance(0.33):
        size = draw.pick((1, 3, 3))
        step = draw.pick((1, 1, 2)) if size > 1 else 1
        return Window(padding, (size, size), (step, step), (1, 1))
    if draw.chance(lines):
        return _along_one_axis(draw, padding, dilates=dilates)
    taps = (draw.size("kernel_height", 1, most), draw.size("kernel_width", 1, most))
    if dilates and draw.chance(0.2):
        dilation = draw.size("dilation_height", 1, 3), draw.size("dilation_width", 1, 3)
        return Window(padding, taps, (1, 1), dilation)
    stride = draw.size("stride_height", 1, 3), draw.size("stride_width", 1, 3)
    return Window(padding, taps, stride, (1, 1))


def _along_one_axis(draw: Draw, padding: str, *, dilates: bool) -> Window:
    dilation = draw.integer(2, 4) if dilates and draw.chance(0.4) else 1
    taps = draw.pick((3, 5, 9)) if draw.chance(0.5) else draw.integer(2, 11)
    stride = draw.integer(1, 2) if dilation == 1 else 1
    across = draw.integer(1, 2) if dilation == 1 else 1
    if draw.chance(0.5):
        return Window(padding, (taps, 1), (stride, across), (dilation, 1))
    return Window(padding, (1, taps), (across, stride), (1, dilation))


def weights(draw: Draw, shape: Shape, kind: Type, axis: int) -> Tensor:
    """Constant weights; integers have one scale a channel, or one for all."""
    draw.require_constant(shape, kind)
    if kind is Type.FLOAT32:
        return draw.build.constant(draw.rng.normal(size=shape).astype(np.float32))
    one_scale = kind is Type.INT4 and len(shape) == 2  # all that TFLM takes
    count = 1 if one_scale or draw.chance(0.2) else shape[axis]
    scales = draw.rng.uniform(0.001, 0.05, count).astype(np.float32)
    if count > 1 and draw.chance(0.2):  # some far off: where kernels stop to be exact
        far = draw.rng.random(count) < 0.3
        scales[far] *= np.float32(2.0) ** draw.rng.integers(-24, 9, int(far.sum()))
    low = -128 if draw.chance(0.2) else -127
    values = draw.rng.integers(low, 128, shape).astype(np.int8)
    if kind is Type.INT4:
        values >>= 4
    if draw.chance(0.1):
        values[draw.rng.random(shape) < 0.9] = 0
    if draw.chance(0.1) and kind is Type.INT8:
        values[draw.rng.random(shape) < 0.05] = -128
    if draw.chance(0.1):  # dead channels
        np.moveaxis(values, axis, 0)[draw.rng.random(shape[axis]) < 0.3] = 0
    return draw.build.constant(values, kind, Quantization(scales, np.zeros(count, np.int64), axis))


def bias(draw: Draw, channels: int, image: Tensor, factors: Tensor) -> Tensor | None:
    """A constant bias of the scales that TFLM expects, now and then none."""
    if draw.chance(0.2):
        return None
    kind = BIASES[image.type]
    if kind is Type.FLOAT32:
        return draw.build.constant(draw.rng.normal(size=channels).astype(np.float32))
    assert image.quantization is not None
    assert factors.quantization is not None
    scales = factors.quantization.scales * image.quantization.scales
    most = draw.pick((100, 20_000, 1_000_000, 1 << 30 if draw.chance(0.1) else 5000))
    values = draw.rng.integers(-most, most, channels).astype(kind.dtype)
    zeros = np.zeros(len(scales), np.int64)
    return draw.build.constant(values, kind, Quantization(scales.astype(np.float32), zeros))


def spread(
    draw: Draw, image: Tensor, factors: Tensor, taps: int, kind: Type
) -> Quantization | None:
    """A scale of the result that its sums fill, one time in ten any."""
    if image.quantization is None or factors.quantization is None or draw.chance(0.1):
        return draw.quantization(kind)
    typical = {Type.INT8: 74.0, Type.INT16: 19_000.0}[image.type] * 74.0 * np.sqrt(taps)
    scale = typical * image.quantization.scale * float(factors.quantization.scales.max())
    steps = {Type.INT8: (30, 120), Type.INT16: (8_000, 30_000)}[kind]
    step = np.float32(scale / draw.rng.uniform(*steps))
    rectified = kind is Type.INT8 and draw.chance(0.25)  # as networks have it: kernels of their own
    zero_point = -128 if rectified else draw.zero_point(kind)
    return Quantization(np.array([step]), np.array([zero_point], np.int64))


def conv(draw: Draw, code: str, types: Types) -> None:
    """CONV_2D, now and then in groups, or on a whole picture."""
    if draw.edge is None and not draw.grows and draw.chance(0.1):
        image, slides, units = _first_layer(draw, types.data)
        groups, depth = 1, image.shape[3]
    else:
        image = draw.image(types.data)
        slides, depth = window(draw, dilates=True), image.shape[3]
        groups = 2 if depth % 2 == 0 and types.data is Type.INT8 and draw.chance(0.1) else 1
        units = draw.size("out_channels", 1, 10) * groups
    size = slides.positions(image.shape)
    factors = weights(draw, (units, *slides.taps, depth // groups), types.weights, 0)
    inputs = [image, factors, bias(draw, units, image, factors)]
    taps = factors.size // units
    draw.result(
        code, inputs, (image.shape[0], *size, units), types.result,
        spread(draw, image, factors, taps, types.result), **slides.options,
        dilation_h_factor=slides.dilation[0], dilation_w_factor=slides.dilation[1],
        fused_activation_function=draw.activation(types.data),
    )  # fmt: skip


def _first_layer(draw: Draw, kind: Type) -> tuple[Tensor, Window, int]:
    """A picture of one colour or three, a window on it and how many channels it makes."""
    depth = draw.pick((1, 3))
    image = draw.source(kind, shape=(1, draw.integer(20, 24), draw.integer(20, 24), depth))
    if depth == 1 and draw.chance(0.5):  # as many channels as it takes to be done by tables
        units = -(-TABLED_OUTPUTS // image.size) if draw.chance(0.7) else draw.integer(4, 8)
        return image, Window("VALID", (1, 1), (1, 1), (1, 1)), units
    step = draw.pick((1, 2))
    slides = Window(draw.pick(("SAME", "VALID")), (3, 3), (step, step), (1, 1))
    return image, slides, draw.integer(4, 8)


def depthwise(draw: Draw, code: str, types: Types) -> None:
    """DEPTHWISE_CONV_2D."""
    image = draw.image(types.data)
    slides = window(draw, dilates=True, lines=0.3)
    size = slides.positions(image.shape)
    multiplier = draw.pick((1, 1, 1, 2, 3))
    units = image.shape[3] * multiplier
    factors = weights(draw, (1, *slides.taps, units), types.weights, 3)
    given = bias(draw, units, image, factors)
    # TFLM crashes on a bias of -1 here; leaving it out altogether is fine.
    inputs = [image, factors] if given is None else [image, factors, given]
    taps = factors.size // units
    draw.result(
        code, inputs, (image.shape[0], *size, units), types.result,
        spread(draw, image, factors, taps, types.result), **slides.options,
        depth_multiplier=multiplier,
        dilation_h_factor=slides.dilation[0], dilation_w_factor=slides.dilation[1],
        fused_activation_function=draw.activation(types.data),
    )  # fmt: skip


def transpose_conv(draw: Draw, code: str, types: Types) -> None:
    """TRANSPOSE_CONV: `image` is what a convolution would have made of the result."""
    slides = window(draw, dilates=False)
    image = draw.image(types.data, most=5)
    height, width = (
        (n - 1) * s + (1 if slides.padding == "SAME" else k)
        for n, s, k in zip(image.shape[1:3], slides.stride, slides.taps, strict=True)
    )
    units = draw.integer(1, 6)
    shape = (image.shape[0], height, width, units)
    draw.require_size(shape)
    factors = weights(draw, (units, *slides.taps, image.shape[3]), types.weights, 0)
    inputs = [draw.numbers(shape), factors, image]
    given = bias(draw, units, image, factors)
    taps = max(1, factors.size // units // (slides.stride[0] * slides.stride[1]))
    draw.result(
        code, inputs if given is None else [*inputs, given], shape, types.result,
        spread(draw, image, factors, taps, types.result), **slides.options,
    )  # fmt: skip


def pool(draw: Draw, code: str, types: Types) -> None:
    """AVERAGE_POOL_2D, MAX_POOL_2D and L2_POOL_2D."""
    image = draw.image(types.data)
    slides = window(draw, dilates=False)
    if (pixels := draw.edge_of("window_pixels")) is not None:
        height, width = draw.rectangle(pixels)
        image = draw.source(types.data, shape=(1, height + 1, width + 2, image.shape[3]))
        slides = Window(slides.padding, (height, width), slides.stride, (1, 1))
    elif code != "L2_POOL_2D" and draw.chance(0.2):  # over the whole image
        slides = Window("VALID", (image.shape[1], image.shape[2]), (1, 1), (1, 1))
    size = slides.positions(image.shape)
    draw.result(
        code, [image], (image.shape[0], *size, image.shape[3]), types.result, image.quantization,
        filter_height=slides.taps[0], filter_width=slides.taps[1], **slides.options,
        fused_activation_function=draw.activation(types.data),
    )  # fmt: skip


GENERATORS = {
    "AVERAGE_POOL_2D": pool,
    "CONV_2D": conv,
    "DEPTHWISE_CONV_2D": depthwise,
    "L2_POOL_2D": pool,
    "MAX_POOL_2D": pool,
    "TRANSPOSE_CONV": transpose_conv,
}
