"""Layers of which some channels are none for the fast kernels: what they cost then.

One operator each, with every bound of `lower.packing.exactness` missed in turn by one channel, a
quarter of them, or all. A large tensor that is gone before leaves the kernel room for its scratch,
as the layers around it do in a network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tinydeploy.fuzz.cases import Case
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Array, Model, Quantization, Tensor, Type, per_tensor
from tinydeploy.graph.write_tflite import dump

GROUP = "hard layers"
SHARES = ("one channel", "a quarter", "all")
KINDS = ("scale", "-128", "sums", "wraps")  # the last: TFLM's own sums leave int32
_ROOM_BYTES, _RUNS = 16_384, 2
_INPUT, _OUTPUT = (0.02, -5), (0.05, -64)
_USUAL_SCALE = 0.004


@dataclass(frozen=True)
class Layer:
    """Shapes of an operator.

    Attributes:
        image: height, width.
        weights: [out, height, width, depth], [height, width, out] (depthwise), or [out, depth].
    """

    code: str
    name: str
    image: tuple[int, int]
    weights: tuple[int, ...]

    @property
    def channels(self) -> int:
        """Of the output."""
        return self.weights[-1 if self.code == "DEPTHWISE_CONV_2D" else 0]

    @property
    def depth(self) -> int:
        """Channels of the input."""
        return self.weights[-1]


LAYERS = (
    Layer("CONV_2D", "convolution 3x3 16 -> 16", (10, 10), (16, 3, 3, 16)),
    Layer("CONV_2D", "convolution 1x1 32 -> 32", (10, 10), (32, 1, 1, 32)),
    Layer("CONV_2D", "convolution 3x3 3 -> 16", (20, 20), (16, 3, 3, 3)),
    Layer("CONV_2D", "convolution 3x3 1 -> 8", (20, 20), (8, 3, 3, 1)),
    Layer("DEPTHWISE_CONV_2D", "depthwise 3x3 16", (10, 10), (3, 3, 16)),
    Layer("DEPTHWISE_CONV_2D", "depthwise 5x5 16", (10, 10), (5, 5, 16)),
    Layer("DEPTHWISE_CONV_2D", "depthwise 3x1 16", (40, 1), (3, 1, 16)),
    Layer("FULLY_CONNECTED", "fully connected 256 -> 64", (1, 1), (64, 256)),
    Layer("FULLY_CONNECTED", "fully connected 2880 -> 12", (1, 1), (12, 2880)),
)


def cases() -> Iterator[Case]:
    """One of each layer, kind and share; the label is these three."""
    for layer in LAYERS:
        for kind in KINDS:
            for share in SHARES:
                name = ", ".join((layer.name, kind, share))
                model = _model(layer, kind, share)
                yield Case(0, name, name, model, dump(model), _inputs(model))


def table(ratios: Mapping[str, float]) -> str:
    """Cycles by the interpreter's, a line a layer, a column a kind: one channel, a quarter, all."""
    lines = [f"| | {' | '.join(KINDS)} |", "|---|" + "---:|" * len(KINDS)]
    for layer in LAYERS:
        cells = [
            ", ".join(f"{ratios[', '.join((layer.name, kind, share))]:.2f}" for share in SHARES)
            for kind in KINDS
        ]
        lines.append(f"| {layer.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _model(layer: Layer, kind: str, share: str) -> Model:
    build, rng = Builder(), np.random.default_rng(list(f"{layer.name} {kind} {share}".encode()))
    weights = rng.integers(-127, 128, layer.weights).astype(np.int8)
    scales = np.full(layer.channels, _USUAL_SCALE)
    bias = rng.integers(-500, 500, layer.channels)
    _spoil(kind, _chosen(share, layer.channels), weights, scales, bias)
    dense = layer.code == "FULLY_CONNECTED"
    sides = () if dense else layer.image
    room = build.input((1, _ROOM_BYTES), Type.INT8, per_tensor(*_INPUT))
    bounds = [build.constant(np.array(values, np.int32)) for values in ([0, 0], [1, 4])]
    kept = build.op("SLICE", [room, *bounds], (1, 4), Type.INT8, per_tensor(*_INPUT))
    x = build.input((1, *sides, layer.depth), Type.INT8, per_tensor(*_INPUT))
    depthwise = layer.code == "DEPTHWISE_CONV_2D"
    filters = _scaled(build, weights[None] if depthwise else weights, scales, 3 if depthwise else 0)
    start = _scaled(build, bias.astype(np.int32), scales * _INPUT[0], 0)
    y = build.op(
        layer.code, [x, filters, start], (1, *sides, layer.channels), Type.INT8,
        per_tensor(*_OUTPUT), **_options(layer),
    )  # fmt: skip
    return build.model(y, kept)


def _chosen(share: str, channels: int) -> Array:
    """Every other one, from the second on: where two share a lane that is the one that suffers."""
    if share == "all":
        return np.arange(channels)
    return np.arange(1, channels, 2)[: 1 if share == "one channel" else channels // 4]


def _spoil(kind: str, chosen: Array, weights: Array, scales: Array, bias: Array) -> None:
    """Let `chosen` channels miss a bound."""
    by_channel = weights if len(weights) == len(scales) else np.moveaxis(weights, -1, 0)
    if kind == "scale":
        scales[chosen] = 3.0
    elif kind == "-128":
        by_channel[chosen] = -128
    elif kind == "sums":
        bias[chosen], scales[chosen] = 9_000_000, 2e-5
    else:
        bias[chosen], scales[chosen] = 1 << 29, 40.0


def _scaled(build: Builder, values: Array, scales: Array, axis: int) -> Tensor:
    zeros = np.zeros(len(scales), np.int64)
    return build.constant(values, quantization=Quantization(scales.astype(np.float32), zeros, axis))


def _options(layer: Layer) -> dict[str, object]:
    found: dict[str, object] = {"fused_activation_function": "NONE"}
    if layer.code == "FULLY_CONNECTED":
        return found | {"keep_num_dims": False}
    if layer.code == "DEPTHWISE_CONV_2D":
        found["depth_multiplier"] = 1
    ones = dict.fromkeys(("stride_w", "stride_h", "dilation_w_factor", "dilation_h_factor"), 1)
    return found | {"padding": "SAME"} | ones


def _inputs(model: Model) -> list[list[Array]]:
    rng = np.random.default_rng(1)
    shapes = [tensor.shape for tensor in model.main.inputs]
    return [[rng.integers(-128, 128, s).astype(np.int8) for s in shapes] for _ in range(_RUNS)]
