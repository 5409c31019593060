"""`inspect`: facts by hand, problems and findings on models made to have them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tinydeploy import boards, sources
from tinydeploy.bench import subjects
from tinydeploy.config import ROOT
from tinydeploy.errors import ModelFileError, UsageError
from tinydeploy.graph import read_tflite
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Quantization, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.ops import cost
from tinydeploy.stages.inspect import inspect, to_html, to_json, to_text
from tinydeploy.stages.inspect.lint import lint
from tinydeploy.stages.inspect.render import sparkline
from tinydeploy.ui import Ui

UNIT = per_tensor(1, 0)


def test_dense(dense_file: Path) -> None:
    found = inspect(dense_file)
    assert found.runs
    assert found.macs == 4
    assert found.parameters == 6
    (row,) = found.ops
    assert (row.op, row.types, row.output_shape) == ("FULLY_CONNECTED", "int8 x int8", (1, 2))
    assert row.weight_bytes == 4 + 8
    assert row.live_bytes == 32  # two tensors of 2 bytes, 16 each
    assert found.arena.planned_bytes == found.arena.lower_bound_bytes == 32
    assert [(t.kind, t.size_bytes) for t in found.largest][:2] == [("weights", 8), ("weights", 4)]


def test_kws(kws: Path) -> None:
    found = inspect(kws, "nano33")
    assert found.macs == 2_656_768
    assert found.arena.planned_bytes == 16_000
    assert [(c.op, c.count) for c in found.counts][:2] == [("CONV_2D", 5), ("DEPTHWISE_CONV_2D", 4)]
    (fit,) = found.boards
    assert fit.board == "nano33"
    assert fit.fits
    assert fit.milliseconds == pytest.approx(1e3 * fit.cycles / 64e6)
    assert not found.findings


def test_without_a_board_all_boards(dense_file: Path) -> None:
    with_chip = [name for name in boards.names() if name != "host"]
    assert [fit.board for fit in inspect(dense_file).boards] == with_chip


def test_unknown_board(dense_file: Path) -> None:
    with pytest.raises(UsageError, match="nano34") as caught:
        inspect(dense_file, "nano34")
    assert "nano33" in caught.value.hint


def test_damaged(dense_file: Path) -> None:
    dense_file.write_bytes(dense_file.read_bytes()[:300])
    with pytest.raises(ModelFileError):
        inspect(dense_file)


def _tiled() -> Model:
    build = Builder()
    x = build.input((1, 2), Type.INT8, UNIT)
    times = build.constant(np.array([1, 2], np.int32))
    return build.model(build.op("TILE", [x, times], (1, 4), Type.INT8, UNIT))


def _file(model: Model, folder: Path) -> Path:
    path = folder / "model.tflite"
    path.write_bytes(dump(model))
    return path


def test_problems_are_shown_everywhere(tmp_path: Path) -> None:
    found = inspect(_file(_tiled(), tmp_path))
    assert not found.runs
    assert not found.ops[0].runs
    for shown in (to_text(found), to_html(found), to_json(found)):
        assert "TILE" in shown
        assert "Conv2DTranspose" in shown
    assert "does not run" in to_text(found)
    assert json.loads(to_json(found))["runs"] is False


def test_json_has_the_facts(dense_file: Path) -> None:
    data = json.loads(to_json(inspect(dense_file)))
    assert data["macs"] == 4
    assert data["arena"]["planned_bytes"] == 32
    assert data["ops"][0]["op"] == "FULLY_CONNECTED"
    assert data["boards"][0]["board"] == "nano33"


def test_html_is_escaped_and_needs_nothing(tmp_path: Path) -> None:
    build = Builder()
    x = build.input((1, 2), Type.FLOAT32)
    x.name = "<script>alert(1)</script>"
    page = to_html(
        inspect(_file(build.model(build.op("RELU", [x], (1, 2), Type.FLOAT32)), tmp_path))
    )
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


@pytest.mark.parametrize(
    ("values", "line"), [([0, 4, 8], " ▄█"), ([1, 100], "▁█"), ([], ""), ([0], " ")]
)
def test_sparkline(values: list[int], line: str) -> None:
    assert sparkline(values) == line


def _rules(model: Model) -> set[str]:
    return {finding.rule for finding in lint(model)}


def _conv(weights: np.ndarray, quantization: Quantization) -> Model:
    build = Builder()
    x = build.input((1, 4, 4, weights.shape[3]), Type.INT8, UNIT)
    w = build.constant(weights, quantization=quantization)
    shape = (1, 4, 4, weights.shape[0])
    conv = build.op("CONV_2D", [x, w, None], shape, Type.INT8, UNIT, padding="SAME")
    return build.model(conv)


def _ones(filters: int) -> np.ndarray:
    return np.ones((filters, 3, 3, 4), np.int8)


def _per_channel(filters: int) -> Quantization:
    return Quantization(np.ones(filters, np.float32), np.zeros(filters, np.int64), axis=0)


def _saturated() -> Model:
    return _conv(np.full((2, 3, 3, 4), 127, np.int8), _per_channel(2))


def _dead() -> Model:
    weights = _ones(3)
    weights[1] = 0
    return _conv(weights, _per_channel(3))


def _float_in_the_middle(ends: Type = Type.INT8) -> Model:
    build = Builder()
    x = build.input((1, 4), ends, UNIT if ends is Type.INT8 else None)
    a = build.op("QUANTIZE", [x], (1, 4), Type.INT8, UNIT)
    b = build.op("DEQUANTIZE", [a], (1, 4), Type.FLOAT32)
    c = build.op("EXP", [b], (1, 4), Type.FLOAT32)
    d = build.op("QUANTIZE", [c], (1, 4), Type.INT8, UNIT)
    return build.model(d)


def _one(code: str, kind: Type, before: Quantization | None, after: Quantization | None) -> Model:
    build = Builder()
    x = build.input((1, 2, 2, 1), kind, before)
    return build.model(build.op(code, [x], (1, 2, 2, 1), kind, after))


def _open(*sizes: int) -> Model:
    model = _one("RELU", Type.INT8, UNIT, UNIT)
    model.main.inputs[0].shape_signature = sizes
    return model


@pytest.mark.parametrize(
    ("rule", "bad", "good"),
    [
        (
            "per-tensor-weights",
            lambda: _conv(_ones(2), UNIT),
            lambda: _conv(_ones(2), _per_channel(2)),
        ),
        ("saturated-weights", _saturated, lambda: _conv(_ones(2), _per_channel(2))),
        ("dead-channels", _dead, lambda: _conv(_ones(3), _per_channel(3))),
        ("float-island", _float_in_the_middle, lambda: _one("RELU", Type.INT8, UNIT, UNIT)),
        ("float-io", lambda: _float_in_the_middle(Type.FLOAT32), _float_in_the_middle),
        (
            "float-model",
            lambda: _one("RELU", Type.FLOAT32, None, None),
            lambda: _one("RELU", Type.INT8, UNIT, UNIT),
        ),
        (
            "degenerate-range",
            lambda: _one("RELU", Type.INT8, UNIT, per_tensor(1e-10, 0)),
            lambda: _one("RELU", Type.INT8, UNIT, UNIT),
        ),
        (
            "degenerate-range",
            lambda: _one("RELU", Type.INT8, UNIT, per_tensor(0, 0)),
            lambda: _one("RELU", Type.INT8, UNIT, UNIT),
        ),
        (
            "int16-zero-point",
            lambda: _one("RELU", Type.INT16, UNIT, per_tensor(1, 3)),
            lambda: _one("RELU", Type.INT16, UNIT, UNIT),
        ),
        (
            "int16-operator",
            lambda: _one("RESIZE_BILINEAR", Type.INT16, UNIT, UNIT),
            lambda: _one("RESIZE_BILINEAR", Type.INT8, UNIT, UNIT),
        ),
        (
            "relu6-alone",
            lambda: _one("RELU6", Type.INT8, UNIT, per_tensor(0.5, 0)),
            lambda: _one("RELU6", Type.INT8, UNIT, UNIT),
        ),
        ("open-shape", lambda: _open(-1, -1, 2, 1), lambda: _open(-1, 2, 2, 1)),
    ],
)
def test_lint(rule: str, bad: Callable[[], Model], good: Callable[[], Model]) -> None:
    assert rule in _rules(bad())
    assert rule not in _rules(good())


def test_starts_without_tensorflow(dense_file: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom tinydeploy.stages import inspect\n"
        "print(inspect.to_text(inspect.inspect(Path(sys.argv[1]))))\n"
        "heavy = {'tensorflow', 'keras', 'unicorn'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    command = [sys.executable, "-c", program, str(dense_file)]
    environment = {"PYTHONPATH": str(ROOT / "scripts"), "PATH": ""}
    subprocess.run(command, check=True, capture_output=True, env=environment)


BENCH = {
    (row["model"], row["engine"]): row
    for row in json.loads((ROOT / "docs" / "bench.json").read_text())
    if row["board"] == "nano33" and row.get("optimize", "balanced") == "balanced"
}


@pytest.mark.parametrize("name", sorted({name for name, _ in BENCH}))
def test_estimates_are_near_what_was_measured(name: str, tmp_path: Path) -> None:
    """The bench's figures, which CI keeps current."""
    subject = subjects.find(name)
    if name in subjects.REAL and subjects.real_file(name) is None:
        pytest.skip(f"{name} is not here")
    source = sources.resolve(subject.model, subject.variant, False, None, Ui(quiet=True))
    (fit,) = inspect(source.tflite, "nano33").boards
    model = read_tflite.load(source.tflite)
    interpreted = sum(map(cost.cycles, model.ops)), cost.flash_bytes(model)
    for engine, (cycles, flash_bytes) in {
        "compiled": (fit.cycles, fit.flash_bytes),
        "interpreter": interpreted,
    }.items():
        if (name, engine) not in BENCH:
            continue
        row = BENCH[name, engine]
        assert cycles == pytest.approx(row["cycles"], rel=0.25), engine
        assert flash_bytes == pytest.approx(row["flash_bytes"], rel=0.15), engine


@pytest.mark.parametrize("name", ["mobilenet_v2_int8", "gru_int8", "text_int8"])
def test_one_clock_in_one_page(name: str) -> None:
    """The operators' cycles are those of the engine that the board's are of, and add up to them."""
    found = inspect(ROOT / "tests/e2e/zoo" / f"{name}.tflite")
    assert found.arena.compiled_bytes is not None
    assert {fit.cycles for fit in found.boards} == {sum(row.cycles for row in found.ops)}
    for shown in (to_text(found), to_html(found)):
        assert "cycles are estimates, compiled engine" in shown
        assert "interpreter engine" not in shown


def test_cycles_of_an_interpreted_model_are_the_interpreters(tmp_path: Path) -> None:
    build = Builder()
    x = build.input((1, 4), Type.INT8, UNIT)
    y = build.op("CIRCULAR_BUFFER", [x], (1, 4), Type.INT8, UNIT)
    found = inspect(_file(build.model(y), tmp_path), "nano33")
    if found.runs:
        assert found.arena.compiled_bytes is None
        assert found.boards[0].cycles == sum(row.cycles for row in found.ops)
        assert "interpreter engine" in to_text(found)
