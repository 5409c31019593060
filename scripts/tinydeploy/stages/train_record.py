"""What training leaves beside a model: its test set and its figures."""

from __future__ import annotations

import hashlib
import json
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinydeploy.models import TEST_FILE, ModelSpec, Split
from tinydeploy.stages import train_evaluate as evaluate
from tinydeploy.stages import train_tensorflow

if TYPE_CHECKING:
    from tinydeploy.stages.train import TrainedModel

VERSIONED = ("tensorflow-cpu", "tensorflow", "keras", "numpy", "scipy", "espeakng-loader")


def write_test_set(trained: TrainedModel, tflite: Path, path: Path) -> Split:
    """The part of the test set that is committed, quantized as an int8 model wants it."""
    spec = trained.spec
    split = evaluate.balanced(trained.dataset.test, int(spec.data["test_points"]), seed=0)
    encoding, _ = evaluate.encodings(tflite.read_bytes())
    if encoding.dtype != np.int8:
        encoding = _int8_encoding(spec)
    inputs, labels = encoding.quantize(split.x), split.y
    np.savez_compressed(
        path,
        inputs=inputs,
        labels=labels,
        scale=encoding.scale,
        zero_point=np.int32(encoding.zero_point),
    )
    return Split(inputs, labels)


def _int8_encoding(spec: ModelSpec) -> evaluate.Encoding:
    """That of the test set which is there already, made with an int8 variant."""
    with np.load(spec.folder / TEST_FILE, allow_pickle=False) as stored:
        return evaluate.Encoding(
            np.dtype(np.int8), np.float32(stored["scale"]), int(stored["zero_point"])
        )


def measure(
    trained: TrainedModel, float_path: Path, tflite: Path, committed: Split
) -> dict[str, Any]:
    """All figures of a training, as `metrics.json` keeps them.

    Args:
        committed: the test set that `write_test_set` wrote.
    """
    spec, chosen = trained.spec, trained.spec.variant(trained.variant)
    test, model = trained.dataset.test, tflite.read_bytes()
    keras_model = train_tensorflow.keras().models.load_model(trained.keras)
    expected = keras_model.predict(test.x, batch_size=256, verbose=0)
    encoding, _ = evaluate.encodings(model)
    outputs = evaluate.run_tflm(model, encoding.quantize(test.x))
    figures = {
        "float": evaluate.measured(expected, test.y, is_regression=spec.is_regression),
        chosen.quantization: evaluate.measured(outputs, test.y, is_regression=spec.is_regression),
        "test_npz": _on_committed(spec, model, encoding, committed),
    }
    metrics: dict[str, Any] = {
        f"{kind}_{name}": value for kind, found in figures.items() for name, value in found.items()
    }
    if not spec.is_regression:
        metrics["confusion"] = evaluate.confusion(outputs, test.y)
        metrics["labels"] = list(spec.labels)
    return metrics | {
        "test_samples": len(test.x),
        "train_samples": len(trained.dataset.train.x),
        "test_npz_samples": len(committed.x),
        "parameters": trained.parameters,
        "keras_bytes": trained.keras.stat().st_size,
        "float_bytes": float_path.stat().st_size,
        "tflite_bytes": len(model),
        "tflite_sha256": hashlib.sha256(model).hexdigest(),
        "seed": trained.seed,
        "epochs": trained.epochs,
        "data": trained.dataset.description,
        "versions": _versions(),
    }


def _on_committed(
    spec: ModelSpec, model: bytes, encoding: evaluate.Encoding, committed: Split
) -> dict[str, float]:
    inputs = committed.x
    if encoding.dtype.kind == "f":
        inputs = _int8_encoding(spec).dequantize(inputs)
    outputs = evaluate.run_tflm(model, inputs)
    return evaluate.measured(outputs, committed.y, is_regression=spec.is_regression)


def write_metrics(path: Path, known: dict[str, Any], variant: str, metrics: dict[str, Any]) -> None:
    """Write the figures of one variant beside those of the others that are known."""
    text = json.dumps({"variants": {**known, variant: metrics}}, indent=1, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def _versions() -> dict[str, str]:
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in VERSIONED:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
