"""Inputs in the form in which the runner sends them, which is not always the tensor's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinydeploy.errors import ModelFileError, UsageError
from tinydeploy.graph.ir import Tensor
from tinydeploy.mlperf.settings import Settings, input_bytes
from tinydeploy.stages import vectors as vectors_stage
from tinydeploy.stages.vectors import LABELS_FILE, Vectors


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


def of_vectors(
    vectors: Vectors, settings: Settings, tensor: Tensor
) -> tuple[list[bytes], list[int]]:
    """Inputs and labels of vectors in the tensor's own type; no labels where there are none."""
    inputs = [encode(values, settings, tensor) for values in vectors.inputs[0]]
    classes = vectors.labels is not None and vectors.labels.ndim == 1
    return inputs, [int(label) for label in vectors.labels] if classes else []  # type: ignore[union-attr]


def of_folder(
    folder: Path, settings: Settings, tensor: Tensor, count: int | None
) -> tuple[list[bytes], list[int]]:
    """The benchmark's own files, sent as they are, and their labels from `y_labels.csv`.

    Raises:
        UsageError: none of the files is there.
        ModelFileError: one has another size than the input.
    """
    size = input_bytes(settings, tensor)
    rows = _present(folder, vectors_stage.label_rows(folder / LABELS_FILE))[:count]
    inputs = [(folder / name).read_bytes() for name, _ in rows]
    for (name, _), data in zip(rows, inputs, strict=True):
        if len(data) != size:
            raise ModelFileError(
                f"{folder / name} has {len(data)} bytes, {settings.model} takes {size}",
                "choose the benchmark of these files with --benchmark",
            )
    return inputs, [label for _, label in rows]


def _present(folder: Path, rows: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    found = [row for row in rows if (folder / row[0]).is_file()]
    if not found:
        raise UsageError(f"{folder}: none of the files in {LABELS_FILE} is there")
    return found
