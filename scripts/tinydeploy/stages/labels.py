"""What a user's labels mean for a model: classes, whatever form they came in, or target values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.errors import ModelFileError

Array = npt.NDArray[Any]

HINT = "store one class index for each vector, or for a regression the wanted outputs"


@dataclass(frozen=True)
class Answers:
    """What a model answers with, which is what labels have to fit.

    Attributes:
        outputs: elements of its first output; 0 if unknown.
        names: of the classes, where known.
        is_regression: whether the outputs are quantities; None if unknown.
        is_binary: one output that is the probability of class 1.
    """

    outputs: int = 0
    names: tuple[str, ...] = ()
    is_regression: bool | None = None
    is_binary: bool = False

    @property
    def classes(self) -> int:
        """Number of classes; 0 if unknown."""
        return 2 if self.is_binary else self.outputs


def understood(labels: Array, answers: Answers, source: str) -> Array:
    """Labels as the report wants them.

    Args:
        labels: [n] class indices of any number type or names of classes, [n, 1] of these, [n,
            outputs] one-hot rows, or target values of a regression.

    Returns:
        int64 [n] class indices, or float64 [n, outputs] targets.

    Raises:
        ModelFileError: they are none of that, or outside of the model's classes.
    """
    if labels.ndim == 0:
        raise _unfit(source, labels, "are one value, not one for each vector")
    if labels.dtype.kind in "US":
        labels = _by_name(labels.reshape(len(labels), -1), answers, source)
    if labels.dtype.kind not in "biuf":
        raise _unfit(source, labels, "are no numbers")
    if not np.isfinite(labels.astype(np.float64)).all():
        raise _unfit(source, labels, "are not all finite numbers")
    rows = labels.reshape(len(labels), -1 if labels.size else 1)
    if not answers.is_regression:
        if _is_one_hot(rows, answers):
            return np.asarray(rows.argmax(axis=1), np.int64)
        if rows.shape[1] == 1 and _are_classes(rows, answers):
            return _in_range(rows[:, 0].astype(np.int64), answers, source)
    if answers.outputs and rows.shape[1] != answers.outputs:
        raise _unfit(source, labels, f"do not fit a model of {answers.outputs} outputs")
    return np.asarray(rows, np.float64)


def _by_name(labels: Array, answers: Answers, source: str) -> Array:
    names = labels.astype(str)
    known = {name: number for number, name in enumerate(answers.names)}
    strange = sorted(set(names.ravel().tolist()) - set(known))
    if strange:
        classes = (
            f"the model's classes are {', '.join(answers.names)}"
            if answers.names
            else "the classes of the model have no names"
        )
        raise ModelFileError(f"{source}: a label is the text {strange[0]!r}; {classes}", HINT)
    return np.array([[known[name] for name in row] for row in names.tolist()], np.int64)


def _is_one_hot(rows: Array, answers: Answers) -> bool:
    return (
        rows.shape[1] > 1
        and rows.shape[1] == (answers.classes or rows.shape[1])
        and bool(np.isin(rows, (0, 1)).all())
        and bool((rows.sum(axis=1) == 1).all())
    )


def _are_classes(rows: Array, answers: Answers) -> bool:
    """Whether whole numbers in one column are classes: a model of one output has none."""
    whole = bool((rows == np.round(rows)).all())
    return whole and (answers.classes != 1 or answers.is_regression is False)


def _in_range(labels: Array, answers: Answers, source: str) -> Array:
    limit = answers.classes or int(labels.max(initial=0)) + 1
    outside = np.flatnonzero((labels < 0) | (labels >= limit))
    if len(outside):
        at = int(outside[0])
        raise ModelFileError(
            f"{source}: label {int(labels[at])} of vector {at} is no class of the model, whose "
            f"{limit} classes are 0 to {limit - 1}",
            "number the classes in the order of the model's outputs, from 0",
        )
    return labels


def _unfit(source: str, labels: Array, what: str) -> ModelFileError:
    return ModelFileError(f"{source}: labels {labels.dtype} {labels.shape} {what}", HINT)
