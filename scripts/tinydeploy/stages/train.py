"""Train a model of ours from its recipe, quantize it, and measure both.

The same seed gives the same `.tflite`, byte for byte, on the same machine.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.config import BUILD_DIR
from tinydeploy.errors import TrainingError
from tinydeploy.models import METRICS_FILE, TEST_FILE, Dataset, ModelSpec, Progress, Split
from tinydeploy.stages import train_evaluate as evaluate
from tinydeploy.stages import train_progress, train_tensorflow
from tinydeploy.stages.convert import convert_all

Array = npt.NDArray[Any]

REPRESENTATIVE_SAMPLES = 500
VERSIONED = ("tensorflow-cpu", "tensorflow", "keras", "numpy", "scipy", "espeakng-loader")


@dataclass(frozen=True)
class TrainedModel:
    """A trained float model.

    Attributes:
        keras: the .keras file, with a batch of 1.
        history: per epoch, what Keras measured: "loss", "val_loss", ...
    """

    spec: ModelSpec
    variant: str
    keras: Path
    dataset: Dataset
    seed: int
    epochs: int
    history: dict[str, list[float]]
    parameters: int


@dataclass(frozen=True)
class Trained:
    """A trained and quantized model with its test set and figures, all in one folder."""

    spec: ModelSpec
    variant: str
    keras: Path
    tflite: Path
    test_set: Path
    metrics: dict[str, Any]

    @property
    def summary(self) -> str:
        """One line for the terminal."""
        size = f"{self.metrics['tflite_bytes']:,} bytes"
        what = "mean_absolute_error" if self.spec.is_regression else "accuracy"
        quantization = self.spec.variant(self.variant).quantization
        kinds = dict.fromkeys(["float", quantization])
        figures = [f"{kind} {_figure(self.metrics[f'{kind}_{what}'], what)}" for kind in kinds]
        return f"{what.replace('_', ' ')}: {', '.join(figures)}; {size}"


def train(
    spec: ModelSpec,
    *,
    out_dir: Path,
    variant: str | None = None,
    seed: int | None = None,
    epochs: int | None = None,
    source: str | None = None,
    log_dir: Path | None = None,
    progress: Progress | None = None,
) -> TrainedModel:
    """Train a variant from nothing.

    Args:
        out_dir: where the .keras file goes.
        seed, epochs: None for the recipe's.
        source: where data come from, in the words of the model's README, several joined by "+";
            None for the recipe's.
        log_dir: for TensorBoard; `out_dir`/tensorboard for None.
        progress: told what is under way; by default it is shown on standard error.

    Raises:
        TrainingError: training did not converge to anything.
        UsageError: no such variant or source.
    """
    chosen = spec.variant(variant)
    options = {**spec.training, **chosen.training}
    seed = int(options["seed"]) if seed is None else seed
    epochs = int(options["epochs"]) if epochs is None else epochs
    out_dir.mkdir(parents=True, exist_ok=True)
    with _shown(progress) as tell:
        dataset = spec.module("data").load(
            spec, seed=seed, sources=source.split("+") if source else (), progress=tell
        )
        train_tensorflow.fix_seeds(seed)
        model = spec.module("model").build(chosen.name)
        log_dir = log_dir or out_dir / "tensorboard"
        history = _fit(model, spec, options, dataset, epochs, log_dir, tell)
    path = out_dir / f"{chosen.name}.keras"
    model.save(path)
    return TrainedModel(
        spec, chosen.name, path, dataset, seed, epochs, history, int(model.count_params())
    )


def train_and_convert(
    spec: ModelSpec,
    *,
    out_dir: Path | None = None,
    variant: str | None = None,
    seed: int | None = None,
    epochs: int | None = None,
    source: str | None = None,
    log_dir: Path | None = None,
    progress: Progress | None = None,
    update: bool = False,
) -> Trained:
    """`train`, convert as the variant says, and measure float and quantized on the test set.

    Leaves in `out_dir` (default: `build/<model>_<variant>/train`) the .keras file, the float and
    the quantized .tflite, `test.npz`, `metrics.json` and TensorBoard's logs. With `update`,
    `publish` follows.
    """
    chosen = spec.variant(variant)
    out_dir = out_dir or BUILD_DIR / f"{spec.name}_{chosen.name}" / "train"
    with _shown(progress) as tell:
        trained = train(
            spec,
            out_dir=out_dir,
            variant=chosen.name,
            seed=seed,
            epochs=epochs,
            source=source,
            log_dir=log_dir,
            progress=tell,
        )
        tell("converting", 0, 1)
        float_path = out_dir / f"{chosen.name}.float.tflite"
        tflite = out_dir / chosen.tflite
        wanted = [(float_path, "float"), (tflite, chosen.quantization)]
        convert_all(trained.keras, wanted, _representative(spec, trained))
        tell("converting", 1, 1)
        committed = _write_test_set(trained, tflite, out_dir / TEST_FILE)
        tell("measuring", 0, 1)
        metrics = _metrics(trained, float_path, tflite, committed)
        tell("measuring", 1, 1)
    _write_metrics(out_dir / METRICS_FILE, {}, chosen.name, metrics)
    result = Trained(spec, chosen.name, trained.keras, tflite, out_dir / TEST_FILE, metrics)
    if update:
        publish(result)
    return result


def publish(trained: Trained) -> None:
    """Put a trained model, its test set and its figures into the model's folder."""
    folder = trained.spec.folder
    shutil.copyfile(trained.tflite, folder / trained.spec.variant(trained.variant).tflite)
    shutil.copyfile(trained.test_set, folder / TEST_FILE)
    known = {
        variant.name: found
        for variant in trained.spec.variants
        if (found := trained.spec.metrics(variant.name))
    }
    _write_metrics(folder / METRICS_FILE, known, trained.variant, trained.metrics)


def check_limits(spec: ModelSpec, metrics: dict[str, Any], quantization: str) -> list[str]:
    """What the recipe's limits forbid, in words; empty if all is well."""
    what = "mean_absolute_error" if spec.is_regression else "accuracy"
    sign = -1 if spec.is_regression else 1  # less error is better, more accuracy is
    reached, wanted = metrics[f"{quantization}_{what}"], spec.limits[what]
    lost = sign * (metrics[f"float_{what}"] - reached)
    problems = []
    if sign * reached < sign * wanted:
        problems.append(f"{what} is {_figure(reached, what)}, the limit {_figure(wanted, what)}")
    if lost > spec.limits["quantization_loss"]:
        problems.append(f"quantization costs {_figure(lost, what)}")
    return problems


def _fit(
    model: Any,
    spec: ModelSpec,
    options: dict[str, Any],
    dataset: Dataset,
    epochs: int,
    log_dir: Path,
    tell: Progress,
) -> dict[str, list[float]]:
    keras = train_tensorflow.keras()
    steps = -(-len(dataset.train.x) // options["batch_size"]) * epochs
    rate = keras.optimizers.schedules.CosineDecay(options["learning_rate"], max(steps, 1))
    loss = "mse" if spec.is_regression else "sparse_categorical_crossentropy"
    metrics = ["mae"] if spec.is_regression else ["accuracy"]
    model.compile(keras.optimizers.Adam(rate), loss, metrics=metrics)
    shutil.rmtree(log_dir, ignore_errors=True)
    result = model.fit(
        dataset.train.x,
        dataset.train.y,
        batch_size=options["batch_size"],
        epochs=epochs,
        validation_data=(dataset.validation.x, dataset.validation.y),
        verbose=0,
        callbacks=[
            keras.callbacks.TensorBoard(str(log_dir), write_graph=False),
            keras.callbacks.TerminateOnNaN(),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: tell(_epoch_text(logs), epoch + 1, epochs)
            ),
        ],
    )
    history: dict[str, list[float]] = result.history
    if not np.isfinite(history["loss"][-1]):
        raise TrainingError(
            "the loss is not a number any more", "take a smaller learning rate in model.toml"
        )
    return history


def _epoch_text(logs: dict[str, float]) -> str:
    metric = "mae" if "mae" in logs else "accuracy"
    return (
        f"training: loss {logs['loss']:.4f}, {metric} {logs[metric]:.4f}, "
        f"validation {logs[f'val_{metric}']:.4f}; epoch"
    )


def _representative(spec: ModelSpec, trained: TrainedModel) -> Array:
    """Training inputs, and those that span the input's range if the model's data code has some.

    Spanning the range fixes the scale of the quantized input whatever samples were drawn.
    """
    split = evaluate.balanced(trained.dataset.train, REPRESENTATIVE_SAMPLES - 2, trained.seed)
    samples = split.x[: REPRESENTATIVE_SAMPLES - 2]
    extremes = getattr(spec.module("data"), "extremes", None)
    return samples if extremes is None else np.concatenate([samples, extremes()])


def _write_test_set(trained: TrainedModel, tflite: Path, path: Path) -> Split:
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


def _metrics(
    trained: TrainedModel, float_path: Path, tflite: Path, committed: Split
) -> dict[str, Any]:
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


def _write_metrics(
    path: Path, known: dict[str, Any], variant: str, metrics: dict[str, Any]
) -> None:
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


def _figure(value: float, what: str) -> str:
    return f"{100 * value:.1f} %" if what == "accuracy" else f"{value:.4f}"


@contextmanager
def _shown(progress: Progress | None) -> Iterator[Progress]:
    if progress is not None:
        yield progress
        return
    with train_progress.shown() as tell:
        yield tell
