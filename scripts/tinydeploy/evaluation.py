"""How well a model of ours does on a folder of recordings: by TFLM, or on a board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy import images, programs
from tinydeploy.boards import Board
from tinydeploy.deployment import LINK_VECTORS, Deployment, require_parity, verified
from tinydeploy.errors import UsageError
from tinydeploy.models import Listening, Recorded
from tinydeploy.sources import Source
from tinydeploy.stages import input_spec, train_evaluate, train_progress
from tinydeploy.stages import vectors as vectors_stage
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.targets import Target
from tinydeploy.ui import Ui

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Evaluation:
    """What was found.

    Attributes:
        confusion: counts; rows are what it is, columns what the model says, both as `labels`.
        samples: how many recordings.
        accuracy: fraction of them that the model names rightly.
        words: for each word that was said, how often the model named each label.
        engine: who computed the answers: "tflm", or a target.
        notes: what had to be done to recordings, in words.
    """

    labels: tuple[str, ...]
    confusion: list[list[int]]
    samples: int
    accuracy: float
    words: dict[str, list[int]]
    engine: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Boarding:
    """Where the model runs, if not by TFLM on this PC."""

    board: Board
    target: Target
    build: BuildOptions


def evaluate(
    source: Source, folder: Path, how: Listening, boarding: Boarding | None, ui: Ui
) -> Evaluation:
    """Let the model hear all recordings `folder/WORD/*`.

    Raises:
        UsageError: the model is of another kind, or there are no recordings.
        ModelFileError: a recording cannot be read.
        ParityError: the board answers otherwise than TFLM.
    """
    recorded = _recorded(source, folder, how)
    encoding, output = train_evaluate.encodings(source.data)
    inputs = encoding.quantize(recorded.x)
    if boarding is None:
        answers = train_evaluate.run_tflm(source.data, inputs)
    else:
        answers = output.dequantize(_on_board(source, inputs, boarding, ui))
    return _found(source.labels, recorded, answers, boarding)


def _recorded(source: Source, folder: Path, how: Listening) -> Recorded:
    if source.spec is None or not (source.spec.folder / "recorded.py").is_file():
        raise UsageError(
            f"{source.name} is no model of ours that hears recordings",
            "take --model kws; a model of your own is measured with `deploy --data`",
        )
    with train_progress.shown() as tell:
        recorded: Recorded = source.spec.module("recorded").load(source.spec, folder, how, tell)
    return recorded


def _on_board(source: Source, inputs: Array, where: Boarding, ui: Ui) -> Array:
    """The board's outputs [n, labels], which are those of TFLM to the last bit."""
    specs = input_spec.input_specs(source.model)
    vectors = vectors_stage.fitted((inputs,), None, specs, "the recordings")
    with programs.held(source, where.board, ui):
        made = images.make_image(source, where.board, where.build, ui)
        found = verified(
            Deployment(source, where.board, where.target, vectors, *made),
            LINK_VECTORS,
            ui,
            "evaluate",
        )
    require_parity(found, "`tinydeploy deploy` compares on the model's own test set, too")
    return found.device_outputs[0].reshape(len(inputs), -1)


def _found(
    labels: Sequence[str], recorded: Recorded, answers: Array, boarding: Boarding | None
) -> Evaluation:
    said = np.array(recorded.words)
    words = {
        word: np.bincount(answers[said == word].argmax(axis=1), minlength=len(labels)).tolist()
        for word in sorted(set(recorded.words))
    }
    return Evaluation(
        labels=tuple(labels),
        confusion=train_evaluate.confusion(answers, recorded.y),
        samples=len(recorded.y),
        accuracy=train_evaluate.measured(answers, recorded.y, is_regression=False)["accuracy"],
        words=words,
        engine="tflm" if boarding is None else boarding.target.name,
        notes=recorded.notes,
    )


def table(found: Evaluation) -> str:
    """The confusion matrix, what it is by rows, and the accuracy below."""
    width = max(len(label) for label in found.labels) + 2
    head = "".join(f"{label:>{width}}" for label in found.labels)
    rows = [
        f"{label:<{width}}" + "".join(f"{count:{width},}" for count in row)
        for label, row in zip(found.labels, found.confusion, strict=True)
    ]
    return "\n".join(
        [
            f"{'':{width}}{head}",
            *rows,
            f"accuracy {100 * found.accuracy:.1f} % of {found.samples:,} recordings",
        ]
    )
