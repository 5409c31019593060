"""The models that come with the project: one folder each under `models/`.

`model.toml` is the recipe. It names the variants and their committed `.tflite` files, how they are
trained and how well they must do. Nothing here imports TensorFlow.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.config import MODELS_DIR
from tinydeploy.errors import ModelFileError, UsageError
from tinydeploy.words import did_you_mean

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Array = npt.NDArray[Any]
Progress = Callable[[str, int, int], None]  # what is under way, done, total

RECIPE_FILE, TEST_FILE, METRICS_FILE = "model.toml", "test.npz", "metrics.json"
NO_KEYWORDS = ("silence", "unknown")  # labels of a keyword spotter beside its keywords
TASKS = ("classification", "regression")
QUANTIZATIONS = ("int8", "int16x8", "float")


def no_progress(what: str, done: int, total: int) -> None:
    """For callers that show nothing."""


@dataclass(frozen=True)
class Split:
    """Part of a data set.

    Attributes:
        x: [n, *input shape] float32.
        y: [n] class indices, or [n, m] targets.
        origin: [n] which of `Dataset.sources` a sample is from; None if all are from the first.
        hidden: [n] finer classes, which `model.trained_part` tells apart; None for `y`.
    """

    x: Array
    y: Array
    origin: Array | None = None
    hidden: Array | None = None

    @property
    def source(self) -> Array:
        """[n] which of `Dataset.sources` each sample is from."""
        return np.zeros(len(self.y), np.int64) if self.origin is None else self.origin

    def at(self, chosen: Array) -> Split:
        """Some of the samples."""
        others = (None if of is None else of[chosen] for of in (self.origin, self.hidden))
        return Split(self.x[chosen], self.y[chosen], *others)


@dataclass(frozen=True)
class Dataset:
    """What a model's `data.py` gives to training.

    Attributes:
        description: where the data come from, in words, for metrics and reports.
        sources: what they were collected from, where there are several.
        to_store: the part of the test set that may be given away with the model; None: all of it.
    """

    train: Split
    validation: Split
    test: Split
    description: str
    sources: tuple[str, ...] = ()
    to_store: Split | None = None


@dataclass(frozen=True)
class Listening:
    """How `evaluate` lets a model of sound hear recordings.

    Attributes:
        split: of the recordings, by speaker; None for all.
        after_speech: each after three seconds of other words, as on a device that runs.
        noise_db: how far the noise is below the loud parts of the speech; None for no noise.
        seed: of what is drawn: the words before, the noise.
    """

    split: str | None = None
    after_speech: bool = False
    noise_db: float | None = None
    seed: int = 1


@dataclass(frozen=True)
class Recorded:
    """What a model's `recorded.py` makes of a folder of recordings.

    Attributes:
        x: [n, *input shape] float32.
        y: [n] class indices.
        words: [n] what is said, by the folders' names.
        notes: what had to be done to recordings, in words.
    """

    x: Array
    y: Array
    words: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Variant:
    """One net, quantized in one way.

    Attributes:
        tflite: file of the committed model, in the model's folder.
        training: what this variant's training does differently.
    """

    name: str
    quantization: str
    tflite: str
    training: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelSpec:
    """A model's recipe.

    Attributes:
        labels: names of the classes in output order; empty for a regression.
        data: options for the model's `data.py`.
        limits: figures that training must keep, see `models/README.md`.
        mlperf: how it takes part in MLPerf Tiny, see `tinydeploy.mlperf.settings`.
        words: keywords that a user wants instead of the recipe's; see `for_words`.
    """

    name: str
    title: str
    task: str
    folder: Path
    variants: tuple[Variant, ...]
    default_variant: str
    labels: tuple[str, ...]
    training: Mapping[str, Any]
    data: Mapping[str, Any]
    limits: Mapping[str, float]
    mlperf: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    def module(self, name: str) -> ModuleType:
        """`<folder>/<name>.py`, in a package made of the folder so that it can import siblings."""
        package = f"tinydeploy_models_{self.name}"
        if getattr(sys.modules.get(package), "__path__", None) != [str(self.folder)]:
            _forget(package)  # of a model of that name in another folder
            sys.modules[package] = ModuleType(package)
            sys.modules[package].__path__ = [str(self.folder)]
        return importlib.import_module(f"{package}.{name}")

    @property
    def is_regression(self) -> bool:
        """Whether the outputs are quantities instead of classes."""
        return self.task == "regression"

    def variant(self, name: str | None = None) -> Variant:
        """The variant of that name, the default one for None.

        Raises:
            UsageError: there is none of that name.
        """
        wanted = name or self.default_variant
        for variant in self.variants:
            if variant.name == wanted:
                return variant
        known = [variant.name for variant in self.variants]
        raise UsageError(
            f"the model {self.name!r} has no variant {wanted!r}",
            did_you_mean(wanted, known, f"variants are: {', '.join(known)}"),
        )

    def tflite(self, variant: str | None = None) -> Path:
        """The committed model.

        Raises:
            ModelFileError: it is not there.
        """
        path = self.folder / self.variant(variant).tflite
        if not path.is_file():
            raise ModelFileError(
                f"{path} is missing",
                f"restore it from git, or train it: --model {self.name} --retrain",
            )
        return path


def names() -> list[str]:
    """Names of all models, sorted."""
    return sorted(path.parent.name for path in MODELS_DIR.glob(f"*/{RECIPE_FILE}"))


def load(name: str) -> ModelSpec:
    """The recipe of a model by its name.

    Raises:
        ModelFileError: there is no such model, or its recipe is wrong.
    """
    if name not in names():
        known = f"models are: {', '.join(names())}"
        raise ModelFileError(f"no model {name!r}", did_you_mean(name, names(), known))
    return load_folder(MODELS_DIR / name)


def load_folder(folder: Path) -> ModelSpec:
    """The recipe in `folder`, which may be anywhere.

    Raises:
        ModelFileError: there is none, or it is wrong; the message says where.
    """
    path = folder / RECIPE_FILE
    try:
        recipe = tomllib.loads(path.read_text(encoding="utf-8"))
        spec = _spec(folder, recipe)
    except OSError as error:
        raise ModelFileError(f"no recipe at {path}", "see models/README.md") from error
    except KeyError as error:
        raise ModelFileError(f"{path}: {error} is missing", "see models/README.md") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelFileError(f"{path}: {error}", "see models/README.md") from error
    return spec


def for_words(spec: ModelSpec, words: Sequence[str]) -> ModelSpec:
    """The recipe of a keyword spotter, for other keywords.

    Raises:
        UsageError: it spots no keywords, or these are none.
    """
    if not set(NO_KEYWORDS) <= set(spec.labels):
        raise UsageError(f"{spec.name} spots no keywords", "leave --words out, or train kws")
    for word in words:
        if word in NO_KEYWORDS or not re.fullmatch(r"[^\W_][\w' -]*", word):
            raise UsageError(
                f"{word!r} is no keyword", "give words as they are spoken: --words zero,one"
            )
    if len(set(words)) != len(words) or not words:
        raise UsageError(f"{','.join(words)!r} names a keyword twice, or none", "name each once")
    others = [label for label in spec.labels if label in NO_KEYWORDS]
    return replace(spec, labels=(*others, *words), words=tuple(words))


def _forget(package: str) -> None:
    """Import a package's modules again when they are asked for."""
    for name in [name for name in sys.modules if name.startswith(f"{package}.")]:
        del sys.modules[name]


def _spec(folder: Path, recipe: Mapping[str, Any]) -> ModelSpec:
    spec = ModelSpec(
        name=_plain_name(recipe["name"], "name"),
        title=recipe["title"],
        task=_one_of(TASKS, recipe["task"], "task"),
        folder=folder,
        variants=tuple(_variant(name, table) for name, table in recipe["variants"].items()),
        default_variant=recipe["default_variant"],
        labels=tuple(recipe.get("labels", ())),
        training=recipe["training"],
        data=recipe.get("data", {}),
        limits=recipe.get("limits", {}),
        mlperf=recipe.get("mlperf", {}),
    )
    _one_of([variant.name for variant in spec.variants], spec.default_variant, "default_variant")
    return spec


def _variant(name: str, table: Mapping[str, Any]) -> Variant:
    quantization = _one_of(QUANTIZATIONS, table["quantization"], "quantization")
    tflite = _plain_name(table["tflite"], "tflite")
    return Variant(_plain_name(name, "variant"), quantization, tflite, table.get("training", {}))


def _plain_name(value: str, what: str) -> str:
    """What becomes a file or a folder: it must stay in the one where it belongs."""
    if not re.fullmatch(r"[A-Za-z0-9_][\w.-]*", value, re.ASCII):
        raise ValueError(f"{what} is {value!r}: letters, digits, `_`, `-` and `.` make a name")
    return value


def _one_of(allowed: tuple[str, ...] | list[str], value: str, what: str) -> str:
    if value not in allowed:
        raise ValueError(f"{what} is {value!r}, not one of {', '.join(allowed)}")
    return value
