"""`train`: a model of ours."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinydeploy.commands import common
from tinydeploy.ui import Ui


def add(commands: common.Commands) -> None:
    """Add the command."""
    parser = common.add(commands, "train", run, "train a model of ours and quantize it")
    parser.add_argument("model", nargs="?", default=common.DEFAULT_MODEL, help="sine, kws, ...")
    parser.add_argument("--variant", help="variant; default: the model's own")
    parser.add_argument("--seed", type=common.natural, help="default: the recipe's")
    parser.add_argument("--epochs", type=common.positive, help="default: the recipe's")
    parser.add_argument(
        "--source",
        help="speech: synthetic, speech_commands, or a folder of WORD/*.wav or .flac; join several "
        "with +",
    )
    parser.add_argument(
        "--words",
        type=lambda text: tuple(word.strip() for word in text.split(",")),
        metavar="WORD,...",
        help="speech: keywords instead of the recipe's; `deploy --trained` takes the model",
    )
    parser.add_argument("--out", type=Path, help="folder (default: build/<model>/train)")
    parser.add_argument(
        "--update", action="store_true", help="replace the committed .tflite, metrics and test set"
    )
    common.add_json(parser)


def run(options: argparse.Namespace, ui: Ui) -> None:
    """Run the command."""
    from tinydeploy import bootstrap, locks, models, records

    spec = models.load(options.model)
    if options.words is not None:
        spec = models.for_words(spec, options.words)
    variant = spec.variant(options.variant).name
    folder = options.out or records.training_folder(spec, variant)
    bootstrap.ensure("train")
    from tinydeploy.stages.train import Training, train_and_convert

    with locks.held(folder, ui.warn), ui.stage("train") as stage:
        trained = train_and_convert(
            spec,
            Training(variant, options.seed, options.epochs, options.source),
            out_dir=folder,
            update=options.update,
        )
        stage.detail = trained.summary
    result = {"model": spec.name, "variant": variant, "tflite": trained.tflite}
    common.print_result(options, {**result, "metrics": trained.metrics}, trained.tflite)
