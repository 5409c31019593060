"""How well a model does: the Keras model as Keras runs it, the .tflite as TFLM runs it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.graph import encoding, read_tflite
from tinydeploy.graph.encoding import Encoding
from tinydeploy.judge import Judge
from tinydeploy.models import Split

Array = npt.NDArray[Any]


def encodings(model: bytes) -> tuple[Encoding, Encoding]:
    """Of the first input and the first output of a .tflite."""
    main = read_tflite.load(model).main
    return encoding.of(main.inputs[0]), encoding.of(main.outputs[0])


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
    """A seeded choice of `count` samples, in their order.

    As many of each class as possible, and within a class as many of each source.
    """
    if split.y.ndim != 1 or count >= len(split.y):
        return split
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(split.y))
    order = order[np.argsort(_turns(split.source[order], split.y[order]), kind="stable")]
    order = order[np.argsort(_turns(split.y[order]), kind="stable")]
    return split.at(np.sort(order[:count]))


def _turns(*kinds: Array) -> Array:
    """For each sample, how many of the same kinds come before it."""
    names = np.unique(np.stack(kinds), axis=1, return_inverse=True)[1].ravel()
    turns = np.empty(len(names), dtype=np.int64)
    for name in np.unique(names):
        of_name = names == name
        turns[of_name] = np.arange(of_name.sum())
    return turns
