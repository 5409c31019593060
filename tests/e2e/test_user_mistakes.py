"""Every mistake of a user ends with one line that says what was seen, a hint, and its exit code."""

from __future__ import annotations

import os
import pty
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tinydeploy import models
from tinydeploy.graph import write_tflite
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Tensor, Type, per_tensor

Run = Callable[..., subprocess.CompletedProcess[str]]

MODEL, USAGE, DEVICE = 3, 2, 6


def assert_explained(result: subprocess.CompletedProcess[str], exit_code: int, *words: str) -> None:
    """One error line with `words`, a hint line, the documented code, and no traceback."""
    errors = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    hints = [line for line in result.stderr.splitlines() if line.startswith("hint:")]
    assert result.returncode == exit_code, result.stderr
    assert len(errors) == 1, result.stderr
    assert hints, result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    for word in words:
        assert word in errors[0], errors[0]


@pytest.fixture(scope="module")
def sine() -> Path:
    return models.load("sine").tflite()


def test_cut_short(tinydeploy: Run, sine: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(sine.read_bytes()[:1000])
    assert_explained(tinydeploy("deploy", "--model", cut), MODEL, "cut.tflite")


def test_not_a_model(tinydeploy: Run, tmp_path: Path) -> None:
    text = tmp_path / "notes.tflite"
    text.write_text("not a flatbuffer at all, but long enough to look inside")
    assert_explained(tinydeploy("deploy", "--model", text), MODEL, "notes.tflite")


def test_missing_file(tinydeploy: Run) -> None:
    assert_explained(tinydeploy("deploy", "--model", "no/such.tflite"), MODEL, "no/such.tflite")


def test_unsupported_operator(tinydeploy: Run, unsupported: Path) -> None:
    assert_explained(tinydeploy("deploy", "--model", unsupported), MODEL, "GELU")


def test_tflm_prepares_what_it_does_not_run(tinydeploy: Run, tmp_path: Path) -> None:
    build = Builder()
    x = build.input((1, 4), Type.INT16, per_tensor(1.0, 0))
    axis = build.constant(np.array([1], np.int32))
    y = build.op("REDUCE_MAX", [x, axis], (1,), Type.INT16, per_tensor(1.0, 0))
    path = tmp_path / "largest.tflite"
    path.write_bytes(write_tflite.dump(build.model(y)))
    assert_explained(
        tinydeploy("deploy", "--model", path, "--board", "host"), MODEL, "fails to run"
    )


def test_too_large_for_flash(tinydeploy: Run, too_large: Path) -> None:
    assert_explained(tinydeploy("deploy", "--model", too_large), MODEL, "flash")


def test_too_large_for_ram(tinydeploy: Run, too_wide: Path) -> None:
    assert_explained(tinydeploy("deploy", "--model", too_wide), MODEL, "RAM")


def test_no_such_port(tinydeploy: Run) -> None:
    result = tinydeploy("verify", "--model", "sine", "--target", "/dev/ttyNOPE7")
    assert_explained(result, DEVICE, "/dev/ttyNOPE7")


def test_unknown_board_and_option(tinydeploy: Run) -> None:
    assert_explained(tinydeploy("deploy", "--board", "toaster"), USAGE, "toaster")
    assert_explained(tinydeploy("deploy", "--no-such-option"), USAGE, "--no-such-option")
    assert_explained(tinydeploy("deploy", "--vectors", "0"), USAGE, "--vectors")


def test_test_data_of_another_shape(tinydeploy: Run, tmp_path: Path) -> None:
    data = tmp_path / "wrong.npz"
    np.savez(data, inputs=np.zeros((5, 3), np.int8))
    result = tinydeploy("deploy", "--model", "sine", "--data", data)
    assert_explained(result, MODEL, "wrong.npz", "does not fit")


def test_device_that_answers_garbage(tinydeploy: Run, babbling_port: str) -> None:
    result = tinydeploy("verify", "--model", "sine", "--target", babbling_port)
    assert_explained(result, DEVICE, "not with frames")


def test_device_that_is_silent(tinydeploy: Run, silent_port: str) -> None:
    result = tinydeploy("verify", "--model", "sine", "--target", silent_port)
    assert_explained(result, DEVICE, "does not answer")


@pytest.fixture
def unsupported(tmp_path: Path) -> Path:
    build = Builder()
    x = build.input((1, 4), Type.FLOAT32)
    return _saved(tmp_path / "gelu.tflite", build, build.op("GELU", [x], (1, 4), Type.FLOAT32))


@pytest.fixture
def too_large(tmp_path: Path) -> Path:
    """A megabyte of weights."""
    build = Builder()
    x = build.input((1, 1000), Type.INT8, per_tensor(0.1, 0))
    weights = build.constant(np.ones((1000, 1000), np.int8), quantization=per_tensor(0.01, 0))
    inputs = [x, weights, None]
    y = build.op("FULLY_CONNECTED", inputs, (1, 1000), Type.INT8, per_tensor(0.5, 0))
    return _saved(tmp_path / "large.tflite", build, y)


@pytest.fixture
def too_wide(tmp_path: Path) -> Path:
    """Activations of 600 KB."""
    build = Builder()
    x = build.input((1, 300_000), Type.INT8, per_tensor(0.1, 0))
    y = build.op("RELU", [x], (1, 300_000), Type.INT8, per_tensor(0.1, 0))
    return _saved(tmp_path / "wide.tflite", build, y)


def _saved(path: Path, build: Builder, output: Tensor) -> Path:
    path.write_bytes(write_tflite.dump(build.model(output)))
    return path


@pytest.fixture
def silent_port() -> Iterator[str]:
    controller, terminal = pty.openpty()
    yield os.ttyname(terminal)
    os.close(controller)
    os.close(terminal)


@pytest.fixture
def babbling_port() -> Iterator[str]:
    """A pseudo-terminal behind which something talks all the time, but not our protocol."""
    controller, terminal = pty.openpty()
    done = threading.Event()

    def babble() -> None:
        while not done.wait(0.02):
            os.write(controller, b"\x81\xfe\x03 AT+OK \xff\x00\x99")
            os.read(terminal, 0)

    talker = threading.Thread(target=babble)
    talker.start()
    yield os.ttyname(terminal)
    done.set()
    talker.join()
    os.close(controller)
    os.close(terminal)
