"""Cycles of single operators on the modelled core, a bound each; no clock is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.versus import corpus
from tinydeploy.versus.measure import Comparison, Row

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


# Model, elements or multiply-accumulates, most cycles for each (before: 340-450, 41, 28, 22).
MODELS = {
    "quantize": (quantize, 500, 50),
    "one channel": (one_channel, 12 * 12 * 8 * 9, 18),
    "slice of floats": (slices, 18 * 18 * 4, 8),
    "pad of int16": (padding, 22 * 22 * 4, 9),
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    folder: Path = tmp_path_factory.mktemp("ops")
    for name, (make, _, _) in MODELS.items():
        (folder / f"{name}.tflite").write_bytes(dump(make()))
    comparison = Comparison()
    found = list(comparison.run(corpus.files("ops", folder)))
    comparison.close()
    return {row.name: row for row in found if isinstance(row, Row)}


@pytest.mark.parametrize("name", MODELS)
def test_cycles_of_an_operator(rows: dict[str, Row], name: str) -> None:
    _, count, most = MODELS[name]
    row = rows[name]
    assert not row.wrong
    assert (row.compiled_cycles or 0) / count < most
    assert (row.compiled_arena or 0) <= row.interpreter_arena
