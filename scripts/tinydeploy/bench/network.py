"""Networks with seeded random weights, quantized as the TFLite converter does it.

Activations of a few random inputs run along in float: their range gives each layer's scale and zero
point. Weights are int8 with one scale a channel (fully connected ones a single one). Activations
are int8 with int32 biases, or int16 around zero with int64 biases.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Quantization, Tensor, Type, per_tensor
from tinydeploy.ops.shape_rules import window_size

Array = npt.NDArray[Any]
Mark = tuple[Tensor, Array]

_SAMPLES = 4
_RELU6_SCALE = 6 / 255
_CLIPS = {"NONE": (-np.inf, np.inf), "RELU": (0, np.inf), "RELU6": (0, 6)}


class Network:
    """Adds layers one after the other.

    Args:
        shape: of the input, NHWC or [1, features].
        scale, zero_point: of the input.
        seed: of the weights.
        kind: of the activations, int8 or int16.
    """

    def __init__(
        self,
        shape: Sequence[int],
        scale: float,
        zero_point: int,
        seed: int,
        kind: Type = Type.INT8,
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._build = Builder()
        self._kind = kind
        self._x = self._build.input(shape, kind, per_tensor(scale, zero_point))
        limits = np.iinfo(kind.dtype)
        stored = self._rng.integers(limits.min, limits.max + 1, (_SAMPLES, *shape[1:]))
        self._values: Array = (stored - zero_point) * scale

    def model(self) -> Model:
        """The model whose output is the last layer's."""
        return self._build.model(self._x)

    def mark(self) -> Mark:
        """Where the network is, for `go_back` and `add`."""
        return self._x, self._values

    def go_back(self, mark: Mark) -> None:
        """Continue from a mark."""
        self._x, self._values = mark

    def conv(
        self,
        channels: int,
        kernel: int | tuple[int, int],
        stride: int,
        activation: str = "NONE",
        live: int | None = None,
        padding: str = "SAME",
    ) -> None:
        """CONV_2D.

        Args:
            live: the output channels from here on are dead: zero weights.
        """
        depth, size = self._x.shape[-1], kernel if isinstance(kernel, tuple) else (kernel, kernel)
        weights = self._weights((channels, *size, depth), size[0] * size[1] * depth)
        weights[channels if live is None else live :] = 0
        bias = self._bias(channels, live)
        patches = _windows(self._values, size, stride, padding)
        values = np.tensordot(patches, weights, ((3, 4, 5), (1, 2, 3))) + bias
        operands = self._parameters(weights, bias, 0)
        self._add("CONV_2D", operands, values, activation, **_geometry(stride, padding))

    def depthwise(
        self,
        kernel: int | tuple[int, int],
        stride: int,
        activation: str = "NONE",
        multiplier: int = 1,
        live: int | None = None,
        padding: str = "SAME",
    ) -> None:
        """DEPTHWISE_CONV_2D; arguments as in `conv`."""
        channels = self._x.shape[-1] * multiplier
        size = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        weights = self._weights((1, *size, channels), size[0] * size[1])
        weights[..., channels if live is None else live :] = 0
        bias = self._bias(channels, live)
        windows = _windows(self._values, size, stride, padding)
        patches = np.repeat(windows, multiplier, axis=-1)
        values = np.einsum("nhwklc,klc->nhwc", patches, weights[0]) + bias
        operands = self._parameters(weights, bias, 3)
        self._add(
            "DEPTHWISE_CONV_2D", operands, values, activation,
            depth_multiplier=multiplier, **_geometry(stride, padding),
        )  # fmt: skip

    def dense(self, units: int, activation: str = "NONE", spread: bool = False) -> None:
        """FULLY_CONNECTED with one scale for all weights.

        Args:
            spread: tell inputs apart, as trained networks do: noise looks alike to random ones.
        """
        weights = self._weights((units, self._x.shape[-1]), self._x.shape[-1])
        bias = self._bias(units)
        if spread:
            sums = self._values @ weights.T
            weights /= sums.std(axis=0)[:, None]
            bias = -(self._values @ weights.T).mean(axis=0)
        values = self._values @ weights.T + bias
        self._add("FULLY_CONNECTED", self._parameters(weights, bias, None), values, activation)

    def stream(self, name: str, rows: int) -> None:
        """Put the `rows` rows that came last before those of this step, and keep the newest.

        As converters write it: READ_VARIABLE, CONCATENATION, SLICE, ASSIGN_VARIABLE.
        """
        build, (_, new, width, channels) = self._build, self._x.shape
        kept, seen = (1, rows, width, channels), (1, rows + new, width, channels)
        handle = build.op("VAR_HANDLE", [], (), Type.RESOURCE, container="", shared_name=name)
        quantization = self._x.quantization
        past = build.op("READ_VARIABLE", [handle], kept, self._kind, quantization)
        self._x = build.op(
            "CONCATENATION", [past, self._x], seen, self._kind, quantization, axis=1,
            fused_activation_function="NONE",
        )  # fmt: skip
        bounds = (build.constant(np.array(b, np.int32)) for b in ([0, new, 0, 0], kept))
        newest = build.op("SLICE", [self._x, *bounds], kept, self._kind, quantization)
        build.ops("ASSIGN_VARIABLE", [handle, newest], [])
        others = np.concatenate([np.roll(self._values, i, axis=0) for i in range(rows, -1, -1)], 1)
        self._values = others[:, -(rows + new) :]

    def add(self, other: Mark, activation: str = "NONE") -> None:
        """ADD of the tensor at a mark."""
        self._add("ADD", [other[0]], self._values + other[1], activation)

    def average_pool(self, size: int | tuple[int, int]) -> None:
        """AVERAGE_POOL_2D of an image of `size` to one pixel."""
        height, width = size if isinstance(size, tuple) else (size, size)
        self._values = self._values.mean(axis=(1, 2), keepdims=True)
        self._keep(
            "AVERAGE_POOL_2D", (1, 1, 1, self._x.shape[-1]), filter_height=height,
            filter_width=width, stride_h=height, stride_w=width, padding="VALID",
            fused_activation_function="NONE",
        )  # fmt: skip

    def reshape(self, shape: Sequence[int]) -> None:
        """RESHAPE."""
        self._values = self._values.reshape(_SAMPLES, *shape[1:])
        wanted = self._build.constant(np.array(shape, np.int32))
        self._keep("RESHAPE", shape, wanted, new_shape=list(shape))

    def logistic(self) -> None:
        """LOGISTIC of int8."""
        quantization = per_tensor(1 / 256, -128)
        self._x = self._build.op("LOGISTIC", [self._x], self._x.shape, Type.INT8, quantization)

    def softmax(self) -> None:
        """SOFTMAX of int8."""
        quantization = per_tensor(1 / 256, -128)
        self._x = self._build.op(
            "SOFTMAX", [self._x], self._x.shape, Type.INT8, quantization, beta=1.0
        )

    def _weights(self, shape: Sequence[int], fan_in: int) -> Array:
        return self._rng.normal(0, np.sqrt(2 / fan_in), shape)

    def _bias(self, channels: int, live: int | None = None) -> Array:
        """Dead channels are mostly silent after a ReLU; now and then one has a constant to say."""
        bias = self._rng.normal(0, 0.1, channels)
        if live is not None:
            bias[live:] = np.where(self._rng.random(channels - live) < 0.1, 0.1, -0.1)
        return bias

    def _parameters(self, weights: Array, bias: Array, axis: int | None) -> list[Tensor]:
        """Weights and bias as constants, the weights with a scale per index of `axis`."""
        others = tuple(i for i in range(weights.ndim) if i != axis)
        largest = np.abs(weights).max(axis=None if axis is None else others, keepdims=True)
        scales = np.where(largest > 0, largest / 127, 1e-6).astype(np.float32)
        stored = np.clip(np.rint(weights / scales), -127, 127).astype(np.int8)
        flat = scales.reshape(-1)
        zeros = np.zeros(len(flat), np.int64)
        bias_scales = (flat * np.float32(self._scale)).astype(np.float32)
        limit = 2**31 - 1
        of_bias = np.int64 if self._kind is Type.INT16 else np.int32
        stored_bias = np.clip(np.rint(bias / bias_scales), -limit, limit).astype(of_bias)
        return [
            self._build.constant(stored, quantization=Quantization(flat, zeros, axis or 0)),
            self._build.constant(stored_bias, quantization=Quantization(bias_scales, zeros)),
        ]

    def _quantization(self, activation: str) -> Quantization:
        if self._kind is Type.INT16:
            return _around_zero(self._values)
        return _quantization(self._values, activation)

    @property
    def _scale(self) -> float:
        assert self._x.quantization is not None
        return self._x.quantization.scale

    def _add(
        self, code: str, operands: Sequence[Tensor], values: Array, activation: str, **options: Any
    ) -> None:
        self._values = np.clip(values, *_CLIPS[activation])
        self._x = self._build.op(
            code, [self._x, *operands], (1, *values.shape[1:]), self._kind,
            self._quantization(activation), fused_activation_function=activation,
            **options,
        )  # fmt: skip

    def _keep(self, code: str, shape: Sequence[int], *operands: Tensor, **options: Any) -> None:
        inputs = [self._x, *operands]
        self._x = self._build.op(code, inputs, shape, self._kind, self._x.quantization, **options)


def _around_zero(values: Array) -> Quantization:
    return per_tensor(float(np.abs(values).max()) / 32767 or 1.0, 0)


def _quantization(values: Array, activation: str) -> Quantization:
    if activation == "RELU6":
        return per_tensor(_RELU6_SCALE, -128)
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    scale = (high - low) / 255 or 1.0
    return per_tensor(scale, int(np.clip(round(-128 - low / scale), -128, 127)))


def _geometry(stride: int, padding: str) -> dict[str, Any]:
    return {
        "padding": padding,
        "stride_h": stride,
        "stride_w": stride,
        "dilation_h_factor": 1,
        "dilation_w_factor": 1,
    }


def _windows(values: Array, kernel: tuple[int, int], stride: int, padding: str) -> Array:
    """[samples, out_height, out_width, kernel_height, kernel_width, channels]."""
    pads = []
    for size, taps in zip(values.shape[1:3], kernel, strict=True):
        count = window_size(size, taps, stride, 1, padding)
        total = max((count - 1) * stride + taps - size, 0)
        pads.append((total // 2, total - total // 2))
    padded = np.pad(values, [(0, 0), *pads, (0, 0)])
    views = np.lib.stride_tricks.sliding_window_view(padded, kernel, (1, 2))
    return np.moveaxis(views[:, ::stride, ::stride], 3, -1)
