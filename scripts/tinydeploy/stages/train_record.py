"""What training leaves beside a model: its test set and its figures."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from tinydeploy import whole
from tinydeploy.models import Dataset, Split
from tinydeploy.stages import train_evaluate as evaluate
from tinydeploy.stages import train_tensorflow
from tinydeploy.stages.trained_model import TrainedModel

DEFAULT_TEST_POINTS = 320
VERSIONED = ("tensorflow-cpu", "tensorflow", "keras", "numpy", "scipy", "espeakng-loader")


def write_test_set(trained: TrainedModel, tflite: Path, path: Path) -> Split:
    """The part of the test set that is committed, quantized as the model wants it.

    Returns:
        It as it is stored.
    """
    spec = trained.spec
    count = int(spec.data.get("test_points", DEFAULT_TEST_POINTS))
    split = evaluate.balanced(trained.dataset.to_store or trained.dataset.test, count, seed=0)
    encoding, _ = evaluate.encodings(tflite.read_bytes())
    arrays: dict[str, Any] = {"inputs": encoding.quantize(split.x), "labels": split.y}
    if encoding.dtype.kind != "f":
        arrays |= {"scale": encoding.scale, "zero_point": np.int32(encoding.zero_point)}
    with whole.appearing(path) as beside, beside.open("wb") as file:
        np.savez_compressed(file, **arrays)
    return replace(split, x=arrays["inputs"])


def measure(
    trained: TrainedModel, float_path: Path, tflite: Path, test_file: Path, stored: Split
) -> dict[str, Any]:
    """All figures of a training, as `metrics.json` keeps them.

    Args:
        test_file, stored: the test set that `write_test_set` wrote.
    """
    spec, chosen = trained.spec, trained.spec.variant(trained.variant)
    test, model = trained.dataset.test, tflite.read_bytes()
    keras_model = train_tensorflow.keras().models.load_model(trained.keras)
    expected = keras_model.predict(test.x, batch_size=256, verbose=0)
    encoding, _ = evaluate.encodings(model)
    outputs = evaluate.run_tflm(model, encoding.quantize(test.x))
    on_stored = evaluate.run_tflm(model, stored.x)
    figures = {
        "float": evaluate.measured(expected, test.y, is_regression=spec.is_regression),
        chosen.quantization: evaluate.measured(outputs, test.y, is_regression=spec.is_regression),
        "test_npz": evaluate.measured(on_stored, stored.y, is_regression=spec.is_regression),
    }
    metrics: dict[str, Any] = {
        f"{kind}_{name}": value for kind, found in figures.items() for name, value in found.items()
    }
    if not spec.is_regression:
        metrics["confusion"] = evaluate.confusion(outputs, test.y)
        metrics["labels"] = list(spec.labels)
    if spec.words:
        metrics["words"] = list(spec.words)
    if len(trained.dataset.sources) > 1:
        metrics["sources"] = _by_source(trained, outputs)
    return metrics | {
        "test_samples": len(test.x),
        "train_samples": len(trained.dataset.train.x),
        "test_npz_samples": len(stored.x),
        "test_file": test_file.name,
        "test_sha256": hashlib.sha256(test_file.read_bytes()).hexdigest(),
        "parameters": trained.parameters,
        "keras_bytes": trained.keras.stat().st_size,
        "float_bytes": float_path.stat().st_size,
        "tflite_bytes": len(model),
        "tflite_sha256": hashlib.sha256(model).hexdigest(),
        "seed": trained.seed,
        "epochs": trained.epochs,
        "data": trained.dataset.description,
        "data_sha256": fingerprint(trained.dataset),
        "versions": _versions(),
    }


def _by_source(trained: TrainedModel, outputs: Any) -> dict[str, dict[str, float]]:
    """The figures for each source of the test set: a large one would hide a small one."""
    test, found = trained.dataset.test, {}
    for number, name in enumerate(trained.dataset.sources):
        of_it = test.source == number
        figures = (
            evaluate.measured(
                outputs[of_it], test.y[of_it], is_regression=trained.spec.is_regression
            )
            if of_it.any()
            else {}
        )
        found[name] = {"test_samples": int(of_it.sum()), **figures}
    return found


def fingerprint(dataset: Dataset) -> str:
    """Hash over all samples and labels of all splits."""
    digest = hashlib.sha256()
    for split in (dataset.train, dataset.validation, dataset.test):
        for values in (split.x, split.y):
            digest.update(f"{values.dtype.str}{values.shape}".encode())
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def write_metrics(path: Path, known: dict[str, Any], variant: str, metrics: dict[str, Any]) -> None:
    """Write the figures of one variant beside those of the others that are known."""
    text = json.dumps({"variants": {**known, variant: metrics}}, indent=1, sort_keys=True)
    whole.write(path, text + "\n")


def _versions() -> dict[str, str]:
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in VERSIONED:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
