"""model.h and model.cc: the same bytes come back, TFLM takes them, C++ compiles them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tinydeploy.boards import Board
from tinydeploy.config import FIRMWARE_DIR
from tinydeploy.errors import ModelFileError, ModelTooLargeError, UnsupportedModelError
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge
from tinydeploy.stages.compile import Program, c_type, compile_model


def _compile(tflite: Path, out: Path, board: Board | None = None) -> Program:
    return compile_model(tflite, board, out, name="dense", arena_bytes=1024, tflm_arena_bytes=2048)


def _array(source: str) -> bytes:
    body = source.split("g_model[] = {")[1].split("};")[0]
    return bytes(int(number, 16) for number in re.findall(r"0x([0-9a-f]{2})", body))


def test_bytes_come_back_and_tflm_takes_them(dense_file: Path, tmp_path: Path) -> None:
    program = _compile(dense_file, tmp_path / "out")
    data = _array(program.source.read_text())
    assert data == dense_file.read_bytes()
    assert f"g_model_len = {len(data)};" in program.source.read_text()
    (y,) = Judge(data).run([np.array([[5, 7]], np.int8)])
    assert y.tolist() == [[19, 17]]


def test_program_says_what_is_inside(dense_file: Path, tmp_path: Path) -> None:
    program = _compile(dense_file, tmp_path / "out")
    assert program.ops == ("FULLY_CONNECTED",)
    assert program.macs == 4
    (x,) = program.inputs
    assert (x.shape, x.dtype, x.scale, x.zero_point) == ((1, 2), "int8", 1.0, 0)
    assert x.size == 2


def test_header(dense_file: Path, tmp_path: Path) -> None:
    text = _compile(dense_file, tmp_path / "out").header.read_text()
    assert "constexpr int kArenaBytes = 1024;" in text
    assert "constexpr int kTflmArenaBytes = 2048;" in text
    assert "constexpr int kOpCount = 1;" in text
    assert "resolver.AddFullyConnected()" in text
    assert "constexpr int kInput0Shape[] = {1, 2};" in text
    assert "constexpr TfLiteType kInput0Type = kTfLiteInt8;" in text
    assert "constexpr float kInput0Scale = 0x1.0000000000000p+0f;  // 1" in text


def test_same_model_leaves_the_files_alone(dense_file: Path, tmp_path: Path) -> None:
    program = _compile(dense_file, tmp_path / "out")
    for path in (program.header, program.source):
        os.utime(path, (1, 1))
    _compile(dense_file, tmp_path / "out")
    assert {path.stat().st_mtime for path in (program.header, program.source)} == {1}


def test_other_arena_changes_the_header_only(dense_file: Path, tmp_path: Path) -> None:
    program = _compile(dense_file, tmp_path / "out")
    before = program.source.read_bytes(), program.header.read_bytes()
    compile_model(dense_file, None, tmp_path / "out", name="dense", arena_bytes=512)
    assert program.source.read_bytes() == before[0]
    assert program.header.read_bytes() != before[1]


@pytest.fixture
def awkward_file(tmp_path: Path) -> Path:
    """Names that would break C: quotes, backslash at the end of a line, a trigraph, an umlaut."""
    build = Builder()
    x = build.input((1, 2), Type.FLOAT32)
    x.name = 'in"put??/ ä\\'
    y = build.op("SOFTMAX", [x], (1, 2), Type.FLOAT32, beta=1.0)
    y.name = "\n*/ #error"
    path = tmp_path / "a\\b \\.tflite"
    path.write_bytes(dump(build.model(y)))
    return path


@pytest.mark.parametrize("model", ["dense_file", "awkward_file"])
def test_it_is_cpp(model: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if not (FIRMWARE_DIR / "kernels/ops.def").is_file():
        pytest.skip("no kernels here")
    program = _compile(request.getfixturevalue(model), tmp_path / "out")
    command = [sys.executable, "-m", "ziglang", "c++", "-std=c++17", "-Wall", "-Wextra", "-Werror"]
    includes = [f"-I{FIRMWARE_DIR}/tflm", f"-I{FIRMWARE_DIR}"]
    files = ["-c", str(program.source), "-o", str(tmp_path / "model.o")]
    result = subprocess.run([*command, *includes, *files], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no such file"):
        _compile(tmp_path / "no.tflite", tmp_path)


def test_cut_short(dense_file: Path, tmp_path: Path) -> None:
    dense_file.write_bytes(dense_file.read_bytes()[:200])
    with pytest.raises(ModelFileError, match=r"dense\.tflite") as caught:
        _compile(dense_file, tmp_path)
    assert "copy it again" in caught.value.hint


def test_unsupported_operator_is_named(tmp_path: Path) -> None:
    build = Builder()
    x = build.input((1, 2), Type.INT8, per_tensor(1, 0))
    times = build.constant(np.array([1, 2], np.int32))
    y = build.op("TILE", [x, times], (1, 4), Type.INT8, per_tensor(1, 0))
    path = tmp_path / "tile.tflite"
    path.write_bytes(dump(build.model(y)))
    with pytest.raises(UnsupportedModelError, match=r"1 x TILE \(int8\)") as caught:
        _compile(path, tmp_path / "out")
    assert "Conv2DTranspose" in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_too_large(dense_file: Path, tmp_path: Path, small_board: Board) -> None:
    with pytest.raises(ModelTooLargeError, match="of flash"):
        _compile(dense_file, tmp_path / "out", small_board)


@pytest.mark.parametrize(
    ("dtype", "constant"),
    [("int8", "kTfLiteInt8"), ("float32", "kTfLiteFloat32"), ("uint8", "kTfLiteUInt8")],
)
def test_c_type(dtype: str, constant: str) -> None:
    assert c_type(dtype) == constant
