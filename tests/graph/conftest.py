"""Models small enough to check by hand, and the shared one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tinydeploy.boards import Board
from tinydeploy.config import ROOT
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Type, per_tensor
from tinydeploy.graph.write_tflite import dump

KWS = ROOT.parent / "shared/data/mlperf_tiny/kws_ref_model.tflite"


@pytest.fixture
def dense() -> Model:
    """y = [x0 + 2 x1, 3 x1 - x0 + 1] in real numbers: all scales are 1, all zero points 0."""
    build = Builder()
    x = build.input((1, 2), Type.INT8, per_tensor(1, 0))
    w = build.constant(np.array([[1, 2], [-1, 3]], np.int8), quantization=per_tensor(1, 0))
    b = build.constant(np.array([0, 1], np.int32), quantization=per_tensor(1, 0))
    y = build.op("FULLY_CONNECTED", [x, w, b], (1, 2), Type.INT8, per_tensor(1, 0))
    return build.model(y)


@pytest.fixture
def dense_bytes(dense: Model) -> bytes:
    return dump(dense)


@pytest.fixture
def dense_file(dense_bytes: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "dense.tflite"
    path.write_bytes(dense_bytes)
    return path


@pytest.fixture(scope="session")
def kws() -> Path:
    if not KWS.is_file():
        pytest.skip(f"{KWS} is not here")
    return KWS


@pytest.fixture
def small_board() -> Board:
    """A board with 100 bytes of flash."""
    return Board(
        id="small",
        name="Small board",
        chip="small",
        cpu_hz=1_000_000,
        flash_origin=0,
        flash_size=100,
        ram_origin=0,
        ram_size=100,
        baud=9600,
        flasher="",
        simulator="",
        picojoule_per_cycle=0.0,
        energy_source="",
        manifest={},
    )
