"""Vectors for verification: a model's own test set, a user's file or folder, or seeded noise."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tinydeploy import bounds
from tinydeploy.errors import ModelFileError, UsageError
from tinydeploy.foreign import shown
from tinydeploy.stages import arrays, encoding
from tinydeploy.stages.input_spec import InputSpec
from tinydeploy.stages.labels import Answers
from tinydeploy.stages.labels import understood as understand

Array = npt.NDArray[Any]

LABELS_FILE = "y_labels.csv"  # EEMBC's name for the labels of a folder of .bin inputs


@dataclass(frozen=True)
class Vectors:
    """Inputs for `count` inferences.

    Attributes:
        inputs: for each model input an array [count, *shape].
        labels: class index of each vector [count], or targets [count, outputs] as floats, or None
            if unknown.
        source: where they come from, in words.
        of_training: whether they are the test set of the model's own training, so that figures
            of the one may stand beside those of the other.
    """

    inputs: tuple[Array, ...]
    labels: Array | None
    source: str
    of_training: bool = False

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
        inputs = tuple(values[chosen] for values in self.inputs)
        return replace(self, inputs=inputs, labels=labels)


def random(specs: Sequence[InputSpec], count: int, seed: int) -> Vectors:
    """Seeded noise: integers over their whole range, floats from a standard normal distribution.

    Places in a table are in the table: TFLM and the device refuse others.
    """
    generator = np.random.default_rng(seed)
    inputs = tuple(_noise(generator, spec, count) for spec in specs)
    return Vectors(inputs, None, f"random, seed {seed}")


def load(path: Path, specs: Sequence[InputSpec], answers: Answers = Answers()) -> Vectors:  # noqa: B008 - frozen
    """Vectors of a user.

    Args:
        path: a `.npz` with an array [count, *shape] for each input, named as the input, or
            `inputs`, `x`, `inputs_0`, `inputs_1`, ..., and optionally `labels` or `y`; a `.npy` of
            inputs; or a folder of `.bin` files with a `y_labels.csv` of rows
            `file, classes, label` (the form of the MLPerf Tiny data sets).
        specs: what the model wants.
        answers: what it answers with, to understand the labels.

    Raises:
        UsageError: no such file, or one of another form.
        ModelFileError: the arrays do not fit the model.
    """
    if path.is_dir():
        return _load_folder(path, specs, answers)
    if not path.is_file():
        raise UsageError(f"no test data at {path}", "give a .npz, a .npy or a folder of .bin files")
    found = arrays.read(path, [spec.names for spec in specs])
    if found.encoding is not None and not _is_encoded_as(found.encoding, specs):
        found = replace(found, inputs=found.real)
    return fitted(found.inputs, found.labels, specs, str(path), answers)


def _is_encoded_as(encoding: tuple[float, int], specs: Sequence[InputSpec]) -> bool:
    """Whether stored integers mean to every input what the file says that they mean."""
    return all(
        spec.scale is not None
        and np.isclose(spec.scale, encoding[0])
        and spec.zero_point == encoding[1]
        for spec in specs
    )


def fitted(
    inputs: tuple[Array, ...],
    labels: Array | None,
    specs: Sequence[InputSpec],
    source: str,
    answers: Answers = Answers(),  # noqa: B008 - frozen
) -> Vectors:
    """Check arrays against the model and give each vector the exact input shape and type."""
    if len(inputs) != len(specs):
        raise ModelFileError(
            f"{source} has {len(inputs)} inputs, the model {len(specs)}",
            "name the arrays inputs_0, inputs_1, ... in the model's order",
        )
    pairs = [
        encoding.fitted(values, spec, source) for values, spec in zip(inputs, specs, strict=True)
    ]
    known = None if labels is None else understand(labels, answers, source)
    counts = {len(values) for values, _ in pairs} | (set() if known is None else {len(known)})
    if len(counts) > 1:
        raise ModelFileError(
            f"{source}: inputs and labels differ in number: {sorted(counts)}",
            "store the same number of each",
        )
    done = dict.fromkeys(said for _, said in pairs if said)
    said = f" ({'; '.join(done)})" if done else ""
    return Vectors(tuple(values for values, _ in pairs), known, source + said)


def _load_folder(path: Path, specs: Sequence[InputSpec], answers: Answers) -> Vectors:
    labels_file = path / LABELS_FILE
    if len(specs) != 1 or not labels_file.is_file():
        raise UsageError(
            f"{path} is no folder of labelled inputs for a model of {len(specs)} inputs",
            f"put .bin files and a {LABELS_FILE} (file, classes, label) there",
        )
    spec, rows = specs[0], label_rows(labels_file)
    there = [row for row in rows if (path / row.file).is_file()]
    if not there:
        raise UsageError(
            f"{path}: none of the files in {LABELS_FILE} is there", "put the .bin files beside it"
        )
    inputs = np.stack([_bin_file(path / row.file, spec) for row in there])
    labels = understand(np.array([row.label for row in there]), answers, str(labels_file))
    # MLPerf's list names 1,000 files, of which any part may be there.
    part = "" if len(there) == len(rows) else f" ({len(there)} of the {len(rows)} files listed)"
    return Vectors((inputs,), labels, f"{path}{part}")


def _bin_file(file: Path, spec: InputSpec) -> Array:
    with file.open("rb") as stream:  # never more than there should be
        data = stream.read(spec.bytes + 1)
    if len(data) != spec.bytes:
        size = file.stat().st_size
        raise ModelFileError(
            f"{file} has {size} bytes, input {spec.label!r} wants {spec.bytes}",
            "the files must hold the raw bytes of the input tensor",
        )
    return np.frombuffer(data, spec.dtype).reshape(spec.shape)


class LabelRow(NamedTuple):
    """A row of `y_labels.csv`; without a sliding window, the sizes are 0."""

    file: str
    classes: int
    label: int
    window_bytes: int = 0
    stride_bytes: int = 0


def label_rows(file: Path) -> list[LabelRow]:
    """The rows of a `y_labels.csv`; raises UsageError for another form."""
    try:
        data = bounds.read(file, bounds.LABELS_BYTES, UsageError)
        lines = io.StringIO(data.decode("utf-8-sig"), newline="")  # spreadsheets write a BOM
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{file} is no UTF-8 text: {error}", "save it as CSV in UTF-8") from error
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}", "it has rows `file, classes, label`"
        ) from error
    try:
        found = [LabelRow(row[0], *map(int, row[1:5])) for row in rows]
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{file}: a row is not `file, classes, label`", "the label is a number, from 0"
        ) from error
    outside = [row.file for row in found if Path(row.file).is_absolute() or ".." in row.file]
    if outside:
        raise UsageError(
            f"{file} names a file outside of its folder: {shown(outside[0])}",
            "put the files beside it",
        )
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
