"""A recipe of one's own, trained again and again: each figure is of the training shown."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="training needs TensorFlow")

from tinydeploy import models, pipeline, records, sources
from tinydeploy.errors import ModelFileError, TrainingError
from tinydeploy.judge import Judge
from tinydeploy.models import ModelSpec
from tinydeploy.pipeline import Job
from tinydeploy.sources import Given, Source
from tinydeploy.stages import convert as convert_stage
from tinydeploy.stages import convert_worker
from tinydeploy.ui import Ui

pytestmark = pytest.mark.train

RECIPE = """
name = "gestures"
title = "Gestures"
task = "classification"
default_variant = "int8"
labels = ["rest", "shake"]
[variants.int8]
quantization = "int8"
tflite = "int8.tflite"
[training]
epochs = 30
batch_size = 16
learning_rate = 0.01
seed = 1
[data]
swapped = false
"""

DATA = """
import numpy as np
from tinydeploy.models import Dataset, Split

def load(spec, *, seed, sources, progress):
    generator = np.random.default_rng(seed)
    y = np.arange(120) % 2
    x = (generator.normal(0, 0.2, (120, 8, 1)) * (1 + 4 * y[:, None, None])).astype(np.float32)
    y = 1 - y if spec.data["swapped"] else y
    part = lambda a, b: Split(x[a:b], y[a:b])
    return Dataset(part(0, 60), part(60, 80), part(80, 120), "120 windows")
"""

MODEL = """
import keras

def build(variant=None):
    layers = keras.layers
    return keras.Sequential([
        layers.Input((8, 1), batch_size=1),
        layers.Conv1D(4, 3, activation="relu"),
        layers.GlobalMaxPooling1D(),
        layers.Dense(2, activation="softmax"),
    ])
"""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Convert in this process, which has TensorFlow already; build in a folder of the test."""

    def run(job: dict[str, Any], folder: Path) -> convert_stage.Conversion:
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        convert_worker.work([str(folder / "job.json"), str(folder / "result.json")])
        return convert_stage.answer(folder / "result.json")

    monkeypatch.setattr(convert_stage, "_run", run)
    monkeypatch.setattr(records, "BUILD_DIR", tmp_path / "build")
    monkeypatch.setattr(models, "MODELS_DIR", tmp_path / "models")


Edit = Callable[..., None]


@pytest.fixture
def edit(tmp_path: Path) -> Edit:
    """Write the recipe, with some of its text replaced."""
    folder = tmp_path / "models" / "gestures"
    folder.mkdir(parents=True)
    (folder / "data.py").write_text(DATA, encoding="utf-8")
    (folder / "model.py").write_text(MODEL, encoding="utf-8")

    def write(old: str = "", new: str = "") -> None:
        (folder / "model.toml").write_text(RECIPE.replace(old, new), encoding="utf-8")

    write()
    return write


def resolved(retrain: bool = False, **given: Any) -> Source:
    return sources.resolve("gestures", None, retrain, None, Ui(quiet=True), Given(**given))


def accuracy(source: Source) -> float:
    """What TFLM gets right of the vectors that a deployment of the source would take."""
    vectors = pipeline.choose_vectors(source, Job("host", "gestures", vectors=None))
    judge = Judge(source.data)
    said = [judge.run([values])[0].argmax() for values in vectors.inputs[0]]
    assert vectors.labels is not None
    return float(np.mean(said == vectors.labels))


def publish(spec: ModelSpec) -> None:
    folder = records.training_folder(spec, "int8")
    for name in ("int8.tflite", "test.npz", "metrics.json"):
        shutil.copyfile(folder / name, spec.folder / name)


def test_retrained_before_anything_is_committed(edit: Edit) -> None:
    source = resolved(retrain=True)
    assert accuracy(source) == source.metrics["int8_accuracy"] > 0.9
    assert source.quantized_with == "60 training samples"
    assert len(source.metrics["data_sha256"]) == 64


def test_retrained_with_other_labels_is_judged_by_its_own_test_set(edit: Edit) -> None:
    """The same windows mean the opposite: the committed test set would say 0 %."""
    first = resolved(retrain=True)
    publish(models.load("gestures"))
    assert resolved().warnings == ()
    edit("swapped = false", "swapped = true")
    again = resolved(retrain=True)
    assert again.metrics["data_sha256"] != first.metrics["data_sha256"]
    assert accuracy(again) == again.metrics["int8_accuracy"] > 0.9
    (note,) = resolved().warnings
    assert "--trained takes it" in note
    assert accuracy(resolved()) > 0.9
    assert resolved(trained=True).data == again.data


def test_renamed_labels_stop_the_committed_model(edit: Edit) -> None:
    resolved(retrain=True)
    publish(models.load("gestures"))
    edit('"rest", "shake"', '"shake", "rest"')
    with pytest.raises(ModelFileError, match="trained for the labels rest, shake; its recipe says"):
        resolved()
    assert resolved(retrain=True).labels == ("shake", "rest")
    with pytest.raises(ModelFileError) as caught:
        resolved()
    assert caught.value.hint.startswith("--trained takes the training")
    assert resolved(trained=True).labels == ("shake", "rest")


def test_a_third_label_stops_before_the_training(edit: Edit) -> None:
    edit('"shake"]', '"shake", "tilt"]')
    with pytest.raises(TrainingError, match="the train set has nothing of tilt"):
        resolved(retrain=True)


def test_failed_training_leaves_the_last_one(edit: Edit) -> None:
    first = resolved(retrain=True)
    edit("epochs = 30", 'epochs = 30\nbatch_size = "many"\n#')
    with pytest.raises((TrainingError, ModelFileError, TypeError)):
        resolved(retrain=True)
    edit()
    assert resolved(trained=True).data == first.data


def test_model_without_an_output_for_a_label(edit: Edit, tmp_path: Path) -> None:
    edit('"shake"]', '"shake", "tilt"]')
    data = tmp_path / "models" / "gestures" / "data.py"
    data.write_text(DATA.replace("% 2", "% 3"), encoding="utf-8")
    with pytest.raises(TrainingError, match="2 outputs, its recipe 3 labels: rest, shake, tilt"):
        resolved(retrain=True)


def test_case_of_gestures(shared_data: Path, tmp_path: Path) -> None:
    shutil.copytree(shared_data / "cases/own_recipe/gestures", tmp_path / "models/gestures")
    source = resolved(retrain=True)
    publish(models.load("gestures"))
    assert accuracy(source) == source.metrics["int8_accuracy"]
    path = tmp_path / "models" / "gestures" / "windows.csv"
    lines = path.read_text().splitlines()
    swapped = [f"{1 - float(line.split(',', 1)[0])},{line.split(',', 1)[1]}" for line in lines[1:]]
    path.write_text("\n".join([lines[0], *swapped]) + "\n")
    again = resolved(retrain=True)
    assert again.metrics["data_sha256"] != source.metrics["data_sha256"]
    assert accuracy(again) == again.metrics["int8_accuracy"]
    assert again.metrics["float_accuracy"] >= again.metrics["int8_accuracy"] - 0.1
