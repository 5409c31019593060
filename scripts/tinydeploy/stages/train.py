"""Train a model of ours from its recipe, quantize it, and measure both.

The same seed gives the same `.tflite`, byte for byte, on the same machine.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.config import BUILD_DIR
from tinydeploy.errors import TrainingError
from tinydeploy.models import METRICS_FILE, TEST_FILE, Dataset, ModelSpec, Progress
from tinydeploy.stages import train_evaluate as evaluate
from tinydeploy.stages import train_progress, train_tensorflow
from tinydeploy.stages import train_record as record
from tinydeploy.stages.convert import convert_all

Array = npt.NDArray[Any]

REPRESENTATIVE_SAMPLES = 500


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
        committed = record.write_test_set(trained, tflite, out_dir / TEST_FILE)
        tell("measuring", 0, 1)
        metrics = record.measure(trained, float_path, tflite, committed)
        tell("measuring", 1, 1)
    record.write_metrics(out_dir / METRICS_FILE, {}, chosen.name, metrics)
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
    record.write_metrics(folder / METRICS_FILE, known, trained.variant, trained.metrics)


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


def _figure(value: float, what: str) -> str:
    return f"{100 * value:.1f} %" if what == "accuracy" else f"{value:.4f}"


@contextmanager
def _shown(progress: Progress | None) -> Iterator[Progress]:
    if progress is not None:
        yield progress
        return
    with train_progress.shown() as tell:
        yield tell
