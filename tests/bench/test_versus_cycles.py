"""Cycles of single operators on the modelled core, a bound each; no clock is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Quantization, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.versus import corpus, hard
from tinydeploy.versus.measure import Comparison, EngineRow

MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
F32 = Type.FLOAT32


def quantize() -> Model:
    build = Builder()
    x = build.input((1, 500), F32)
    return build.model(build.op("QUANTIZE", [x], (1, 500), Type.INT8, per_tensor(0.05, 3)))


def one_channel() -> Model:
    build, rng = Builder(), np.random.default_rng(1)
    x = build.input((1, 12, 12, 1), F32)
    w = build.constant(rng.normal(0, 1, (8, 3, 3, 1)).astype(np.float32))
    b = build.constant(np.zeros(8, np.float32))
    y = build.op(
        "CONV_2D", [x, w, b], (1, 12, 12, 8), F32, padding="SAME", stride_h=1, stride_w=1,
        dilation_h_factor=1, dilation_w_factor=1, fused_activation_function="NONE",
    )  # fmt: skip
    return build.model(y)


def three_channels() -> Model:
    build, rng = Builder(), np.random.default_rng(1)
    x = build.input((1, 12, 12, 3), F32)
    w = build.constant(rng.normal(0, 1, (1, 3, 3, 3)).astype(np.float32))
    b = build.constant(np.zeros(3, np.float32))
    y = build.op(
        "DEPTHWISE_CONV_2D", [x, w, b], (1, 12, 12, 3), F32, padding="SAME", stride_h=1, stride_w=1,
        dilation_h_factor=1, dilation_w_factor=1, depth_multiplier=1,
        fused_activation_function="NONE",
    )  # fmt: skip
    return build.model(y)


def average(kernel: tuple[int, int]) -> Model:
    build = Builder()
    x = build.input((1, 24, 20, 16), Type.INT8, per_tensor(0.05, 3))
    y = build.op(
        "AVERAGE_POOL_2D", [x], (1, 24 // kernel[0], 20 // kernel[1], 16), Type.INT8,
        per_tensor(0.05, 3), padding="VALID", stride_h=kernel[0], stride_w=kernel[1],
        filter_height=kernel[0], filter_width=kernel[1], fused_activation_function="NONE",
    )  # fmt: skip
    return build.model(y)


def from_one_channel() -> Model:
    build, rng = Builder(), np.random.default_rng(1)
    x = build.input((1, 40, 40, 1), Type.INT8, per_tensor(0.02, -5))
    scales = Quantization(np.full(16, 0.01, np.float32), np.zeros(16, np.int64), 0)
    w = build.constant(rng.integers(-127, 128, (16, 1, 1, 1)).astype(np.int8), quantization=scales)
    b = build.constant(np.zeros(16, np.int32), quantization=scales)
    y = build.op(
        "CONV_2D", [x, w, b], (1, 40, 40, 16), Type.INT8, per_tensor(0.05, 3), padding="SAME",
        stride_h=1, stride_w=1, dilation_h_factor=1, dilation_w_factor=1,
        fused_activation_function="NONE",
    )  # fmt: skip
    return build.model(y)


def over_time(taps: int, stride: int) -> Model:
    """int8 with an offset, so that both signs of a sum count."""
    build, rng = Builder(), np.random.default_rng(taps)
    x = build.input((1, 49, 1, 40), Type.INT8, per_tensor(0.02, -5))
    scales = Quantization(np.full(40, 0.004, np.float32), np.zeros(40, np.int64), 3)
    weights = rng.integers(-127, 128, (1, taps, 1, 40)).astype(np.int8)
    w = build.constant(weights, quantization=scales)
    b = build.constant(np.zeros(40, np.int32), quantization=replace(scales, axis=0))
    y = build.op(
        "DEPTHWISE_CONV_2D", [x, w, b], (1, -(-49 // stride), 1, 40), Type.INT8,
        per_tensor(0.05, 3), padding="SAME", stride_h=stride, stride_w=stride,
        dilation_h_factor=1, dilation_w_factor=1, depth_multiplier=1,
        fused_activation_function="NONE",
    )  # fmt: skip
    return build.model(y)


def slices() -> Model:
    build = Builder()
    x = build.input((1, 20, 20, 4), F32)
    bounds = (build.constant(np.array(v, np.int32)) for v in ([0, 1, 1, 0], [1, 18, 18, 4]))
    return build.model(build.op("SLICE", [x, *bounds], (1, 18, 18, 4), F32))


def padding() -> Model:
    build = Builder()
    x = build.input((1, 20, 20, 4), Type.INT16, per_tensor(0.05, 0))
    borders = build.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    y = build.op("PAD", [x, borders], (1, 22, 22, 4), Type.INT16, per_tensor(0.05, 0))
    return build.model(y)


# Model, elements or multiply-accumulates, most cycles for each (before: 340-450, 41, 28, 22; 38;
# 37, 42; 17; 6.0, 5.5, 3.7; 38, 28, 22).
MODELS: dict[str, tuple[Callable[[], Model], int, float]] = {
    "quantize": (quantize, 500, 50),
    "one channel": (one_channel, 12 * 12 * 8 * 9, 18),
    "slice of floats": (slices, 18 * 18 * 4, 8),
    "pad of int16": (padding, 22 * 22 * 4, 9),
    "depthwise of three channels": (three_channels, 12 * 12 * 3 * 9, 20),
    "mean of two": (partial(average, (2, 1)), 12 * 20 * 16, 12),
    "mean of four": (partial(average, (2, 2)), 12 * 10 * 16, 18),
    "1x1 from one channel": (from_one_channel, 40 * 40 * 16, 6.5),
    "three taps": (partial(over_time, 3, 1), 49 * 40 * 3, 4.3),
    "five taps": (partial(over_time, 5, 1), 49 * 40 * 5, 3.6),
    "nine taps": (partial(over_time, 9, 1), 49 * 40 * 9, 2.9),
    "three taps, every other": (partial(over_time, 3, 2), 25 * 40 * 3, 6),
    "five taps, every other": (partial(over_time, 5, 2), 25 * 40 * 5, 5.1),
    "nine taps, every other": (partial(over_time, 9, 2), 25 * 40 * 9, 4.1),
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, EngineRow]:
    folder: Path = tmp_path_factory.mktemp("ops")
    for name, (make, _, _) in MODELS.items():
        (folder / f"{name}.tflite").write_bytes(dump(make()))
    comparison = Comparison()
    found = list(comparison.run(corpus.files("ops", folder)))
    comparison.close()
    return {row.name: row for row in found if isinstance(row, EngineRow)}


def test_layers_with_hard_channels_cost_no_more_than_interpreted() -> None:
    """A layer of each operator and a share of each kind; all of them are in docs/engines.md."""
    kinds = {f"{layer.code} {kind}": (layer, kind) for layer in hard.LAYERS for kind in hard.KINDS}
    wanted = {
        ", ".join((layer.name, kind, hard.SHARES[number % 3]))
        for number, (layer, kind) in enumerate(kinds.values())
    }
    comparison = Comparison()
    subjects = [subject for subject in corpus.hard_layers() if subject.name in wanted]
    rows = [row for row in comparison.run(subjects) if isinstance(row, EngineRow)]
    comparison.close()
    assert len(rows) == len(kinds) == 3 * len(hard.KINDS)
    assert not [(row.name, row.faults) for row in rows if row.faults]


@pytest.mark.parametrize("name", MODELS)
def test_cycles_of_an_operator(rows: dict[str, EngineRow], name: str) -> None:
    _, count, most = MODELS[name]
    row = rows[name]
    assert not row.wrong
    assert (row.compiled_cycles or 0) / count < most
    assert (row.compiled_arena or 0) <= row.interpreter_arena
