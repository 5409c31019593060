"""What belongs to a model travels with it, and what does not fit together stops."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinydeploy import models, pipeline, records, sources
from tinydeploy.errors import ModelFileError, UsageError
from tinydeploy.graph import write_tflite
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Type, per_tensor
from tinydeploy.models import ModelSpec
from tinydeploy.sources import Given
from tinydeploy.stages import train
from tinydeploy.stages.train import Trained
from tinydeploy.ui import Ui

RECIPE = """
name = "own"
title = "Own"
task = "classification"
default_variant = "a"
labels = ["rest", "shake"]
[variants.a]
quantization = "int8"
tflite = "a.tflite"
[variants.f]
quantization = "float"
tflite = "f.tflite"
[training]
epochs = 1
"""


def model_bytes(
    classes: int = 2, *, scale: float = 0.5, bias: int = 0, is_float: bool = False
) -> bytes:
    """One layer from two numbers to the classes."""
    build, kind = Builder(), Type.FLOAT32 if is_float else Type.INT8
    encoding = None if is_float else per_tensor(scale, 0)
    x = build.input((1, 2), kind, encoding)
    values = np.full((classes, 2), 1 + bias, np.float32 if is_float else np.int8)
    weights = build.constant(values, quantization=None if is_float else per_tensor(1.0, 0))
    y = build.op("FULLY_CONNECTED", [x, weights, None], (1, classes), kind, encoding)
    return write_tflite.dump(build.model(y))


def write(folder: Path, variant: str = "a", data: bytes = b"", **metrics: Any) -> None:
    """A model of a variant, its test set and its record, as training leaves them."""
    folder.mkdir(parents=True, exist_ok=True)
    data = data or model_bytes()
    (folder / f"{variant}.tflite").write_bytes(data)
    stored = {"inputs": np.array([[4, 2], [1, 3]], np.int8), "labels": np.array([0, 1])}
    np.savez(folder / "test.npz", **stored, scale=np.float32(0.5), zero_point=np.int32(0))
    found = {
        "tflite_sha256": hashlib.sha256(data).hexdigest(),
        "test_sha256": hashlib.sha256((folder / "test.npz").read_bytes()).hexdigest(),
        "labels": ["rest", "shake"],
        "int8_accuracy": 0.75,
        "float_accuracy": 0.8,
        **metrics,
    }
    path = folder / "metrics.json"
    known = json.loads(path.read_text())["variants"] if path.is_file() else {}
    path.write_text(json.dumps({"variants": {**known, variant: found}}), encoding="utf-8")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelSpec:
    """A model of ours in a folder of its own, committed, and nothing trained since."""
    folder = tmp_path / "models" / "own"
    write(folder)
    (folder / "model.toml").write_text(RECIPE, encoding="utf-8")
    monkeypatch.setattr(models, "MODELS_DIR", folder.parent)
    monkeypatch.setattr(records, "BUILD_DIR", tmp_path / "build")
    return models.load("own")


def taken(**given: Any) -> sources.Source:
    return sources.resolve("own", None, False, None, Ui(quiet=True), Given(**given))


def relabelled(spec: ModelSpec, labels: str) -> None:
    path = spec.folder / "model.toml"
    path.write_text(RECIPE.replace('"rest", "shake"', labels), encoding="utf-8")


def test_a_record_has_all(own: ModelSpec) -> None:
    record = records.committed(own)
    inputs, labels = record.test_set()
    assert inputs.tolist() == [[4, 2], [1, 3]]
    assert labels.tolist() == [0, 1]
    assert record.labels == ("rest", "shake")
    assert record.figures == "accuracy 75.0 % (float 80.0 %)"
    source = taken()
    assert source.metrics["float_accuracy"] == 0.8
    assert source.labels == ("rest", "shake")
    assert source.warnings == ()


@pytest.mark.parametrize("labels", ['"rest", "shake", "tilt"', '"shake", "rest"', '"a", "b"'])
def test_labels_of_the_recipe_have_changed(own: ModelSpec, labels: str) -> None:
    relabelled(own, labels)
    with pytest.raises(
        ModelFileError, match="was trained for the labels rest, shake; its recipe"
    ) as caught:
        taken()
    assert "tinydeploy train own --update" in caught.value.hint
    assert "--trained" not in caught.value.hint


def test_the_training_that_fits_is_offered(own: ModelSpec) -> None:
    relabelled(own, '"rest", "shake", "tilt"')
    folder = records.training_folder(models.load("own"), "a")
    write(folder, data=model_bytes(3), labels=["rest", "shake", "tilt"])
    with pytest.raises(ModelFileError) as caught:
        taken()
    assert caught.value.hint.startswith("--trained takes the training that is in")
    source = taken(trained=True)
    assert source.labels == ("rest", "shake", "tilt")
    assert source.tflite == folder / "a.tflite"


def test_newer_training_is_said_and_offered(own: ModelSpec) -> None:
    folder = records.training_folder(own, "a")
    write(folder, data=model_bytes(bias=1), int8_accuracy=0.875)
    (note,) = taken().warnings
    assert "was trained since (accuracy 87.5 %)" in note
    assert "--trained takes it" in note
    assert taken().metrics["int8_accuracy"] == 0.75
    newer = taken(trained=True)
    assert newer.metrics["int8_accuracy"] == 0.875
    assert newer.warnings == ()


def test_training_that_was_committed_is_not_offered(own: ModelSpec) -> None:
    shutil.copytree(own.folder, records.training_folder(own, "a"))
    assert taken().warnings == ()


def test_half_a_training_is_none(own: ModelSpec) -> None:
    """Its record comes last, and vouches for the bytes of the model."""
    folder = records.training_folder(own, "a")
    write(folder, data=model_bytes(bias=1))
    (folder / "a.tflite").write_bytes(model_bytes(bias=2))
    assert taken().warnings == ()
    with pytest.raises(ModelFileError, match="has no training of own"):
        taken(trained=True)


def test_model_that_was_not_measured(own: ModelSpec) -> None:
    (own.folder / "a.tflite").write_bytes(model_bytes(bias=1))
    with pytest.raises(ModelFileError, match=r"a\.tflite is not the model that metrics\.json"):
        taken()


def test_test_set_of_another_training(own: ModelSpec) -> None:
    np.savez(own.folder / "test.npz", inputs=np.zeros((2, 2), np.int8), labels=[1, 0])
    with pytest.raises(ModelFileError, match="is not the test set of the training"):
        taken()


def test_test_set_in_steps_of_another_size(own: ModelSpec) -> None:
    write(own.folder, data=model_bytes(scale=0.25))
    with pytest.raises(ModelFileError, match=r"quantized with scale 0.5 .* with 0.25"):
        taken()


def test_missing_parts(own: ModelSpec) -> None:
    (own.folder / "metrics.json").unlink()
    with pytest.raises(ModelFileError, match=r"has no record of a\.tflite"):
        taken()
    (own.folder / "a.tflite").unlink()
    with pytest.raises(ModelFileError, match="is missing") as caught:
        taken()
    assert "--retrain" in caught.value.hint
    (own.folder / "metrics.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ModelFileError, match="not what training writes"):
        taken()


def test_spoiled_test_set(own: ModelSpec) -> None:
    (own.folder / "test.npz").write_bytes(b"no zip")
    digest = hashlib.sha256(b"no zip").hexdigest()
    path = own.folder / "metrics.json"
    document = json.loads(path.read_text())
    document["variants"]["a"]["test_sha256"] = digest
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ModelFileError, match="cannot be read"):
        taken()


def test_float_variant_gets_its_inputs_dequantized(own: ModelSpec) -> None:
    write(own.folder, "f", model_bytes(is_float=True))
    inputs, _ = records.committed(own, "f").test_set()
    assert inputs.tolist() == [[2, 1], [0.5, 1.5]]


def test_options_that_a_model_has_no_use_for(own: ModelSpec, tmp_path: Path) -> None:
    (tmp_path / "x.tflite").write_bytes(model_bytes())
    ui = Ui(quiet=True)
    for name, given in (
        ("own", Given(representative="noise")),
        ("own", Given(signature="a")),
        ("own", Given(custom_objects=Path("a.py"))),
        (str(tmp_path / "x.tflite"), Given(trained=True)),
        (str(tmp_path / "x.tflite"), Given(representative="noise")),
    ):
        with pytest.raises(UsageError, match="does not go with the model"):
            sources.resolve(name, None, False, None, ui, given)
    with pytest.raises(UsageError, match="--retrain and --trained"):
        sources.resolve("own", None, True, None, ui, Given(trained=True))


def test_vectors_and_their_names_come_from_the_record(own: ModelSpec) -> None:
    """Not from what lies in the model's folder, when another training is shown."""
    folder = records.training_folder(own, "a")
    write(folder, data=model_bytes(bias=1))
    swapped = {"inputs": np.array([[9, 9]], np.int8), "labels": np.array([1])}
    np.savez(folder / "test.npz", **swapped, scale=np.float32(0.5), zero_point=np.int32(0))
    path = folder / "metrics.json"
    document = json.loads(path.read_text())
    digest = hashlib.sha256((folder / "test.npz").read_bytes()).hexdigest()
    document["variants"]["a"]["test_sha256"] = digest
    path.write_text(json.dumps(document), encoding="utf-8")
    job = pipeline.Job("host", "own")
    vectors = pipeline.choose_vectors(taken(trained=True), job)
    assert vectors.inputs[0].tolist() == [[[9, 9]]]
    assert vectors.labels is not None
    assert vectors.labels.tolist() == [1]


def test_recipe_that_was_not_trained_yet_is_listed(own: ModelSpec) -> None:
    from tinydeploy.commands import models as command

    (own.folder / "a.tflite").unlink()
    _, first, second = command._model_lines(own)
    assert "not trained yet: `tinydeploy train own --variant a --update`" in first
    assert "not trained yet" in second
    assert command._model_row(own, own.variant())["tflite"] is None


def trained(spec: ModelSpec, folder: Path, variant: str) -> Trained:
    found = records.of_folder(spec, variant, folder)
    return Trained(
        spec, variant, folder / "x.keras", found.tflite, folder / "test.npz", found.metrics
    )


def test_variants_share_a_test_set_only_if_it_is_the_same(own: ModelSpec, tmp_path: Path) -> None:
    write(tmp_path / "out", "f", model_bytes(is_float=True))
    train.publish(trained(own, tmp_path / "out", "f"))
    assert records.committed(own, "f").test_file.name == "test.npz"
    np.savez(tmp_path / "out" / "test.npz", inputs=np.ones((1, 2), "f"), labels=[1])
    digest = hashlib.sha256((tmp_path / "out" / "test.npz").read_bytes()).hexdigest()
    again = trained(own, tmp_path / "out", "f")
    again = dataclasses.replace(again, metrics={**again.metrics, "test_sha256": digest})
    train.publish(again)
    assert records.committed(own, "f").test_file.name == "test_f.npz"
    assert records.committed(own, "f").test_set()[0].tolist() == [[1, 1]]
    assert len(records.committed(own, "a").test_set()[0]) == 2
