"""A trained model and what belongs to it: labels, encoding, data, test set, figures.

All of it lies in one folder, a model's own or that of a training: the `.tflite`, a test set, and
`metrics.json`, which names the bytes of both by their hashes. What is shown of a model comes from
its record; what does not fit together is an error, before anything is built.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy import models
from tinydeploy.config import BUILD_DIR, ROOT
from tinydeploy.errors import ModelFileError, UsageError
from tinydeploy.graph import encoding, read_tflite
from tinydeploy.graph.encoding import Encoding
from tinydeploy.graph.ir import Model
from tinydeploy.models import METRICS_FILE, TEST_FILE, ModelSpec

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Record:
    """A variant of a model of ours as it was trained.

    Attributes:
        metrics: what training found and kept, see `stages.train_record`.
    """

    spec: ModelSpec
    variant: str
    tflite: Path
    metrics: dict[str, Any]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes that it was trained for; empty for a regression."""
        return tuple(self.metrics.get("labels", ()))

    @property
    def sha256(self) -> str:
        """Of the .tflite that was measured."""
        return str(self.metrics.get("tflite_sha256", ""))

    @property
    def test_file(self) -> Path:
        """The test set, which training has not seen."""
        return self.tflite.parent / str(self.metrics.get("test_file", TEST_FILE))

    @property
    def figure(self) -> str:
        """How well it does, in words."""
        shown = self._shown(self.spec.variant(self.variant).quantization)
        return f"{self._what.replace('_', ' ')} {shown}"

    @property
    def figures(self) -> str:
        """`figure`, and that of the float model."""
        return f"{self.figure} (float {self._shown('float')})"

    def _shown(self, quantization: str) -> str:
        value = self.metrics.get(f"{quantization}_{self._what}")
        if value is None:
            return "not measured"
        return f"{value:.4f}" if self.spec.is_regression else f"{100 * value:.1f} %"

    @property
    def _what(self) -> str:
        return "mean_absolute_error" if self.spec.is_regression else "accuracy"

    @cached_property
    def model(self) -> Model:
        """The .tflite as a graph."""
        return read_tflite.load(self.tflite)

    def test_set(self) -> tuple[Array, Array]:
        """The stored part of the test set.

        Returns:
            inputs [n, *input shape] in the type of the model's input, and labels: class indices
            [n], or targets [n, m] of a regression.

        Raises:
            ModelFileError: the file is missing, spoiled, or not that of this training.
        """
        data = _bytes_of(self.test_file, self._remedy)
        if hashlib.sha256(data).hexdigest() != self.metrics.get("test_sha256"):
            raise ModelFileError(
                f"{shown(self.test_file)} is not the test set of the training that made "
                f"{self.tflite.name}",
                self._remedy,
            )
        inputs, labels, stored = _stored(self.test_file, self._remedy)
        return self._encoded(inputs, stored), labels

    def check(self) -> None:
        """Raises ModelFileError where labels, model and figures are not of one training."""
        data = _bytes_of(self.tflite, self._remedy)
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise ModelFileError(
                f"{shown(self.tflite)} is not the model that {METRICS_FILE} beside it was "
                "measured with",
                self._remedy,
            )
        if self.labels != self.spec.labels:
            raise ModelFileError(
                f"{shown(self.tflite)} was trained for the labels {', '.join(self.labels)}; "
                f"its recipe says {', '.join(self.spec.labels)}",
                self._remedy,
            )
        outputs = self.model.main.outputs[0].size
        if self.labels and outputs != len(self.labels):
            raise ModelFileError(
                f"{shown(self.tflite)} has {outputs} outputs for {len(self.labels)} labels",
                self._remedy,
            )
        self.test_set()

    def _encoded(self, inputs: Array, stored: Encoding) -> Array:
        """The inputs in the model's own encoding; other steps of the same type don't fit."""
        wanted = encoding.of(self.model.main.inputs[0])
        if stored.dtype != wanted.dtype:
            return wanted.quantize(stored.dequantize(inputs))
        if (stored.scale, stored.zero_point) != (wanted.scale, wanted.zero_point):
            raise ModelFileError(
                f"{shown(self.test_file)} is quantized with scale {stored.scale:g} and zero point "
                f"{stored.zero_point}, the input of {self.tflite.name} with {wanted.scale:g} and "
                f"{wanted.zero_point}",
                self._remedy,
            )
        return inputs

    @property
    def _remedy(self) -> str:
        return remedy(self.spec, self.variant)


def remedy(spec: ModelSpec, variant: str) -> str:
    """What brings a model and its record together again."""
    name = spec.name if variant == spec.default_variant else f"{spec.name} --variant {variant}"
    again = f"train it: `tinydeploy train {name} --update`, or deploy it with --retrain"
    if training(spec, variant) is None:
        return again
    folder = shown(training_folder(spec, variant))
    return f"--trained takes the training that is in {folder}; or {again}"


def committed(spec: ModelSpec, variant: str | None = None) -> Record:
    """The record in the model's own folder, with everything checked.

    Raises:
        ModelFileError: something is missing, or does not belong together.
    """
    chosen = spec.variant(variant).name
    found = of_folder(spec, chosen, spec.folder)
    if not found.tflite.is_file():
        raise ModelFileError(
            f"{shown(found.tflite)} is missing", f"restore it from git, or {remedy(spec, chosen)}"
        )
    if not found.metrics:
        raise ModelFileError(
            f"{shown(spec.folder / METRICS_FILE)} has no record of {found.tflite.name}",
            f"{remedy(spec, chosen)}; a .tflite of your own deploys by its path",
        )
    found.check()
    return found


def training_folder(spec: ModelSpec, variant: str) -> Path:
    """Where `train` and `--retrain` leave a variant."""
    chosen = spec.variant(variant).name
    label = spec.name if chosen == spec.default_variant else f"{spec.name}_{chosen}"
    return BUILD_DIR / label / "train"


def training(spec: ModelSpec, variant: str) -> Record | None:
    """The last training of the variant, for the recipe's labels or for a user's own words.

    None if there is none, or if the recipe has other labels by now.
    """
    try:
        found = of_folder(spec, spec.variant(variant).name, training_folder(spec, variant))
        if words := found.metrics.get("words"):
            found = replace(found, spec=models.for_words(spec, words))
        if not found.metrics or found.labels != found.spec.labels:
            return None
        data = found.tflite.read_bytes()
    except (ModelFileError, UsageError, OSError, TypeError):
        return None
    return found if hashlib.sha256(data).hexdigest() == found.sha256 else None


def of_folder(spec: ModelSpec, variant: str, folder: Path) -> Record:
    """The record in `folder`, as it is; its metrics are empty where there are none."""
    tflite = folder / spec.variant(variant).tflite
    return Record(spec, variant, tflite, metrics_of(folder, variant))


def metrics_of(folder: Path, variant: str) -> dict[str, Any]:
    """What `metrics.json` in `folder` says of a variant; empty where there is nothing.

    Raises:
        ModelFileError: the file is not what training writes.
    """
    path = folder / METRICS_FILE
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["variants"].get(variant, {}))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(
            f"{shown(path)} is not what training writes", "restore it from git, or train anew"
        ) from error


def _stored(path: Path, hint: str) -> tuple[Array, Array, Encoding]:
    """Inputs, labels, and the encoding of the inputs."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            inputs, labels = stored["inputs"], stored["labels"]
            if inputs.dtype.kind == "f":
                return inputs, labels, Encoding(inputs.dtype, np.float32(1), 0)
            scale, zero_point = np.float32(stored["scale"]), int(stored["zero_point"])
            return inputs, labels, Encoding(inputs.dtype, scale, zero_point)
    except (OSError, ValueError, KeyError) as error:
        raise ModelFileError(f"{shown(path)} cannot be read: {error}", hint) from error


def _bytes_of(path: Path, hint: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{shown(path)} cannot be read: {error.strerror}", hint) from error


def shown(path: Path) -> str:
    """From the checkout, where it lies in there."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
