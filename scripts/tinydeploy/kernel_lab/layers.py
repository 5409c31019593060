"""Layers with random weights: what to call, with which arguments, and what must come out.

For tests and the bench of the kernels: the expected outputs are computed in plain numpy from TFLM's
definition.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinydeploy.abi import params as declared
from tinydeploy.kernel_lab.cases import Array, Case, fold, params_of, random_int8, requantize, words
from tinydeploy.lower.packing import conv_weights, depthwise_weights, elementwise


@dataclass(frozen=True)
class Pointwise:
    """1x1 convolution."""

    pixels: int
    depth: int
    channels: int
    output_zero_point: int = -128
    in_place: bool = False

    @property
    def label(self) -> str:
        """Name and shape."""
        return f"1x1 conv {self.pixels} px, {self.depth} -> {self.channels}"

    @property
    def macs(self) -> int:
        """Multiplications."""
        return self.pixels * self.depth * self.channels

    def case(self, rng: np.random.Generator) -> Case:
        """Random weights and input."""
        weights = random_int8(rng, self.channels, self.depth, low=-127)
        given = random_int8(rng, self.pixels, self.depth)
        p = fold(rng, weights, 4, self.output_zero_point, True)
        acc = given.astype(np.int64) @ weights.T.astype(np.int64) + p.start
        geometry = conv_weights.pointwise_geometry(self.pixels, self.depth, self.channels)
        return Case(
            "td_pointwise",
            params_of(declared.POINTWISE, geometry.params),
            given,
            requantize(acc, p.scales, self.output_zero_point),
            [words(conv_weights.pack_pointwise(weights, p.start, p.scaling))],
            scratch_bytes=geometry.scratch_bytes,
            extra=(f"td_dot_pairs_{p.scaling.mode}",),
            in_place=self.in_place,
        )


@dataclass(frozen=True)
class Dense:
    """Fully connected."""

    depth: int
    units: int
    batches: int = 1
    output_zero_point: int = -128

    @property
    def label(self) -> str:
        """Name and shape."""
        return f"fully connected {self.depth} -> {self.units}"

    @property
    def macs(self) -> int:
        """Multiplications."""
        return self.batches * self.depth * self.units

    def case(self, rng: np.random.Generator) -> Case:
        """Random weights and input."""
        weights = random_int8(rng, self.units, self.depth, low=-127)
        given = random_int8(rng, self.batches, self.depth)
        p = fold(rng, weights, 4, self.output_zero_point, True)
        acc = given.astype(np.int64) @ weights.T.astype(np.int64) + p.start
        return Case(
            "td_fully_connected",
            np.array([self.batches, self.depth, self.units], "<u2"),
            given,
            requantize(acc, p.scales, self.output_zero_point),
            [words(conv_weights.pack_dense(weights, p.start, p.scaling))],
            scratch_bytes=conv_weights.dense_scratch_bytes(self.depth),
            extra=(f"td_dot_one_{p.scaling.mode}",),
        )


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """(output size, padding before) of TensorFlow's SAME."""
    out = -(-size // stride)
    return out, max((out - 1) * stride + kernel - size, 0) // 2


def windows(given: Array, kernel: tuple[int, int], stride: int, zero_point: int) -> Array:
    """int64 [out_h, out_w, kernel_h, kernel_w, channels] of input - zero point, SAME padding."""
    height, width, channels = given.shape
    (out_h, top), (out_w, left) = (
        same_padding(size, k, stride) for size, k in zip((height, width), kernel, strict=True)
    )
    shape = ((out_h - 1) * stride + kernel[0], (out_w - 1) * stride + kernel[1], channels)
    padded = np.zeros(np.maximum(shape, (top + height, left + width, channels)), np.int64)
    padded[top : top + height, left : left + width] = given.astype(np.int64) - zero_point
    views = np.lib.stride_tricks.sliding_window_view(padded, kernel, (0, 1))
    used = views[: (out_h - 1) * stride + 1 : stride, : (out_w - 1) * stride + 1 : stride]
    return np.asarray(used.transpose(0, 1, 3, 4, 2))


@dataclass(frozen=True)
class Conv:
    """General convolution, SAME padding."""

    height: int
    width: int
    depth: int
    channels: int
    kernel_height: int
    kernel_width: int
    stride: int = 1
    output_zero_point: int = -128
    in_place: bool = False

    @property
    def label(self) -> str:
        """Name and shape."""
        return (
            f"conv {self.height}x{self.width}x{self.depth} "
            f"{self.kernel_height}x{self.kernel_width} s{self.stride} -> {self.channels}"
        )

    @property
    def macs(self) -> int:
        """Multiplications."""
        pixels = -(-self.height // self.stride) * -(-self.width // self.stride)
        return pixels * self.kernel_height * self.kernel_width * self.depth * self.channels

    def case(self, rng: np.random.Generator) -> Case:
        """Random weights and input."""
        kernel = (self.kernel_height, self.kernel_width)
        weights = random_int8(rng, self.channels, *kernel, self.depth, low=-127)
        given = random_int8(rng, self.height, self.width, self.depth)
        p = fold(rng, weights.reshape(self.channels, -1), 4, self.output_zero_point, True)
        patches = windows(given, kernel, self.stride, 4)
        bias = p.start + 4 * weights.astype(np.int64).sum(axis=(1, 2, 3))
        acc = np.tensordot(patches, weights.astype(np.int64), ((2, 3, 4), (1, 2, 3))) + bias
        out_h, top = same_padding(self.height, kernel[0], self.stride)
        out_w, left = same_padding(self.width, kernel[1], self.stride)
        geometry = conv_weights.conv_geometry(
            (self.height, self.width, self.depth), (out_h, out_w, self.channels), kernel,
            (self.stride, self.stride), (top, left), 4, in_place=self.in_place,
        )  # fmt: skip
        return Case(
            "td_conv",
            params_of(declared.CONV, geometry.params),
            given,
            requantize(acc, p.scales, self.output_zero_point),
            [words(conv_weights.pack_conv(weights, p.start, p.scaling))],
            scratch_bytes=geometry.scratch_bytes,
            extra=(f"td_dot_pairs_{p.scaling.mode}",),
            in_place=self.in_place,
        )


@dataclass(frozen=True)
class Depthwise:
    """Depthwise 3x3, SAME padding."""

    height: int
    width: int
    channels: int
    stride: int = 1
    output_zero_point: int = -128
    in_place: bool = False
    band: int = 0

    @property
    def label(self) -> str:
        """Name and shape."""
        return f"depthwise 3x3 {self.height}x{self.width}x{self.channels} s{self.stride}"

    @property
    def macs(self) -> int:
        """Multiplications."""
        pixels = -(-self.height // self.stride) * -(-self.width // self.stride)
        return 9 * pixels * self.channels

    def case(self, rng: np.random.Generator) -> Case:
        """Random weights and input."""
        weights = random_int8(rng, 3, 3, self.channels, low=-127)
        given = random_int8(rng, self.height, self.width, self.channels)
        flat = np.ascontiguousarray(weights.reshape(9, -1).T)
        p = fold(rng, flat, 4, self.output_zero_point, False)
        patches = windows(given, (3, 3), self.stride, 4)
        bias = p.start + 4 * flat.astype(np.int64).sum(axis=1)
        acc = (patches * weights.astype(np.int64)).sum(axis=(2, 3)) + bias
        out_h, top = same_padding(self.height, 3, self.stride)
        out_w, left = same_padding(self.width, 3, self.stride)
        geometry = depthwise_weights.geometry(
            (self.height, self.width, self.channels), (out_h, out_w), self.stride, (top, left), 4,
            band=self.band or None,
        )  # fmt: skip
        prefix = "td_depthwise" + ("_stride2" if self.stride == 2 else "")
        return Case(
            "td_depthwise",
            params_of(declared.DEPTHWISE, geometry.params),
            given,
            requantize(acc, p.scales, self.output_zero_point),
            [words(depthwise_weights.pack(weights, p.start, p.scaling))],
            scratch_bytes=geometry.scratch_bytes,
            extra=(f"{prefix}_{p.scaling.mode}",),
            in_place=self.in_place,
        )


@dataclass(frozen=True)
class DepthwiseAny:
    """Depthwise convolution of any kernel size, SAME padding."""

    height: int
    width: int
    channels: int
    kernel: tuple[int, int]
    stride: int = 1
    output_zero_point: int = -128
    in_place: bool = False

    @property
    def label(self) -> str:
        """Name and shape."""
        kernel = f"{self.kernel[0]}x{self.kernel[1]}"
        return f"depthwise {kernel} {self.height}x{self.width}x{self.channels} s{self.stride}"

    @property
    def macs(self) -> int:
        """Multiplications."""
        pixels = -(-self.height // self.stride) * -(-self.width // self.stride)
        return self.kernel[0] * self.kernel[1] * pixels * self.channels

    def case(self, rng: np.random.Generator) -> Case:
        """Random weights and input."""
        weights = random_int8(rng, *self.kernel, self.channels, low=-127)
        given = random_int8(rng, self.height, self.width, self.channels)
        flat = np.ascontiguousarray(weights.reshape(-1, self.channels).T)
        p = fold(rng, flat, 4, self.output_zero_point, False)
        patches = windows(given, self.kernel, self.stride, 4)
        bias = p.start + 4 * flat.astype(np.int64).sum(axis=1)
        acc = (patches * weights.astype(np.int64)).sum(axis=(2, 3)) + bias
        out_h, top = same_padding(self.height, self.kernel[0], self.stride)
        out_w, left = same_padding(self.width, self.kernel[1], self.stride)
        geometry = depthwise_weights.any_geometry(
            given.shape, (out_h, out_w), self.kernel, (self.stride,) * 2, (top, left), 4,
            p.scaling.mode,
        )  # fmt: skip
        return Case(
            "td_depthwise_any",
            params_of(declared.DEPTHWISE_ANY, geometry.params),
            given,
            requantize(acc, p.scales, self.output_zero_point),
            [words(depthwise_weights.pack_any(weights, p.start, p.scaling))],
            scratch_bytes=geometry.scratch_bytes,
            in_place=self.in_place,
        )


@dataclass(frozen=True)
class DepthwiseTime:
    """Depthwise convolution over time: the kernel is as wide as the image, no padding."""

    height: int
    width: int
    channels: int
    taps: int
    stride: int = 1
    output_zero_point: int = -128

    @property
    def label(self) -> str:
        """Name and shape."""
        return f"depthwise over time {self.height}x{self.width}x{self.channels}, {self.taps} rows"

    @property
    def positions(self) -> int:
        """Outputs."""
        return (self.height - self.taps) // self.stride + 1

    @property
    def macs(self) -> int:
        """Multiplications."""
        return self.positions * self.taps * self.width * self.channels

    def case(self, rng: np.random.Generator) -> Case:
        """Random weights and input."""
        taps = self.taps * self.width
        weights = random_int8(rng, taps, self.channels, low=-127)
        given = random_int8(rng, self.height * self.width, self.channels)
        p = fold(rng, np.ascontiguousarray(weights.T), 4, self.output_zero_point, False)
        step = self.stride * self.width
        sums = [
            (given[first : first + taps].astype(np.int64) * weights).sum(axis=0) + p.start
            for first in range(0, self.positions * step, step)
        ]
        return Case(
            "td_depthwise_time",
            np.array(
                [taps, self.channels, self.positions, step, p.scaling.mode == "signed"], "<u2"
            ),
            given,
            requantize(np.stack(sums), p.scales, self.output_zero_point),
            [words(depthwise_weights.pack_time(weights, p.start, p.scaling))],
        )


@dataclass(frozen=True)
class Add:
    """Addition of two tensors, or their difference."""

    count: int
    scales: tuple[float, float, float] = (0.021, 0.034, 0.047)
    zero_points: tuple[int, int, int] = (-128, 7, -128)
    sign: int = 1
    macs: int = 0

    @property
    def label(self) -> str:
        """Name and shape."""
        return f"add {self.count}"

    def case(self, rng: np.random.Generator) -> Case:
        """Random inputs."""
        a, b, out = zip(self.scales, self.zero_points, strict=True)
        params = elementwise.add_params(a, b, out, self.count, self.sign)
        assert params is not None
        given, other = random_int8(rng, self.count), random_int8(rng, self.count)
        table = elementwise.reference_add(a, b, out, self.sign)
        expected = table[given.astype(int) + 128, other.astype(int) + 128].astype(np.int8)
        return Case("td_add", params_of(declared.ADD, params), given, expected, second=other)


@dataclass(frozen=True)
class Pool:
    """Average or maximum over windows, SAME padding or a window as large as the image."""

    kind: str
    height: int
    width: int
    channels: int
    kernel: tuple[int, int] = (0, 0)
    stride: int = 1
    macs: int = 0

    @property
    def label(self) -> str:
        """Name and shape."""
        return f"{self.kind} pool {self.height}x{self.width}x{self.channels}"

    def case(self, rng: np.random.Generator) -> Case:
        """Random input."""
        given = random_int8(rng, self.height, self.width, self.channels)
        kernel = self.kernel if self.kernel[0] else (self.height, self.width)
        sizes = (self.height, self.width)
        if self.kernel[0]:
            plan = [same_padding(n, k, self.stride) for n, k in zip(sizes, kernel, strict=True)]
        else:
            plan = [(1, 0), (1, 0)]
        (out_h, top), (out_w, left) = plan
        expected = np.empty((out_h, out_w, self.channels), np.int8)
        for y in range(out_h):
            for x in range(out_w):
                first = (y * self.stride - top, x * self.stride - left)
                rows, columns = (
                    slice(max(f, 0), f + k) for f, k in zip(first, kernel, strict=True)
                )
                part = given[rows, columns].reshape(-1, self.channels).astype(np.int64)
                expected[y, x] = part.max(0) if self.kind == "max" else rounded_mean(part)
        params = elementwise.pool_params(
            (*sizes, self.channels), (out_h, out_w), kernel, (self.stride,) * 2, (top, left)
        )
        return Case(f"td_{self.kind}_pool", params_of(declared.POOL8, params), given, expected)


def AveragePool(height: int, width: int, channels: int) -> Pool:  # noqa: N802
    """The mean of an image."""
    return Pool("average", height, width, channels)


def rounded_mean(values: Array) -> Array:
    """Integer mean over the first axis, halves away from zero."""
    count, total = len(values), values.sum(axis=0)
    return np.asarray(np.sign(total) * ((np.abs(total) + count // 2) // count))


@dataclass(frozen=True)
class Softmax:
    """Softmax of one row. Expected outputs come from the real function, within one unit."""

    depth: int
    scale: float = 0.12
    macs: int = 0

    @property
    def label(self) -> str:
        """Name and shape."""
        return f"softmax {self.depth}"

    def case(self, rng: np.random.Generator) -> Case:
        """Random input."""
        given = random_int8(rng, self.depth)
        table = np.frombuffer(elementwise.softmax_table(1.0, self.scale), "<i4").copy()
        params = np.array([1, self.depth, len(table)], "<u4")
        exponentials = np.exp(self.scale * given.astype(float))
        ideal = np.rint(256 * exponentials / exponentials.sum()) - 128
        expected = np.clip(ideal, -128, 127).astype(np.int8)
        return Case("td_softmax", params, given, expected, [table])
