"""Vectors for verification: a model's own test set, a user's file or folder, or seeded noise."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tinydeploy.errors import ModelFileError, UsageError

Array = npt.NDArray[Any]

LABELS_FILE = "y_labels.csv"  # EEMBC's name for the labels of a folder of .bin inputs


@dataclass(frozen=True)
class InputSpec:
    """What one model input wants.

    Attributes:
        rows: of the table that the numbers are places in, None if they are none.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    rows: int | None = None

    @property
    def bytes(self) -> int:
        """Size of one vector's share, bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


@dataclass(frozen=True)
class Vectors:
    """Inputs for `count` inferences.

    Attributes:
        inputs: for each model input an array [count, *shape].
        labels: class index of each vector [count], or None when nobody knows.
        source: where they come from, in words.
    """

    inputs: tuple[Array, ...]
    labels: Array | None
    source: str

    @property
    def count(self) -> int:
        """Number of inferences."""
        return len(self.inputs[0]) if self.inputs else 1

    def at(self, index: int) -> list[Array]:
        """The inputs of one inference."""
        return [values[index] for values in self.inputs]

    def sha256(self) -> str:
        """Hash over inputs and labels, for the parity receipt."""
        digest = hashlib.sha256()
        for values in (*self.inputs, *([] if self.labels is None else [self.labels])):
            digest.update(f"{values.dtype.str}{values.shape}".encode())
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()

    def take(self, count: int | None, seed: int) -> Vectors:
        """A seeded choice of `count` vectors, in their order; all of them for None."""
        if count is None or count >= self.count:
            return self
        chosen = np.sort(np.random.default_rng(seed).permutation(self.count)[:count])
        labels = None if self.labels is None else self.labels[chosen]
        return Vectors(tuple(values[chosen] for values in self.inputs), labels, self.source)


def random(specs: Sequence[InputSpec], count: int, seed: int) -> Vectors:
    """Seeded noise: integers over their whole range, floats from a standard normal distribution.

    Places in a table are in the table: TFLM and the device refuse others.
    """
    generator = np.random.default_rng(seed)
    inputs = tuple(_noise(generator, spec, count) for spec in specs)
    return Vectors(inputs, None, f"random, seed {seed}")


def load(path: Path, specs: Sequence[InputSpec]) -> Vectors:
    """Vectors of a user.

    Args:
        path: a `.npz` with `inputs` (or `inputs_0`, `inputs_1`, ...) [count, *shape] and optionally
            `labels` [count], a `.npy` of inputs, or a folder of `.bin` files with a `y_labels.csv`
            of rows `file, classes, label` (the form of the MLPerf Tiny data sets).
        specs: what the model wants.

    Raises:
        UsageError: no such file, or one of another form.
        ModelFileError: the arrays do not fit the model.
    """
    if path.is_dir():
        return _load_folder(path, specs)
    if not path.is_file():
        raise UsageError(f"no test data at {path}", "give a .npz, a .npy or a folder of .bin files")
    try:
        loaded = np.load(path, allow_pickle=False)
    except (ValueError, OSError) as error:
        raise UsageError(
            f"{path} is no NumPy file: {error}", "save the inputs with numpy.savez"
        ) from error
    if isinstance(loaded, np.ndarray):
        return fitted((loaded,), None, specs, str(path))
    names = sorted(name for name in loaded.files if name.startswith("inputs"))
    labels = loaded["labels"] if "labels" in loaded.files else None
    return fitted(tuple(loaded[name] for name in names), labels, specs, str(path))


def fitted(
    inputs: tuple[Array, ...], labels: Array | None, specs: Sequence[InputSpec], source: str
) -> Vectors:
    """Check arrays against the model and give each vector the exact input shape."""
    if len(inputs) != len(specs):
        raise ModelFileError(
            f"{source} has {len(inputs)} inputs, the model {len(specs)}",
            "name the arrays inputs_0, inputs_1, ... in the model's order",
        )
    shaped = tuple(_fit(values, spec, source) for values, spec in zip(inputs, specs, strict=True))
    counts = {len(values) for values in shaped} | ({len(labels)} if labels is not None else set())
    if len(counts) > 1:
        raise ModelFileError(
            f"{source}: inputs and labels differ in number: {sorted(counts)}",
            "store the same number of each",
        )
    return Vectors(shaped, labels, source)


def _fit(values: Array, spec: InputSpec, source: str) -> Array:
    wanted = int(np.prod(spec.shape, dtype=np.int64))
    if values.dtype != spec.dtype or values.ndim == 0 or values.size != len(values) * wanted:
        raise ModelFileError(
            f"{source}: {values.dtype} {values.shape} does not fit input {spec.name!r}, "
            f"{spec.dtype} {spec.shape}",
            "store inputs as [count, *shape] in the model's own type (quantized if it is)",
        )
    return values.reshape(len(values), *spec.shape)


def _load_folder(path: Path, specs: Sequence[InputSpec]) -> Vectors:
    labels_file = path / LABELS_FILE
    if len(specs) != 1 or not labels_file.is_file():
        raise UsageError(
            f"{path} is no folder of labelled inputs for a model of {len(specs)} inputs",
            f"put .bin files and a {LABELS_FILE} (file, classes, label) there",
        )
    spec, inputs, labels = specs[0], [], []
    for row in label_rows(labels_file):
        file = path / row.file
        if not file.is_file():
            continue  # MLPerf's list names 1,000 files of which any part may be there
        data = file.read_bytes()
        if len(data) != spec.bytes:
            raise ModelFileError(
                f"{file} has {len(data)} bytes, input {spec.name!r} wants {spec.bytes}",
                "the files must hold the raw bytes of the input tensor",
            )
        inputs.append(np.frombuffer(data, spec.dtype).reshape(spec.shape))
        labels.append(row.label)
    if not inputs:
        raise UsageError(f"{path}: none of the files in {LABELS_FILE} is there")
    return Vectors((np.stack(inputs),), np.array(labels), str(path))


class LabelRow(NamedTuple):
    """A row of `y_labels.csv`; without a sliding window, the sizes are 0."""

    file: str
    classes: int
    label: int
    window_bytes: int = 0
    stride_bytes: int = 0


def label_rows(file: Path) -> list[LabelRow]:
    """The rows of a `y_labels.csv`; raises UsageError for another form."""
    with file.open(newline="", encoding="utf-8") as lines:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines) if row]
    try:
        found = [LabelRow(row[0], *map(int, row[1:5])) for row in rows]
    except (TypeError, ValueError) as error:
        raise UsageError(f"{file}: a row is not `file, classes, label`") from error
    if any(row.window_bytes < 0 or (row.window_bytes and row.stride_bytes < 1) for row in found):
        raise UsageError(f"{file}: a row has a window without a stride")
    return found


def _noise(generator: np.random.Generator, spec: InputSpec, count: int) -> Array:
    shape = (count, *spec.shape)
    if spec.dtype.kind == "f":
        return generator.standard_normal(shape).astype(spec.dtype)
    if spec.dtype.kind == "b":
        return generator.integers(0, 2, shape).astype(bool)
    if spec.rows:
        return generator.integers(0, spec.rows, shape).astype(spec.dtype)
    limits = np.iinfo(spec.dtype)
    return generator.integers(limits.min, limits.max, shape, spec.dtype, endpoint=True)
