"""What must fit together before a training of minutes begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinydeploy.errors import ModelFileError, TrainingError
from tinydeploy.models import Dataset, ModelSpec, Split

OPTIONS = ("epochs", "batch_size", "learning_rate", "seed")


def check_options(spec: ModelSpec, options: Mapping[str, Any]) -> None:
    """Raises ModelFileError where the recipe leaves out how to train."""
    missing = [name for name in OPTIONS if name not in options]
    if missing:
        raise ModelFileError(
            f"the recipe of {spec.name!r} has no {', '.join(missing)} in [training]",
            "see models/README.md",
        )
    if not spec.is_regression and not spec.labels:
        raise ModelFileError(
            f"the recipe of {spec.name!r} names no labels",
            "write the classes in the order of the outputs: labels = [...]",
        )


def check_dataset(spec: ModelSpec, dataset: Dataset) -> None:
    """Raises TrainingError where a split is empty, has no numbers or lacks a class."""
    for name in ("train", "validation", "test"):
        _check_split(spec, name, getattr(dataset, name))


def _check_split(spec: ModelSpec, name: str, split: Split) -> None:
    if not len(split.x) or len(split.x) != len(split.y):
        raise TrainingError(
            f"the {name} set of {spec.name!r} has {len(split.x)} inputs and {len(split.y)} labels",
            "data.py must give as many of both, and some to each split",
        )
    if not np.isfinite(split.x).all():
        raise TrainingError(f"the {name} set of {spec.name!r} has NaN or infinite inputs", "")
    if spec.is_regression:
        return
    if split.y.ndim != 1 or split.y.dtype.kind not in "iu":
        raise TrainingError(
            f"labels of the {name} set are {split.y.dtype} {split.y.shape}, not one index each",
            "data.py must give class indices [n] of an integer type",
        )
    strange = sorted(set(np.unique(split.y).tolist()) - set(range(len(spec.labels))))
    if strange:
        raise TrainingError(
            f"the {name} set has the label {strange[0]}, the recipe {len(spec.labels)} labels: "
            f"{', '.join(spec.labels)}",
            "number the classes from 0 in the order of the recipe's labels",
        )
    missing = sorted(set(range(len(spec.labels))) - set(np.unique(split.y).tolist()))
    if missing and name != "validation":
        raise TrainingError(
            f"the {name} set has nothing of {', '.join(spec.labels[index] for index in missing)}",
            "give data of every class, or take the label out of the recipe",
        )


def check_model(spec: ModelSpec, model: Any, dataset: Dataset) -> None:
    """Raises TrainingError where a Keras model does not fit the data or the labels."""
    wanted, given = tuple(model.input_shape[1:]), dataset.train.x.shape[1:]
    if wanted != given:
        raise TrainingError(
            f"the data of {spec.name!r} have the shape {list(given)}, its model takes "
            f"{list(wanted)}",
            "let model.py and data.py agree",
        )
    outputs = int(np.prod(model.output_shape[1:]))
    if not spec.is_regression and outputs != len(spec.labels):
        raise TrainingError(
            f"the model of {spec.name!r} has {outputs} outputs, its recipe {len(spec.labels)} "
            f"labels: {', '.join(spec.labels)}",
            "let the last layer have an output for each label",
        )
