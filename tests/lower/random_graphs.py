"""Random int8 models of the operators that the compiled engine takes: branches, shared tensors, odd
sizes, every fused activation, any zero point."""

from __future__ import annotations

from typing import Any

import numpy as np
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Quantization, Tensor, Type, per_tensor
from tinydeploy.ops.shape_rules import window_size

ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
LARGEST = 4000  # elements of a tensor


class RandomGraph:
    """A graph that grows by random operators on random tensors."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.build = Builder()
        h, w, c = (int(n) for n in self.rng.integers(1, (14, 14, 10)))
        self.images = [self.build.input((1, h, w, c), Type.INT8, self.quantization())]

    def grow(self, count: int) -> Model:
        """`count` operators, then a head; the outputs are the head and a random image."""
        kinds = [
            self.conv, self.conv, self.pointwise, self.depthwise, self.depthwise, self.arithmetic,
            self.arithmetic, self.with_constant, self.pool, self.unary, self.concatenation,
            self.pad, self.strided_slice, self.transpose, self.split,
        ]  # fmt: skip
        while len(self.build.subgraph.ops) < count:
            kinds[self.rng.integers(len(kinds))]()
        head = self.head(self.pick())
        extra = self.pick()
        outputs = [head] if extra in self.build.subgraph.inputs else [head, extra]
        return self.build.model(*outputs)

    # ---- Operators. ----

    def conv(self, kernel: tuple[int, int] | None = None) -> None:
        x = self.pick()
        depth = x.shape[3]
        size = kernel or tuple(int(n) for n in self.rng.integers(1, 5, 2))
        dilation = (1, 2)[self.rng.random() < 0.15], 1
        stride = tuple(int(n) for n in self.rng.integers(1, 3, 2)) if dilation == (1, 1) else (1, 1)
        if kernel:
            stride, dilation = (1, 1), (1, 1)
        groups = 2 if depth % 2 == 0 and self.rng.random() < 0.1 else 1
        channels = groups * int(self.rng.integers(1, 13))
        weights = self.weights((channels, *size, depth // groups))
        self.spatial("CONV_2D", x, weights, size, stride, dilation)

    def pointwise(self) -> None:
        self.conv((1, 1))

    def depthwise(self) -> None:
        x = self.pick()
        depth = x.shape[-1]
        size = (3, 3) if self.rng.random() < 0.7 else tuple(map(int, self.rng.integers(1, 6, 2)))
        stride = (1, 2)[self.rng.integers(2)]
        multiplier = 1 if self.rng.random() < 0.8 else 3
        weights = self.weights((1, *size, depth * multiplier))
        self.spatial(
            "DEPTHWISE_CONV_2D", x, weights, size, (stride, stride), (1, 1),
            depth_multiplier=multiplier,
        )  # fmt: skip

    def spatial(
        self,
        code: str,
        x: Tensor,
        weights: Any,
        size: Any,
        stride: Any,
        dilation: Any,
        **options: Any,
    ) -> None:
        axis = 3 if code == "DEPTHWISE_CONV_2D" else 0
        channels = weights.shape[axis]
        reach = [(k - 1) * d + 1 for k, d in zip(size, dilation, strict=True)]
        fits = all(n >= r for n, r in zip(x.shape[1:3], reach, strict=True))
        padding = "VALID" if fits and self.rng.random() < 0.4 else "SAME"
        out = [
            window_size(n, k, s, d, padding)
            for n, k, s, d in zip(x.shape[1:3], size, stride, dilation, strict=True)
        ]
        count = channels if self.rng.random() < 0.7 else 1
        scales = self.rng.uniform(0.004, 0.02, count).astype(np.float32)
        zeros = np.zeros(count, np.int64)
        assert x.quantization is not None
        inputs = [
            x,
            self.build.constant(weights, quantization=Quantization(scales, zeros, axis)),
            self.bias(
                channels, Quantization(scales * np.float32(x.quantization.scale), zeros),
                needed=axis == 3,
            ),
        ]  # fmt: skip
        taps = weights[0].size if axis == 0 else int(np.prod(size))
        self.add(
            code, inputs, (1, *out, channels), self.spread(x, float(scales.mean()), taps),
            padding=padding, stride_h=stride[0], stride_w=stride[1],
            dilation_h_factor=dilation[0], dilation_w_factor=dilation[1],
            fused_activation_function=self.activation(), **options,
        )  # fmt: skip

    def arithmetic(self) -> None:
        a = self.pick()
        others = [tensor for tensor in self.images if tensor.shape == a.shape]
        b = others[self.rng.integers(len(others))]
        self.pair([a, b], a.shape)

    def with_constant(self) -> None:
        a = self.pick()
        shape = [(), (1,), (a.shape[-1],), (1, 1, 1, a.shape[-1])][self.rng.integers(4)]
        values = self.rng.integers(-128, 128, shape).astype(np.int8)
        b = self.build.constant(values, quantization=self.quantization())
        self.pair([a, b] if self.rng.random() < 0.6 else [b, a], a.shape)

    def pair(self, operands: list[Tensor], shape: tuple[int, ...]) -> None:
        code = ("ADD", "SUB", "MUL")[self.rng.integers(3)]
        self.add(code, operands, shape, None, fused_activation_function=self.activation())

    def pool(self) -> None:
        x = self.pick()
        size = tuple(
            int(min(n, k)) for n, k in zip(x.shape[1:3], self.rng.integers(1, 4, 2), strict=True)
        )
        stride = int(self.rng.integers(1, 3))
        padding = ("SAME", "VALID")[self.rng.integers(2)]
        out = [
            window_size(n, k, stride, 1, padding) for n, k in zip(x.shape[1:3], size, strict=True)
        ]
        code = ("AVERAGE_POOL_2D", "MAX_POOL_2D")[self.rng.integers(2)]
        self.add(
            code, [x], (1, *out, x.shape[3]), x.quantization, filter_height=size[0],
            filter_width=size[1], stride_h=stride, stride_w=stride, padding=padding,
            fused_activation_function=self.activation(),
        )  # fmt: skip

    def unary(self) -> None:
        code = ("RELU", "RELU6", "HARD_SWISH", "LOGISTIC", "TANH", "LEAKY_RELU")[
            self.rng.integers(6)
        ]
        x = self.pick()
        fixed = {"LOGISTIC": per_tensor(1 / 256, -128), "TANH": per_tensor(1 / 128, 0)}
        options = {"alpha": 0.2} if code == "LEAKY_RELU" else {}
        self.add(code, [x], x.shape, fixed.get(code, x.quantization), **options)

    def concatenation(self) -> None:
        a = self.pick()
        likes = [
            t for t in self.images
            if t.shape[:3] == a.shape[:3] and t.quantization.same(a.quantization)
        ]  # fmt: skip
        parts = [likes[i] for i in self.rng.integers(len(likes), size=self.rng.integers(2, 4))]
        channels = sum(part.shape[3] for part in parts)
        self.add(
            "CONCATENATION", parts, (*a.shape[:3], channels), a.quantization, axis=3,
            fused_activation_function="NONE",
        )  # fmt: skip

    def pad(self) -> None:
        x = self.pick()
        borders = np.zeros((4, 2), np.int32)
        borders[1:] = self.rng.integers(0, 3, (3, 2))
        shape = tuple(int(n) for n in np.array(x.shape) + borders.sum(axis=1))
        self.add("PAD", [x, self.build.constant(borders)], shape, x.quantization)

    def strided_slice(self) -> None:
        x = self.pick()
        ranges = []
        for size in x.shape:
            begin = int(self.rng.integers(0, size))
            ranges.append(
                (begin, int(self.rng.integers(begin, size)) + 1, int(self.rng.integers(1, 3)))
            )
        shape = tuple(len(range(*r)) for r in ranges)
        bounds = [
            self.build.constant(np.array(column, np.int32)) for column in zip(*ranges, strict=True)
        ]
        masks = dict.fromkeys(
            ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0
        )
        self.add("STRIDED_SLICE", [x, *bounds], shape, x.quantization, **masks)

    def transpose(self) -> None:
        x = self.pick()
        order = np.concatenate([[0], 1 + self.rng.permutation(3)]).astype(np.int32)
        shape = tuple(x.shape[axis] for axis in order)
        self.add("TRANSPOSE", [x, self.build.constant(order)], shape, x.quantization)

    def split(self) -> None:
        x = self.pick()
        if x.shape[3] % 2:
            return
        half = (*x.shape[:3], x.shape[3] // 2)
        outputs = [self.build.tensor(half, Type.INT8, x.quantization) for _ in range(2)]
        axis = self.build.constant(np.array(3, np.int32))
        self.build.ops("SPLIT", [axis, x], outputs, num_splits=2)
        self.images += outputs

    def head(self, x: Tensor) -> Tensor:
        """MEAN or RESHAPE, FULLY_CONNECTED, SOFTMAX."""
        if self.rng.random() < 0.5:
            axes = self.build.constant(np.array([1, 2], np.int32))
            flat = self.build.op(
                "MEAN", [x, axes], (1, x.shape[3]), Type.INT8, self.quantization(), keep_dims=False
            )
        else:
            shape = (1, x.size)
            wanted = self.build.constant(np.array(shape, np.int32))
            flat = self.build.op(
                "RESHAPE", [x, wanted], shape, Type.INT8, x.quantization, new_shape=list(shape)
            )
        units, depth = int(self.rng.integers(1, 20)), flat.shape[1]
        scale = np.float32(0.01)
        weights = self.build.constant(
            self.weights((units, depth)), quantization=per_tensor(scale, 0)
        )
        assert flat.quantization is not None
        bias = self.bias(units, per_tensor(scale * np.float32(flat.quantization.scale), 0))
        dense = self.build.op(
            "FULLY_CONNECTED", [flat, weights, bias], (1, units), Type.INT8,
            self.spread(flat, float(scale), depth), fused_activation_function=self.activation(),
        )  # fmt: skip
        return self.build.op(
            "SOFTMAX", [dense], (1, units), Type.INT8, per_tensor(1 / 256, -128), beta=1.0
        )

    # ---- Parts. ----

    def pick(self) -> Tensor:
        return self.images[self.rng.integers(len(self.images))]

    def add(
        self,
        code: str,
        inputs: list[Any],
        shape: Any,
        quantization: Quantization | None,
        **options: Any,
    ) -> None:
        if not 0 < np.prod(shape) <= LARGEST:
            return
        given = quantization or self.quantization()
        self.images.append(self.build.op(code, inputs, shape, Type.INT8, given, **options))

    def quantization(self) -> Quantization:
        zero_point = (-128, int(self.rng.integers(-128, 128)))[self.rng.integers(2)]
        return per_tensor(float(np.float32(self.rng.uniform(0.01, 0.1))), zero_point)

    def spread(self, x: Tensor, weight_scale: float, taps: int) -> Quantization:
        """An output scale that the sums fill."""
        assert x.quantization is not None
        deviation = 74.0 * 74.0 * np.sqrt(taps) * x.quantization.scale * weight_scale
        zero_point = (-128, int(self.rng.integers(-128, 128)))[self.rng.integers(2)]
        return per_tensor(float(np.float32(deviation / self.rng.uniform(30, 120))), zero_point)

    def weights(self, shape: tuple[int, ...]) -> Any:
        low = -128 if self.rng.random() < 0.1 else -127  # -128 does not fit the fast kernels
        values = self.rng.integers(low, 128, shape).astype(np.int8)
        if self.rng.random() < 0.2:  # some dead channels
            values[self.rng.random(shape[0]) < 0.5] = 0
        return values

    def bias(
        self, channels: int, quantization: Quantization, needed: bool = False
    ) -> Tensor | None:
        """None now and then, but not for depthwise ones: TFLM crashes without."""
        if self.rng.random() < 0.2 and not needed:
            return None
        values = self.rng.integers(-3000, 3000, channels).astype(np.int32)
        return self.build.constant(values, quantization=quantization)

    def activation(self) -> str:
        return str(self.rng.choice(ACTIVATIONS, p=(0.4, 0.3, 0.2, 0.1)))
