"""Too large: the hint names what would help with this model on this board."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tinydeploy import boards
from tinydeploy.bench.network import Network
from tinydeploy.errors import ModelTooLargeError
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.lower.compile_options import Choices
from tinydeploy.stages import remedies
from tinydeploy.stages.inspect import inspect, to_html, to_text

NANO = boards.load("nano33")


def _file(model: Model, folder: Path) -> Path:
    path = folder / "model.tflite"
    path.write_bytes(dump(model))
    return path


def _hint(path: Path, memory: str, engine: str = "auto") -> str:
    return remedies.hint(path, NANO, engine, Choices(), memory)


def wide_image() -> Model:
    """Activations of more than 262,144 bytes at once, which bands of rows avoid."""
    net = Network((1, 128, 128, 3), 1 / 255, -128, 1)
    for channels in (12, 14):
        net.conv(channels, 3, 1, "RELU")
    net.conv(8, 3, 2, "RELU")
    net.average_pool(64)
    net.reshape((1, 8))
    net.dense(2)
    return net.model()


def wide(kind: Type, size: int) -> Model:
    build = Builder()
    scale = None if kind.is_float else per_tensor(0.1, 0)
    x = build.input((1, size), kind, scale)
    weights = build.constant(
        np.ones((2, size), kind.dtype), quantization=None if kind.is_float else per_tensor(0.1, 0)
    )
    y = build.op("FULLY_CONNECTED", [x, weights, None], (1, 2), kind, scale)
    return build.model(y)


def heavy(rows: int) -> Model:
    build = Builder()
    x = build.input((1, 1000), Type.INT8, per_tensor(0.1, 0))
    values = np.random.default_rng(1).integers(-9, 9, (rows, 1000)).astype(np.int8)
    weights = build.constant(values, quantization=per_tensor(0.01, 0))
    inputs = [x, weights, None]
    return build.model(
        build.op("FULLY_CONNECTED", inputs, (1, rows), Type.INT8, per_tensor(0.5, 0))
    )


def test_bands_help(tmp_path: Path) -> None:
    path = _file(wide_image(), tmp_path)
    found = _hint(path, remedies.RAM)
    assert "`--patch auto` would need about" in found
    assert "--board sparkfun_edge" not in found or "393,216" in found
    (fit,) = inspect(path, NANO).boards
    assert not fit.fits
    assert fit.remedy == found
    assert "`--patch auto`" in to_text(inspect(path, NANO))
    assert "`--patch auto`" in to_html(inspect(path, NANO))


def test_bands_that_were_tried_are_not_offered(tmp_path: Path) -> None:
    path = _file(wide_image(), tmp_path)
    found = remedies.hint(path, NANO, "auto", Choices(patch="auto"), remedies.RAM)
    assert "--patch" not in found


def test_float_becomes_int8(tmp_path: Path) -> None:
    found = _hint(_file(wide(Type.FLOAT32, 70_000), tmp_path), remedies.RAM)
    assert "convert it to int8" in found
    assert "sparkfun_edge` has 393,216 bytes of RAM" in found


def test_the_other_board(tmp_path: Path) -> None:
    found = _hint(_file(heavy(900), tmp_path), remedies.FLASH)
    assert "`--board sparkfun_edge` has 991,232 bytes of flash" in found
    assert "int8" not in found


def test_nothing_here_helps(tmp_path: Path) -> None:
    found = _hint(_file(heavy(1100), tmp_path), remedies.FLASH)
    assert found == "take smaller layers or inputs; `tinydeploy inspect` shows the largest"


def test_the_other_engine(tmp_path: Path) -> None:
    """Bands are of the compiled engine."""
    path = _file(wide_image(), tmp_path)
    assert "`--engine compiled --patch auto`" in _hint(path, remedies.RAM, "interpreter")


def test_an_error_gets_the_hint(tmp_path: Path) -> None:
    path = _file(heavy(1100), tmp_path)
    with (
        pytest.raises(ModelTooLargeError, match="too much") as caught,
        remedies.offered(path, NANO, "auto", Choices()),
    ):
        raise ModelTooLargeError("too much", "", remedies.FLASH)
    assert "smaller layers" in caught.value.hint
