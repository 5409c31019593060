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

    def run(job: dict[str, Any], folder: Path) -> stage.Conversion:
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        convert_worker.work([str(folder / "job.json"), str(folder / "result.json")])
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


def test_noise_only_if_asked_for(keras: Any, save: Build, tmp_path: Path) -> None:
    source, said = save(keras.layers.Dense(1)), list[str]()
    with pytest.raises(UsageError, match="nothing is known of the numbers") as caught:
        convert(source, tmp_path / "a.tflite")
    assert "--representative noise" in caught.value.hint
    noise = {"representative": stage.NOISE, "warn": said.append}
    first = convert(source, tmp_path / "a.tflite", **noise).read_bytes()
    assert len(said) == 1
    assert "noise in -1 to 1, as was asked for, not with data" in said[0]
    again = convert(source, tmp_path / "b.tflite", **noise).read_bytes()
    other = convert(source, tmp_path / "c.tflite", seed=2, **noise).read_bytes()
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


def outputs(keras: Any, source: Path, data: bytes, values: np.ndarray) -> tuple[Any, Any]:
    """What Keras and TFLM say to the same input; TFLM's in real numbers."""
    graph = read_tflite.load(data).main
    given, taken = graph.inputs[0].quantization, graph.outputs[0].quantization
    raw = values if given is None else np.round(values / given.scales[0]) + given.zero_points[0]
    kind = graph.inputs[0].type.dtype
    if kind.kind == "i":
        raw = np.clip(raw, np.iinfo(kind).min, np.iinfo(kind).max)
    answer = Judge(data).run([raw.astype(kind)])[0]
    if taken is not None:
        answer = (answer.astype(np.float64) - taken.zero_points[0]) * taken.scales[0]
    return np.asarray(keras.models.load_model(source)(values)), answer


def test_lstm_becomes_one_operator_a_layer(keras: Any, save: Build, tmp_path: Path) -> None:
    layers = keras.layers
    source = save(layers.LSTM(6, return_sequences=True), layers.LSTM(4), shape=(5, 3))
    samples = np.random.default_rng(0).uniform(-1, 1, (40, 5, 3)).astype(np.float32)
    wanted = {kind: tmp_path / f"{kind}.tflite" for kind in stage.QUANTIZATIONS}
    convert_all(source, [(path, kind) for kind, path in wanted.items()], samples)
    for kind, tolerance in (("float", 1e-5), ("int8", 0.03), ("int16x8", 0.005)):
        data = wanted[kind].read_bytes()
        fused = [op.name for op in read_tflite.load(data).main.ops].count(
            "UNIDIRECTIONAL_SEQUENCE_LSTM"
        )
        assert fused == (0 if kind == "int16x8" else 2)  # TensorFlow quantizes it to int8 only
        expected, found = outputs(keras, source, data, samples[:1])
        assert found == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN", "Bidirectional", "masked", "relu"])
def test_recurrent_layers_without_a_loop(
    keras: Any, save: Build, tmp_path: Path, name: str
) -> None:
    """What cannot be fused is unrolled, and computes what it computed."""
    layers = keras.layers
    made = {
        "LSTM": lambda: [layers.LSTM(3, unroll=True)],
        "GRU": lambda: [layers.GRU(3)],
        "SimpleRNN": lambda: [layers.SimpleRNN(3, return_sequences=True)],
        "Bidirectional": lambda: [layers.Bidirectional(layers.LSTM(3))],
        "masked": lambda: [layers.Masking(), layers.LSTM(3)],
        "relu": lambda: [layers.LSTM(3, activation="relu")],
    }
    source = save(*made[name](), shape=(5, 2))
    data = convert(source, tmp_path / "o.tflite", quantize="float").read_bytes()
    graph = read_tflite.load(data).main
    assert "WHILE" not in [op.name for op in graph.ops]
    if name == "masked":  # makes NOT_EQUAL and SELECT of bool, in float only
        return
    values = np.random.default_rng(0).uniform(-1, 1, (1, 5, 2)).astype(np.float32)
    expected, found = outputs(keras, source, data, values)
    assert found == pytest.approx(expected, abs=1e-5)


def test_long_unrolled_sequences_are_told(keras: Any, save: Build, tmp_path: Path) -> None:
    said: list[str] = []
    source = save(keras.layers.GRU(2, name="memory"), shape=(20, 1))
    convert(source, tmp_path / "o.tflite", quantize="float", warn=said.append)
    assert any("'memory' (GRU) is unrolled, a copy for each of 20 steps" in text for text in said)


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
    with pytest.raises(UsageError, match=r"no \.npz or \.npy file"):
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
    assert "unroll" not in caught.value.hint  # nothing says that it has an LSTM
