"""Inputs in the form in which the runner sends them, which is not always the tensor's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinydeploy import bounds
from tinydeploy.errors import ModelFileError, UsageError
from tinydeploy.graph.ir import Tensor
from tinydeploy.mlperf.settings import Settings, input_bytes
from tinydeploy.stages.vectors import LABELS_FILE, LabelRow, Vectors, label_rows


def encode(values: npt.NDArray[np.generic], settings: Settings, tensor: Tensor) -> bytes:
    """A value of the input tensor as the runner would send it."""
    if settings.input == "uint8":
        unsigned: npt.NDArray[np.uint8] = (values.astype(np.int16) + 128).astype(np.uint8)
        return unsigned.tobytes()
    if settings.input == "float32":
        quantization = tensor.quantization
        assert quantization is not None
        steps = values.astype(np.float32) - np.float32(quantization.zero_points[0])
        reals: npt.NDArray[np.float32] = (steps * quantization.scales[0]).astype("<f4")
        return reals.tobytes()
    return values.tobytes()


@dataclass(frozen=True)
class Sample:
    """One of the benchmark's files: the inputs that it holds, and its class.

    Attributes:
        windows: the input; for a recording that is longer (ad01), all windows of it in turn.
        label: index of the class, None where it is not known.
    """

    windows: tuple[bytes, ...]
    label: int | None


def of_vectors(vectors: Vectors, settings: Settings, tensor: Tensor) -> list[Sample]:
    """Samples of vectors in the tensor's own type; without labels where these are not classes."""
    inputs = [encode(values, settings, tensor) for values in vectors.inputs[0]]
    labels: list[int | None] = [None] * len(inputs)
    if vectors.labels is not None and vectors.labels.ndim == 1:
        labels = [int(label) for label in vectors.labels]
    return [Sample((data,), label) for data, label in zip(inputs, labels, strict=True)]


def of_folder(
    folder: Path, settings: Settings, tensor: Tensor, count: int | None = None
) -> list[Sample]:
    """The benchmark's own files, sent as they are, with their labels from `y_labels.csv`.

    Rows are `file, classes, label`, or with `window bytes, stride bytes` after these for
    recordings that the model sees through a sliding window, as ad01's does.

    Raises:
        UsageError: none of the files is there, or a row has another form.
        ModelFileError: a file, or its window, has another size than the input.
    """
    rows = [row for row in label_rows(folder / LABELS_FILE) if (folder / row.file).is_file()]
    if not rows:
        raise UsageError(f"{folder}: none of the files in {LABELS_FILE} is there")
    size = input_bytes(settings, tensor)
    return [Sample(_windows(folder, row, settings, size), row.label) for row in rows[:count]]


def _windows(folder: Path, row: LabelRow, settings: Settings, size: int) -> tuple[bytes, ...]:
    data = bounds.read(folder / row.file, bounds.UNPACKED_BYTES, UsageError)
    window, stride = (row.window_bytes, row.stride_bytes) if row.window_bytes else (len(data), 1)
    if window != size or len(data) < window:
        raise ModelFileError(
            f"{folder / row.file} has {len(data)} bytes, in windows of {window}; "
            f"{settings.model} takes {size}",
            "choose the benchmark of these files with --benchmark",
        )
    return tuple(data[at : at + size] for at in range(0, len(data) - size + 1, stride))
