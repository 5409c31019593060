"""`evaluate`: how well a model hears recordings."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from tinydeploy.commands import common
from tinydeploy.errors import UsageError
from tinydeploy.ui import Ui

if TYPE_CHECKING:
    from tinydeploy.evaluation import Boarding

TFLM = "tflm"  # the judge on this PC, instead of a target
_QUIETEST_DB, _LOUDEST_DB = 100, -20


def add(commands: common.Commands) -> None:
    """Add the command."""
    parser = common.add(
        commands, "evaluate", run, "measure a model of ours on recordings in DIR/WORD/*.wav"
    )
    parser.add_argument(
        "--model", default=common.DEFAULT_MODEL, help="a model of ours (default: %(default)s)"
    )
    parser.add_argument("--variant", help="variant; default: the model's own")
    parser.add_argument(
        "--trained",
        action="store_true",
        help="what `train` made last, not what is committed",
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="WORD/*.wav or .flac; other words than labels are unknown, _silence_ is silence",
    )
    _add_listening(parser)
    parser.add_argument(
        "--target",
        default=TFLM,
        help="tflm on this PC, simulator, host or a serial port (default: %(default)s)",
    )
    common.add_board(parser)
    common.add_toolchain(parser)
    common.add_engine(parser)
    common.add_json(parser)


def _add_listening(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--split",
        choices=("train", "validation", "test"),
        help="only these speakers, as training splits the folder (default: all)",
    )
    parser.add_argument(
        "--after-speech",
        action="store_true",
        help="each after three seconds of other words, as on a device that runs",
    )
    parser.add_argument(
        "--noise-db",
        type=_decibels,
        metavar="DB",
        help="in noise so far below the speech, from _background_noise_ if it is there",
    )
    parser.add_argument(
        "--seed", type=common.natural, default=1, help="of noise and context (default: %(default)s)"
    )


def _decibels(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not _LOUDEST_DB <= value <= _QUIETEST_DB:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of decibels from {_LOUDEST_DB} to {_QUIETEST_DB}"
        )
    return value


def run(options: argparse.Namespace, ui: Ui) -> None:
    """Run the command."""
    from tinydeploy import bootstrap, sources
    from tinydeploy.models import Listening

    if not options.data.is_dir():  # before TensorFlow is installed for nothing
        raise UsageError(
            f"no folder of recordings at {options.data}",
            "give a folder with one folder of .wav or .flac files for each word",
        )
    boarding = _boarding(options)
    given = sources.Given(trained=options.trained)
    source = sources.resolve(options.model, options.variant, False, None, ui, given)
    bootstrap.ensure("train")
    from tinydeploy import evaluation

    how = Listening(options.split, options.after_speech, options.noise_db, options.seed)
    with ui.stage("evaluate") as stage:
        found = evaluation.evaluate(source, options.data, how, boarding, ui)
        stage.detail = f"{found.samples:,} recordings, by {found.engine}"
    for note in found.notes:
        ui.say(escape(note))
    common.print_result(options, found, evaluation.table(found))


def _boarding(options: argparse.Namespace) -> Boarding | None:
    from tinydeploy import boards, targets
    from tinydeploy.evaluation import Boarding

    if options.target == TFLM:
        return None
    board = boards.load(options.board)
    target = targets.choose(options.target, board)
    return Boarding(board, target, common.build_options(options))
