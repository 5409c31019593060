"""The training itself: batches, loss and schedule as the recipe says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.errors import TrainingError
from tinydeploy.models import Dataset, ModelSpec, Progress, Split
from tinydeploy.stages import train_tensorflow

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Fitting:
    """How to train.

    Attributes:
        options: the recipe's `[training]`.
        log_dir: for TensorBoard.
    """

    spec: ModelSpec
    options: Mapping[str, Any]
    log_dir: Path
    tell: Progress


def fit(how: Fitting, model: Any, dataset: Dataset, seed: int) -> dict[str, list[float]]:
    """Train a Keras model in place; what Keras measured after each epoch.

    Raises:
        TrainingError: the loss is not a number any more.
    """
    keras, epochs, size = train_tensorflow.keras(), how.options["epochs"], how.options["batch_size"]
    trained_part = getattr(how.spec.module("model"), "trained_part", None)
    trainee = trained_part(model) if trained_part else model
    steps = -(-len(dataset.train.x) // size)
    _compile(how, trainee, steps * epochs)
    shutil.rmtree(how.log_dir, ignore_errors=True)
    train, validation = (
        _targets(how.spec, trainee, each, trainee is not model)
        for each in (dataset.train, dataset.validation)
    )
    result = trainee.fit(
        _batches(dataset.train.x, train, size, how.options.get("masks", ()), seed),
        steps_per_epoch=steps,
        epochs=epochs,
        validation_data=(dataset.validation.x, validation),
        shuffle=False,  # the batches are
        verbose=0,
        callbacks=[
            keras.callbacks.TensorBoard(str(how.log_dir), write_graph=False),
            keras.callbacks.TerminateOnNaN(),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: how.tell(_epoch_text(logs), epoch + 1, epochs)
            ),
        ],
    )
    history: dict[str, list[float]] = result.history
    if not np.isfinite(history["loss"][-1]):
        raise TrainingError(
            "the loss is not a number any more", "take a smaller learning rate in model.toml"
        )
    return history


def _compile(how: Fitting, trainee: Any, steps: int) -> None:
    keras, options = train_tensorflow.keras(), how.options
    warmup = int(steps * options.get("warmup_share", 0))
    peak = float(options["learning_rate"])
    rate = (
        keras.optimizers.schedules.CosineDecay(
            peak / 100, max(steps - warmup, 1), warmup_target=peak, warmup_steps=warmup
        )
        if warmup
        else keras.optimizers.schedules.CosineDecay(peak, max(steps, 1))
    )
    loss: Any = "mse"
    if not how.spec.is_regression:
        smoothing = options.get("label_smoothing", 0)
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)
    optimizer = keras.optimizers.Adam(rate, weight_decay=options.get("weight_decay"))
    trainee.compile(optimizer, loss, metrics=["mae"] if how.spec.is_regression else ["accuracy"])


def _targets(spec: ModelSpec, trainee: Any, split: Split, is_part: bool) -> Array:
    """What is to be said of each sample: values, or a one for its class."""
    if spec.is_regression:
        return split.y
    wanted = split.hidden if is_part and split.hidden is not None else split.y
    return np.eye(int(trainee.output_shape[-1]), dtype=np.float32)[wanted]


def _batches(
    x: Array, targets: Array, size: int, masks: Sequence[int], seed: int
) -> Iterator[tuple[Array, Array]]:
    """Each epoch all samples in another order, the last batch as large as is left."""
    generator = np.random.default_rng(seed)
    while True:
        order = generator.permutation(len(x))
        for at in range(0, len(x), size):
            chosen = order[at : at + size]
            yield masked(x[chosen], masks, generator), targets[chosen]


def masked(x: Array, masks: Sequence[int], generator: np.random.Generator) -> Array:
    """Blank up to `masks[i]` neighbours along axis i + 1 of each sample, as SpecAugment does."""
    for axis, widest in enumerate(masks, start=1):
        length = x.shape[axis]
        width = generator.integers(0, widest + 1, (len(x), 1))
        start = generator.integers(0, length - width + 1)
        place = np.arange(length)
        kept = (place < start) | (place >= start + width)
        x = x * kept.reshape(len(x), *(length if a == axis else 1 for a in range(1, x.ndim)))
    return x


def _epoch_text(logs: Mapping[str, float]) -> str:
    metric = "mae" if "mae" in logs else "accuracy"
    return (
        f"training: loss {logs['loss']:.4f}, {metric} {logs[metric]:.4f}, "
        f"validation {logs[f'val_{metric}']:.4f}; epoch"
    )
