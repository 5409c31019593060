"""How well a model does: the Keras model as Keras runs it, the .tflite as TFLM runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.graph import read_tflite
from tinydeploy.graph.ir import Tensor
from tinydeploy.judge import Judge
from tinydeploy.models import Split

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Encoding:
    """Quantization of a model's input or output: real = scale * (q - zero_point).

    Attributes:
        dtype: type of the tensor; floats pass as they are, with scale 1 and zero point 0.
    """

    dtype: np.dtype[Any]
    scale: np.float32
    zero_point: int

    def quantize(self, real: Array) -> Array:
        """To the tensor's type, rounding to nearest and saturating."""
        if self.dtype.kind == "f":
            return real.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        steps = np.round(real / np.float64(self.scale)) + self.zero_point
        return np.asarray(np.clip(steps, limits.min, limits.max), self.dtype)

    def dequantize(self, values: Array) -> Array:
        """To float32."""
        return np.asarray((values.astype(np.float32) - self.zero_point) * self.scale)


def encodings(model: bytes) -> tuple[Encoding, Encoding]:
    """Of the first input and the first output of a .tflite."""
    main = read_tflite.load(model).main
    return _encoding(main.inputs[0]), _encoding(main.outputs[0])


def run_tflm(model: bytes, inputs: Array) -> Array:
    """Outputs of TFLM, dequantized, for inputs [n, *shape] in the model's own input type."""
    judge, (_, output) = Judge(model), encodings(model)
    rows = [judge.run([values[np.newaxis]])[0][0] for values in inputs]
    return output.dequantize(np.stack(rows)) if output.dtype.kind != "f" else np.stack(rows)


def measured(outputs: Array, labels: Array, *, is_regression: bool) -> dict[str, float]:
    """`{"accuracy": fraction}` of a classifier, `{"mean_absolute_error": e}` of a regression."""
    if is_regression:
        error = np.mean(np.abs(outputs.astype(np.float64) - labels))
        return {"mean_absolute_error": float(error)}
    return {"accuracy": float(np.mean(outputs.argmax(axis=1) == labels))}


def confusion(outputs: Array, labels: Array) -> list[list[int]]:
    """Counts; rows are true classes, columns what the model says."""
    counts = np.zeros((outputs.shape[1],) * 2, dtype=np.int64)
    np.add.at(counts, (labels, outputs.argmax(axis=1)), 1)
    rows: list[list[int]] = counts.tolist()
    return rows


def balanced(split: Split, count: int, seed: int) -> Split:
    """A seeded choice of `count` samples with as many of each class as possible, in their order."""
    if split.y.ndim != 1 or count >= len(split.y):
        return split
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(split.y))
    rank = np.empty(len(order), dtype=np.int64)  # how many of its class come before it
    for label in np.unique(split.y):
        of_label = order[split.y[order] == label]
        rank[of_label] = np.arange(len(of_label))
    chosen = np.sort(order[np.argsort(rank[order], kind="stable")][:count])
    return Split(split.x[chosen], split.y[chosen])


def _encoding(tensor: Tensor) -> Encoding:
    dtype = np.dtype(tensor.type.dtype)
    if dtype.kind == "f" or tensor.quantization is None:
        return Encoding(dtype, np.float32(1), 0)
    return Encoding(dtype, tensor.quantization.scales[0], tensor.quantization.zero_point)
