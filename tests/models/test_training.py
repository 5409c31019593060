"""Training: the sine in a few epochs, twice."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="training needs TensorFlow")

from tinydeploy import models, records
from tinydeploy.errors import TrainingError, UsageError
from tinydeploy.models import ModelSpec, Split, no_progress
from tinydeploy.stages import convert as convert_stage
from tinydeploy.stages import convert_worker, train, train_evaluate, train_fit, train_progress
from tinydeploy.stages.train import Training

pytestmark = pytest.mark.train


@pytest.fixture
def sine() -> ModelSpec:
    return models.load("sine")


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convert in this process, which has TensorFlow already."""

    def run(job: dict[str, Any], folder: Path) -> convert_stage.Conversion:
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        convert_worker.work([str(folder / "job.json"), str(folder / "result.json")])
        return convert_stage.answer(folder / "result.json")

    monkeypatch.setattr(convert_stage, "_run", run)


def test_same_seed_same_bytes(sine: ModelSpec, tmp_path: Path) -> None:
    runs = [
        train.train_and_convert(
            sine, Training(seed=seed, epochs=3), out_dir=tmp_path / name, progress=no_progress
        )
        for name, seed in (("a", 5), ("b", 5), ("c", 6))
    ]
    first, again, other = [hashlib.sha256(run.tflite.read_bytes()).hexdigest() for run in runs]
    assert first == again != other
    assert runs[0].test_set.read_bytes() == runs[1].test_set.read_bytes()
    assert runs[0].metrics["tflite_sha256"] == first
    assert runs[0].metrics["epochs"] == 3
    assert list((tmp_path / "a" / "tensorboard").rglob("events.out.tfevents.*"))
    assert "mean absolute error" in runs[0].summary


def test_published_model_is_what_the_recipe_names(sine: ModelSpec, tmp_path: Path) -> None:
    spec = dataclasses.replace(sine, folder=tmp_path / "sine")
    spec.folder.mkdir()
    for name in ("model.py", "data.py"):
        (spec.folder / name).write_bytes((sine.folder / name).read_bytes())
    trained = train.train_and_convert(
        spec, Training(epochs=1), out_dir=tmp_path / "out", progress=no_progress
    )
    train.publish(trained)
    assert spec.tflite().read_bytes() == trained.tflite.read_bytes()
    record = records.committed(spec)
    assert record.metrics == trained.metrics
    assert records.metrics_of(spec.folder, "float") == {}
    inputs, labels = record.test_set()
    outputs = train_evaluate.run_tflm(spec.tflite().read_bytes(), inputs)
    error = float(np.mean(np.abs(outputs - labels)))
    assert error == pytest.approx(trained.metrics["test_npz_mean_absolute_error"], abs=1e-6)


def test_training_that_explodes_is_told(sine: ModelSpec, tmp_path: Path) -> None:
    spec = dataclasses.replace(sine, training={**sine.training, "learning_rate": 1e38})
    with pytest.raises(TrainingError, match="not a number") as caught:
        train.train(spec, Training(epochs=3), out_dir=tmp_path, progress=no_progress)
    assert "learning rate" in caught.value.hint


def test_sine_has_no_sources(sine: ModelSpec, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no sources"):
        train.train(sine, Training(source="synthetic"), out_dir=tmp_path, progress=no_progress)


def test_limits(sine: ModelSpec) -> None:
    good = {"float_mean_absolute_error": 0.02, "int8_mean_absolute_error": 0.03}
    assert train.check_limits(sine, good, "int8") == []
    worse = {"float_mean_absolute_error": 0.02, "int8_mean_absolute_error": 0.06}
    assert len(train.check_limits(sine, worse, "int8")) == 2


def test_accuracy_and_confusion_by_hand() -> None:
    outputs = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    labels = np.array([0, 1, 1])
    assert train_evaluate.measured(outputs, labels, is_regression=False) == {"accuracy": 2 / 3}
    assert train_evaluate.confusion(outputs, labels) == [[1, 0], [1, 1]]


def test_balanced_choice() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    chosen = train_evaluate.balanced(Split(np.arange(100), labels), 20, seed=0)
    assert np.bincount(chosen.y).tolist() == [10, 10]
    assert (np.diff(chosen.x) > 0).all()


def test_progress_in_a_log_file() -> None:
    stream = io.StringIO()
    with train_progress.shown(stream) as tell:
        for done in range(1001):
            tell("training", done, 1000)
    assert stream.getvalue().splitlines() == ["training  0/1000", "training  1000/1000"]


def test_keyword_nets(kws: ModelSpec) -> None:
    """Shapes, and sizes that fit the boards."""
    for variant in kws.variants:
        model = kws.module("model").build(variant.name)
        assert model.input_shape == (1, 49, 40, 1)
        assert model.output_shape == (1, len(kws.labels))
        assert model.count_params() < 20_000


def test_keyword_data_from_a_mix_of_sources(
    kws: ModelSpec, write_wav: Callable[..., Path], tmp_path: Path
) -> None:
    pytest.importorskip("espeakng_loader", reason="synthetic speech needs espeakng-loader")
    write_wav(tmp_path / "yes" / "bb05582b_0.wav", np.full(8000, 999, "<i2"))  # of the test split
    data = {
        **kws.data,
        "train": 4,
        "validation": 2,
        "test": 2,
        "glued_shares": 1.25,
        "silence_shares": 1.0,
        "synthetic_share": 0.5,
        "copies": {"keywords": 3, "unknown": 2, "synthetic": 2},
    }
    spec = dataclasses.replace(kws, data=data)
    sources = ["synthetic", str(tmp_path)]
    dataset, again = (
        spec.module("data").load(spec, seed=1, sources=sources, progress=no_progress)
        for _ in range(2)
    )
    # Half of 4 + 4 + 8 words twice; 5 glued; 4 of silence.
    assert dataset.train.x.shape == (8 * 2 + 5 + 4, 49, 40, 1)
    assert np.bincount(dataset.test.y).tolist() == [2, 4, 3, 2]
    assert dataset.to_store is not None
    assert np.bincount(dataset.to_store.y).tolist() == [2, 4, 2, 2]  # without the recording
    assert not (dataset.to_store.source == 1).any()
    assert np.array_equal(dataset.train.x, again.train.x)
    assert dataset.train.x.min() >= 0
    assert dataset.train.x.max() < 1
    assert "synthetic" in dataset.description
    assert tmp_path.name in dataset.description


def test_hidden_classes_are_unknown_afterwards(kws: ModelSpec) -> None:
    """The net's answer is the sum over the classes that its trained part tells apart."""
    model_code, data = kws.module("model"), kws.module("data")
    model = model_code.build("ds_cnn")
    inner, labels = model_code.trained_part(model), kws.labels
    x = np.random.default_rng(0).random((3, 49, 40, 1), np.float32)
    classes = inner.predict(x, batch_size=1, verbose=0)
    expected = classes[:, : len(labels)].copy()
    expected[:, labels.index("unknown")] += classes[:, len(labels) :].sum(axis=1)
    assert classes.shape[1] == len(labels) + len(data.hidden_words(kws))
    np.testing.assert_allclose(model.predict(x, batch_size=1, verbose=0), expected, atol=1e-6)


def test_masks_blank_neighbours() -> None:
    x = np.ones((200, 49, 40, 1), np.float32)
    masked = train_fit.masked(x, [7, 5], np.random.default_rng(0))[..., 0]
    frames, bands = ((masked == 0).all(axis=axis) for axis in (2, 1))
    for blank, widest in ((frames, 7), (bands, 5)):
        assert set(blank.sum(axis=1).tolist()) == set(range(widest + 1))
        edges = np.diff(np.pad(blank, ((0, 0), (1, 1))).astype(int), axis=1)
        assert (edges == 1).sum(axis=1).max() == 1  # in one piece
    assert np.array_equal(masked == 1, ~(frames[:, :, None] | bands[:, None]))
    assert np.array_equal(train_fit.masked(x, [], np.random.default_rng(0)), x)


def test_sources_without_a_class(
    kws: ModelSpec, write_wav: Callable[..., Path], tmp_path: Path
) -> None:
    write_wav(tmp_path / "yes" / "anna_0.wav", np.full(8000, 999, "<i2"))
    with pytest.raises(TrainingError, match="no clips of unknown, yes, no in the"):
        kws.module("data").load(
            dataclasses.replace(kws, data={**kws.data, "train": 2, "validation": 2, "test": 2}),
            seed=1,
            sources=[str(tmp_path)],
            progress=no_progress,
        )


def test_model_code_is_a_package_of_its_own(kws: ModelSpec) -> None:
    module: ModuleType = kws.module("data")
    assert module.__name__ == "tinydeploy_models_kws.data"
