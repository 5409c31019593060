"""Rewrites: what each does by hand, and that TFLM computes the same before and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinydeploy.errors import ModelError
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Quantization, Tensor, Type, per_tensor
from tinydeploy.graph.read_tflite import load
from tinydeploy.graph.verify import InconsistentGraphError, verify
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge
from tinydeploy.ops.work import macs
from tinydeploy.passes import (
    activations,
    constants,
    dead_channels,
    identities,
    optimise,
    pads,
    reshapes,
)

UNIT = per_tensor(1, 0)
_CONV = {"stride_w": 1, "stride_h": 1, "dilation_w_factor": 1, "dilation_h_factor": 1}


def evaluate(model: bytes, inputs: Sequence[Any]) -> list[Any] | None:
    try:
        return list(Judge(model).run(inputs))
    except (ModelError, RuntimeError, ValueError):
        return None


def _assert_same(before: bytes, model: Model, runs: int = 10) -> None:
    """TFLM gives the same for seeded random inputs, and not always the same."""
    verify(model)
    old, new = Judge(before), Judge(dump(model))
    rng = np.random.default_rng(7)
    seen = set()
    for _ in range(runs):
        inputs = [_random(tensor, rng) for tensor in load(before).main.inputs]
        results = old.run(inputs)
        for one, other in zip(results, new.run(inputs), strict=True):
            assert one.tobytes() == other.reshape(one.shape).tobytes()
        seen.add(b"".join(result.tobytes() for result in results))
    assert len(seen) > 1


def _random(tensor: Tensor, rng: np.random.Generator) -> Any:
    if tensor.type.is_float:
        return rng.normal(size=tensor.shape).astype(tensor.type.dtype)
    info = np.iinfo(tensor.type.dtype)
    base = rng.integers(info.min, info.max + 1, tensor.shape[-1:])  # so that averages differ too
    noise = rng.integers(info.min, info.max + 1, tensor.shape)
    return np.clip(base + noise // 2, info.min, info.max).astype(tensor.type.dtype)


def _codes(model: Model) -> list[str]:
    return [op.code for op in model.main.ops]


def _apply(run: Callable[..., int], model: Model) -> int:
    before = dump(model)
    made = run(model, evaluate)
    _assert_same(before, model)
    return made


# ---- constants ----


def test_constants_are_computed() -> None:
    """2 * 3 + 1 on constants becomes the constant 7, which is added to x."""
    build = Builder()
    x = build.input((1, 1), Type.FLOAT32)
    two, three, one = (build.constant(np.full((1, 1), n, np.float32)) for n in (2, 3, 1))
    six = build.op("MUL", [two, three], (1, 1), Type.FLOAT32)
    seven = build.op("ADD", [six, one], (1, 1), Type.FLOAT32)
    model = build.model(build.op("ADD", [x, seven], (1, 1), Type.FLOAT32))
    assert _apply(constants.run, model) == 2
    assert _codes(model) == ["ADD"]
    assert seven.data is not None
    assert seven.data.tolist() == [[7]]
    assert model.main.tensors == [x, seven, model.main.outputs[0]]


def test_a_constant_output_stays_an_output() -> None:
    build = Builder()
    x = build.input((1,), Type.FLOAT32)
    y = build.op("RELU", [x], (1,), Type.FLOAT32)
    three = build.op("ABS", [build.constant(np.full(1, -3, np.float32))], (1,), Type.FLOAT32)
    assert _apply(constants.run, build.model(y, three)) == 0


# ---- identities and reshapes ----


def test_identities_go() -> None:
    build = Builder()
    x = build.input((1, 4), Type.INT8, UNIT)
    a = build.op("RELU", [x], (1, 4), Type.INT8, UNIT)
    b = build.op(
        "RESHAPE", [a, build.constant(np.array([1, 4], np.int32))], (1, 4), Type.INT8, UNIT
    )
    c = build.op("QUANTIZE", [b], (1, 4), Type.INT8, UNIT)
    d = build.op("DEQUANTIZE", [c], (1, 4), Type.FLOAT32)
    e = build.op("QUANTIZE", [d], (1, 4), Type.INT8, UNIT)
    nothing = build.constant(np.zeros((2, 2), np.int32))
    f = build.op("PAD", [e, nothing], (1, 4), Type.INT8, UNIT)
    order = build.constant(np.array([0, 1], np.int32))
    g = build.op("TRANSPOSE", [f, order], (1, 4), Type.INT8, UNIT)
    model = build.model(build.op("RELU", [g], (1, 4), Type.INT8, UNIT))
    assert _apply(identities.run, model) == 5
    assert _codes(model) == ["RELU", "DEQUANTIZE", "RELU"]  # no one reads the DEQUANTIZE


def test_what_changes_numbers_stays() -> None:
    build = Builder()
    x = build.input((1, 4), Type.INT8, UNIT)
    a = build.op("QUANTIZE", [x], (1, 4), Type.INT8, per_tensor(2, 0))
    b = build.op("RESHAPE", [a, build.constant(np.array([4], np.int32))], (4,), Type.INT8, UNIT)
    assert _apply(identities.run, build.model(b)) == 0


def test_an_identity_between_input_and_output_stays() -> None:
    build = Builder()
    x = build.input((1, 4), Type.INT8, UNIT)
    model = build.model(build.op("QUANTIZE", [x], (1, 4), Type.INT8, UNIT))
    assert _apply(identities.run, model) == 0


def test_every_int8_comes_back_from_float() -> None:
    """The claim behind removing QUANTIZE of DEQUANTIZE, for many scales."""
    rng = np.random.default_rng(3)
    stored = np.arange(-128, 128).astype(np.float32)
    for _ in range(500):
        scale = np.float32(10 ** rng.uniform(-8, 8))
        zero = np.float32(rng.integers(-128, 128))
        real = (stored - zero) * scale
        again = np.round(real / scale) + zero
        assert np.array_equal(again, stored)


def test_reshapes_before_dense_go() -> None:
    build = Builder()
    x = build.input((1, 2, 2, 1), Type.INT8, UNIT)
    shapes = [build.constant(np.array(s, np.int32)) for s in ((2, 2), (1, 4))]
    a = build.op("RESHAPE", [x, shapes[0]], (2, 2), Type.INT8, UNIT)
    b = build.op("RESHAPE", [a, shapes[1]], (1, 4), Type.INT8, UNIT)
    w = build.constant(np.arange(8, dtype=np.int8).reshape(2, 4), quantization=UNIT)
    y = build.op("FULLY_CONNECTED", [b, w, None], (1, 2), Type.INT8, per_tensor(4, 0))
    model = build.model(y)
    assert _apply(reshapes.run, model) == 2
    assert _codes(model) == ["FULLY_CONNECTED"]


def test_a_reshape_that_is_an_output_stays() -> None:
    build = Builder()
    x = build.input((4,), Type.INT8, UNIT)
    shape = build.constant(np.array((1, 4), np.int32))
    model = build.model(build.op("RESHAPE", [x, shape], (1, 4), Type.INT8, UNIT))
    assert _apply(reshapes.run, model) == 0
    assert _codes(model) == ["RESHAPE"]


# ---- pads ----


def _padded(pad: list[list[int]], stride: int = 1, size: int = 6, kernel: int = 3) -> Model:
    """PAD, then a VALID convolution."""
    build = Builder()
    quantization = per_tensor(0.5, 5)
    x = build.input((1, size, size, 2), Type.INT8, quantization)
    amounts = build.constant(np.array(pad, np.int32))
    shape = tuple(n + a + b for n, (a, b) in zip(x.shape, pad, strict=True))
    a = build.op("PAD", [x, amounts], shape, Type.INT8, quantization)
    rng = np.random.default_rng(1)
    weights = rng.integers(-127, 128, (3, kernel, kernel, shape[3])).astype(np.int8)
    w = build.constant(weights, quantization=per_tensor(0.02, 0))
    out = [-(-(n - kernel + 1) // stride) for n in shape[1:3]]
    options = {**_CONV, "stride_w": stride, "stride_h": stride, "padding": "VALID"}
    y = build.op("CONV_2D", [a, w, None], (1, *out, 3), Type.INT8, per_tensor(1, 0), **options)
    return build.model(y)


@pytest.mark.parametrize(
    ("rows", "columns", "stride", "folds"),
    [
        ([1, 1], [1, 1], 1, 1),  # what SAME adds for 3x3
        ([0, 1], [0, 1], 2, 1),  # what SAME adds for 3x3 with stride 2 on an even size
        ([1, 1], [1, 1], 2, 0),  # Keras' ZeroPadding2D(1): SAME would shift by one
        ([1, 1], [2, 2], 1, 0),
        ([1, 0], [1, 1], 1, 0),
    ],
)
def test_pads(rows: list[int], columns: list[int], stride: int, folds: int) -> None:
    model = _padded([[0, 0], rows, columns, [0, 0]], stride)
    assert _apply(pads.run, model) == folds
    assert ("PAD" in _codes(model)) != bool(folds)


def test_padded_channels_stay() -> None:
    assert _apply(pads.run, _padded([[0, 0], [1, 1], [1, 1], [0, 1]])) == 0


# ---- activations ----


@pytest.mark.parametrize("code", ["RELU", "RELU6"])
@pytest.mark.parametrize(("after", "fused"), [(UNIT, 1), (per_tensor(2, 0), 0)])
def test_activations(code: str, after: Quantization, fused: int) -> None:
    build = Builder()
    x = build.input((1, 4), Type.INT8, UNIT)
    a = build.op("ADD", [x, x], (1, 4), Type.INT8, UNIT)
    model = build.model(build.op(code, [a], (1, 4), Type.INT8, after))
    assert _apply(activations.run, model) == fused
    assert len(model.main.ops) == 2 - fused
    if fused:
        assert model.main.ops[0].options["fused_activation_function"] == code


def test_activation_of_something_read_twice_stays() -> None:
    build = Builder()
    x = build.input((1, 4), Type.INT8, UNIT)
    a = build.op("ADD", [x, x], (1, 4), Type.INT8, UNIT)
    b = build.op("RELU", [a], (1, 4), Type.INT8, UNIT)
    assert (
        _apply(activations.run, build.model(build.op("ADD", [a, b], (1, 4), Type.INT8, UNIT))) == 0
    )


# ---- dead channels ----


def _two_convolutions(value: int, zero: int, kernel: int, padding: str) -> Model:
    """1x1 conv whose channel 0 is always `value`, then a conv that reads it."""
    build = Builder()
    x = build.input((1, 4, 4, 1), Type.INT8, UNIT)
    w = build.constant(np.array([0, 1], np.int8).reshape(2, 1, 1, 1), quantization=UNIT)
    bias = build.constant(np.array([value - zero, 0], np.int32), quantization=UNIT)
    options = {**_CONV, "padding": "SAME"}
    between = per_tensor(1, zero)
    a = build.op("CONV_2D", [x, w, bias], (1, 4, 4, 2), Type.INT8, between, **options)
    weights = np.arange(1, 2 * kernel * kernel + 1, dtype=np.int8).reshape(1, kernel, kernel, 2)
    v = build.constant(weights, quantization=UNIT)
    size = 4 if padding == "SAME" else 5 - kernel
    options = {**_CONV, "padding": padding}
    shape = (1, size, size, 1)
    y = build.op("CONV_2D", [a, v, None], shape, Type.INT8, per_tensor(32, 0), **options)
    return build.model(y)


@pytest.mark.parametrize(
    ("value", "zero", "kernel", "padding", "removed"),
    [
        (7, 0, 1, "SAME", 1),  # 1x1 sees no border
        (7, 0, 3, "VALID", 1),
        (7, 0, 3, "SAME", 0),  # at the border it would be 0 instead of 7
        (-3, -3, 3, "SAME", 1),  # it is real zero: the border looks the same
    ],
)
def test_dead_channel(value: int, zero: int, kernel: int, padding: str, removed: int) -> None:
    model = _two_convolutions(value, zero, kernel, padding)
    assert _apply(dead_channels.run, model) == removed
    assert model.main.ops[0].outputs[0].shape[-1] == 2 - removed


def test_its_value_goes_into_the_bias() -> None:
    """Channel 0 is always 7 and has the weight 1; the scales are 1."""
    model = _two_convolutions(7, 0, 1, "SAME")
    dead_channels.run(model, evaluate)
    bias = model.main.ops[1].operands[2]
    assert bias.data is not None
    assert bias.data.tolist() == [7]


def test_what_only_dead_channels_read_is_dead() -> None:
    """A depthwise channel with zero weights: the pointwise channel before it is for nothing."""
    build = Builder()
    x = build.input((1, 4, 4, 1), Type.INT8, UNIT)
    w = build.constant(np.array([2, 1], np.int8).reshape(2, 1, 1, 1), quantization=UNIT)
    options = {**_CONV, "padding": "SAME"}
    a = build.op("CONV_2D", [x, w, None], (1, 4, 4, 2), Type.INT8, UNIT, **options)
    taps = np.ones((1, 3, 3, 2), np.int8)
    taps[..., 0] = 0
    d = build.constant(taps, quantization=UNIT)
    bias = build.constant(np.array([0, 1], np.int32), quantization=UNIT)
    b = build.op(
        "DEPTHWISE_CONV_2D",
        [a, d, bias],
        (1, 4, 4, 2),
        Type.INT8,
        UNIT,
        depth_multiplier=1,
        **options,
    )
    v = build.constant(np.array([3, 4], np.int8).reshape(1, 1, 1, 2), quantization=UNIT)
    y = build.op("CONV_2D", [b, v, None], (1, 4, 4, 1), Type.INT8, per_tensor(64, 0), **options)
    model = build.model(y)
    assert _apply(dead_channels.run, model) == 2
    assert [t.shape[-1] for t in (a, b)] == [1, 1]


def test_a_channel_that_someone_else_needs_stays() -> None:
    model = _two_convolutions(7, 0, 1, "SAME")
    model.main.outputs.append(model.main.ops[0].outputs[0])
    assert _apply(dead_channels.run, model) == 0


class _Nets:
    """Seeded MobileNet-like networks with some all-zero channels."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.build = Builder()

    def made(self) -> Model:
        x = self.build.input((1, 24, 24, 3), Type.INT8, per_tensor(0.02, -3))
        y = self.conv(x, 8, 3, 2)
        for channels in (12, 16):
            y = self.conv(self.depthwise(y), channels, 1, 1)
        size, channels = y.shape[1], y.shape[3]
        window = {"filter_width": size, "filter_height": size, "stride_w": size, "stride_h": size}
        options = {**window, "padding": "VALID"}
        shape = (1, 1, 1, channels)
        y = self.build.op("AVERAGE_POOL_2D", [y], shape, Type.INT8, y.quantization, **options)
        flat = self.build.constant(np.array([1, channels], np.int32))
        y = self.build.op("RESHAPE", [y, flat], (1, channels), Type.INT8, y.quantization)
        w = self.build.constant(self.weights((5, channels)), quantization=per_tensor(0.004, 0))
        scale = self.result(y, channels)
        operands = [y, w, None]
        return self.build.model(
            self.build.op(
                "FULLY_CONNECTED", operands, (1, 5), Type.INT8, per_tensor(scale.scale, 3)
            )
        )

    def weights(self, shape: tuple[int, ...]) -> Any:
        return self.rng.integers(-127, 128, shape).astype(np.int8)

    def bias(self, count: int) -> Tensor:
        values = self.rng.integers(-3000, 3000, count).astype(np.int32)
        return self.build.constant(values, quantization=per_tensor(1e-4, 0))

    def scales(self, count: int, axis: int) -> Quantization:
        scales = self.rng.uniform(0.001, 0.01, count).astype(np.float32)
        return Quantization(scales, np.zeros(count, np.int64), axis)

    def result(self, x: Tensor, taps: int) -> Quantization:
        """Such that sums of `taps` random products fill the range without clipping much."""
        assert x.quantization is not None
        return per_tensor(x.quantization.scale * 0.0055 * 73 * taps**0.5, -128)

    def conv(self, x: Tensor, filters: int, kernel: int, stride: int) -> Tensor:
        weights = self.weights((filters, kernel, kernel, x.shape[3]))
        weights[self.rng.random(filters) < 0.25] = 0
        w = self.build.constant(weights, quantization=self.scales(filters, 0))
        size = -(-x.shape[1] // stride)
        activation = str(self.rng.choice(["NONE", "RELU6"]))
        options = {**_CONV, "stride_w": stride, "stride_h": stride, "padding": "SAME"}
        options["fused_activation_function"] = activation
        shape = (1, size, size, filters)
        operands = [x, w, self.bias(filters)]
        scale = self.result(x, kernel * kernel * x.shape[3])
        return self.build.op("CONV_2D", operands, shape, Type.INT8, scale, **options)

    def depthwise(self, x: Tensor) -> Tensor:
        channels = x.shape[3]
        weights = self.weights((1, 3, 3, channels))
        weights[..., self.rng.random(channels) < 0.25] = 0
        w = self.build.constant(weights, quantization=self.scales(channels, 3))
        padding = str(self.rng.choice(["SAME", "VALID"]))
        size = x.shape[1] - 2 * (padding == "VALID")
        options = {**_CONV, "padding": padding, "depth_multiplier": 1}
        options["fused_activation_function"] = "RELU"
        operands = [x, w, self.bias(channels)]
        shape = (1, size, size, channels)
        code = "DEPTHWISE_CONV_2D"
        return self.build.op(code, operands, shape, Type.INT8, self.result(x, 9), **options)


@pytest.mark.parametrize("seed", range(12))
def test_mobilenets_compute_the_same_with_less(seed: int) -> None:
    model = _Nets(seed).made()
    before = dump(model)
    made = optimise(model, evaluate)
    assert made["remove dead channels"] > 4
    assert macs(model) < 0.95 * macs(load(before))
    assert "RESHAPE" not in _codes(model)
    _assert_same(before, model)


def test_kws_has_no_dead_channels(kws: Path) -> None:
    before = kws.read_bytes()
    model = load(before)
    made = optimise(model, evaluate)
    assert made["remove dead channels"] == 0
    assert made["remove reshapes"] == 1
    assert macs(model) == 2_656_768
    _assert_same(before, model)


# ---- verify ----


def test_verify_finds_a_read_before_the_write() -> None:
    build = Builder()
    x = build.input((1,), Type.FLOAT32)
    y = build.op("RELU", [x], (1,), Type.FLOAT32)
    model = build.model(build.op("RELU", [y], (1,), Type.FLOAT32))
    model.main.ops.reverse()
    with pytest.raises(InconsistentGraphError, match="nothing has written"):
        verify(model)


def test_verify_finds_strangers() -> None:
    build = Builder()
    x = build.input((1,), Type.FLOAT32)
    model = build.model(build.op("RELU", [x], (1,), Type.FLOAT32))
    model.main.ops[0].inputs = [Tensor("stranger", Type.FLOAT32, (1,))]
    with pytest.raises(InconsistentGraphError, match="stranger"):
        verify(model)
