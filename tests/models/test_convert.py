"""Conversion of models from outside: Keras files, SavedModels, what neither can do."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="conversion needs TensorFlow")

from tinydeploy.errors import ModelFileError, TrainingError, UsageError
from tinydeploy.graph import read_tflite
from tinydeploy.judge import Judge
from tinydeploy.stages import convert as stage
from tinydeploy.stages import convert_worker, train_tensorflow
from tinydeploy.stages.convert import convert, convert_all

pytestmark = pytest.mark.train

Build = Callable[..., Path]


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Convert in this process, which has TensorFlow already, except in tests named `isolated`."""
    if "isolated" in request.node.name:
        return

    def run(job: dict[str, Any], folder: Path) -> list[str]:
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        convert_worker.main([str(folder / "job.json"), str(folder / "result.json")])
        return stage.answer(folder / "result.json")

    monkeypatch.setattr(stage, "_run", run)


@pytest.fixture(scope="module")
def keras() -> Any:
    return train_tensorflow.keras()


@pytest.fixture
def save(keras: Any, tmp_path: Path) -> Build:
    """Save a model of some layers with an open batch, as users have them."""

    def make(*layers: Any, shape: tuple[int | None, ...] = (4,), folder: bool = False) -> Path:
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input(shape), *layers])
        path = tmp_path / ("saved" if folder else "model.keras")
        with train_tensorflow.quiet():
            model.export(path) if folder else model.save(path)
        return path

    return make


@pytest.mark.parametrize("folder", [False, True])
def test_int8_of_keras_and_saved_model(
    keras: Any, save: Build, tmp_path: Path, folder: bool
) -> None:
    layers = keras.layers
    source = save(
        layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(3),
        shape=(8, 8, 1), folder=folder,
    )  # fmt: skip
    samples = np.random.default_rng(0).uniform(0, 1, (50, 8, 8, 1)).astype(np.float32)
    graph = read_tflite.load(convert(source, tmp_path / "out.tflite", samples)).main
    assert [op.name for op in graph.ops] == ["CONV_2D", "RESHAPE", "FULLY_CONNECTED"]
    assert graph.inputs[0].shape == (1, 8, 8, 1)
    assert {graph.inputs[0].type.label, graph.outputs[0].type.label} == {"int8"}


def test_one_start_makes_all_quantizations(keras: Any, save: Build, tmp_path: Path) -> None:
    source = save(keras.layers.Dense(2))
    wanted = [(tmp_path / f"{kind}.tflite", kind) for kind in stage.QUANTIZATIONS]
    convert_all(source, wanted, np.ones((3, 4), np.float32))
    types = [read_tflite.load(path).main.inputs[0].type.label for path, _ in wanted]
    assert types == ["int8", "int16", "float32"]


def test_float_computes_what_keras_computes(keras: Any, save: Build, tmp_path: Path) -> None:
    source = save(keras.layers.Dense(3, activation="relu"), keras.layers.Dense(2))
    out = convert(source, tmp_path / "out.tflite", quantize="float")
    x = np.array([[1, -2, 3, 0.5]], np.float32)
    expected = keras.models.load_model(source).predict(x, verbose=0)
    assert Judge(out.read_bytes()).run([x])[0] == pytest.approx(expected, abs=1e-6)


def test_samples_set_the_scale(keras: Any, save: Build, tmp_path: Path) -> None:
    """Inputs from 0 to 255 / 16 have the scale 1 / 16 and the zero point -128."""
    samples = np.array([[0, 0, 0, 0], [255 / 16] * 4], np.float32)
    np.savez(tmp_path / "samples.npz", inputs=samples)
    out = convert(save(keras.layers.Dense(1)), tmp_path / "o.tflite", tmp_path / "samples.npz")
    quantization = read_tflite.load(out).main.inputs[0].quantization
    assert quantization is not None
    assert (quantization.scale, quantization.zero_point) == (1 / 16, -128)


def test_own_test_set_as_samples(keras: Any, save: Build, tmp_path: Path) -> None:
    """It holds int8 for the quantized model, and says by which scale and zero point."""
    quantized = np.array([[-128] * 4, [127] * 4], np.int8)
    np.savez(tmp_path / "s.npz", inputs=quantized, scale=np.float32(1 / 16), zero_point=-128)
    out = convert(save(keras.layers.Dense(1)), tmp_path / "o.tflite", tmp_path / "s.npz")
    quantization = read_tflite.load(out).main.inputs[0].quantization
    assert quantization is not None
    assert (quantization.scale, quantization.zero_point) == (1 / 16, -128)


def test_without_samples_noise_and_a_warning(keras: Any, save: Build, tmp_path: Path) -> None:
    source, said = save(keras.layers.Dense(1)), list[str]()
    first = convert(source, tmp_path / "a.tflite", warn=said.append).read_bytes()
    assert len(said) == 1
    assert "no representative data" in said[0]
    again = convert(source, tmp_path / "b.tflite", warn=said.append).read_bytes()
    other = convert(source, tmp_path / "c.tflite", seed=2, warn=said.append).read_bytes()
    assert first == again != other


def test_two_inputs_by_name(keras: Any, tmp_path: Path) -> None:
    a, b = keras.Input((2,), name="a"), keras.Input((3,), name="b")
    model = keras.Model([b, a], keras.layers.Concatenate()([a, b]))
    model.save(tmp_path / "two.keras")
    np.savez(tmp_path / "s.npz", a=np.ones((2, 2), "f"), b=np.full((2, 3), 2, "f"))
    out = convert(tmp_path / "two.keras", tmp_path / "o.tflite", tmp_path / "s.npz")
    shapes = {tensor.label: tensor.shape for tensor in read_tflite.load(out).main.inputs}
    assert shapes == {"a": (1, 2), "b": (1, 3)}


def test_tflite_is_copied(tmp_path: Path) -> None:
    (tmp_path / "a.tflite").write_bytes(b"as it is")
    assert convert(tmp_path / "a.tflite", tmp_path / "b.tflite").read_bytes() == b"as it is"


def test_open_dimension(keras: Any, save: Build, tmp_path: Path) -> None:
    source = save(keras.layers.Conv1D(2, 3), shape=(None, 1))
    with pytest.raises(ModelFileError, match="no fixed shape") as caught:
        convert(source, tmp_path / "o.tflite")
    assert "fixed Input shape" in caught.value.hint


def test_lstm_as_a_loop_is_refused_with_the_way_out(
    keras: Any, save: Build, tmp_path: Path
) -> None:
    source = save(keras.layers.LSTM(3, name="memory"), shape=(5, 2))
    with pytest.raises(TrainingError, match="'memory'") as caught:
        convert(source, tmp_path / "o.tflite")
    assert "unroll=True" in caught.value.hint


def test_lstm_unrolled(keras: Any, save: Build, tmp_path: Path) -> None:
    source = save(keras.layers.LSTM(3, unroll=True), shape=(5, 2))
    samples = np.random.default_rng(0).uniform(-1, 1, (10, 5, 2))
    assert convert(source, tmp_path / "o.tflite", samples).stat().st_size > 1000


def test_what_the_converter_refuses(keras: Any, tmp_path: Path) -> None:
    inputs = keras.Input((4,))
    keras.Model(inputs, keras.ops.erfinv(inputs)).save(tmp_path / "model.keras")
    with pytest.raises(TrainingError, match="cannot convert the model to int8") as caught:
        convert(tmp_path / "model.keras", tmp_path / "o.tflite", np.zeros((2, 4), "f"))
    assert "\n" not in caught.value.message
    assert "rfinv" in caught.value.message


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_file_that_is_no_model(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no model")
    with pytest.raises(ModelFileError, match="cannot read"):
        convert(tmp_path / name, tmp_path / "o.tflite")


def test_folder_that_is_no_saved_model(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="is not a SavedModel"):
        convert(tmp_path, tmp_path / "o.tflite")


def test_wrong_arguments(keras: Any, save: Build, tmp_path: Path) -> None:
    out, source = tmp_path / "o.tflite", save(keras.layers.Dense(1))
    with pytest.raises(ModelFileError, match="no model at"):
        convert(tmp_path / "missing.keras", out)
    with pytest.raises(UsageError, match="no quantization 'int4'"):
        convert(source, out, quantize="int4")
    with pytest.raises(UsageError, match="no representative data at"):
        convert(source, out, tmp_path / "missing.npy")
    with pytest.raises(UsageError, match=r"the model wants \[4\]"):
        convert(source, out, np.zeros((3, 5), np.float32))
    (tmp_path / "text.npy").write_text("no array", encoding="utf-8")
    with pytest.raises(UsageError, match="no NumPy file"):
        convert(source, out, tmp_path / "text.npy")


def test_isolated_crash_is_told(keras: Any, save: Build, tmp_path: Path) -> None:
    """A SavedModel does not show that it has an LSTM; TensorFlow's converter stumbles over it."""
    source = save(keras.layers.LSTM(3), shape=(5, 2), folder=True)
    with pytest.raises(TrainingError, match=r"converter crashed|cannot convert") as caught:
        convert(source, tmp_path / "o.tflite", np.zeros((2, 5, 2), np.float32))
    assert "unroll=True" in caught.value.hint


def test_isolated_worker_that_dies_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Models that crash the converter's C++ do so without a Python exception."""
    (tmp_path / "model.keras").write_bytes(b"any")
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    monkeypatch.setattr(stage.tools, "python_module_argv", lambda *_: [sys.executable, "-c", code])
    with pytest.raises(TrainingError, match=r"converter crashed \(SIGSEGV\)") as caught:
        convert(tmp_path / "model.keras", tmp_path / "o.tflite")
    assert "unroll=True" in caught.value.hint
