"""`train`, `convert`, `compile` and `inspect`: models on this PC."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinydeploy.commands import common
from tinydeploy.ui import Ui


def add_commands(commands: common.Commands) -> None:
    """Add this area's commands."""
    _add_train(common.add(commands, "train", _train, "train a model of ours and quantize it"))
    _add_convert(
        common.add(commands, "convert", _convert, "quantize a .keras file or SavedModel to .tflite")
    )
    compile_ = common.add(
        commands, "compile", _compile, "write model.h and model.cc for any TFLM project"
    )
    common.add_model(compile_)
    common.add_board(compile_)
    common.add_toolchain(compile_)
    common.add_engine(compile_)
    compile_.set_defaults(engine="interpreter")  # what any TFLM project can use
    compile_.add_argument("--out", type=Path, help="folder to write to (default: in build/)")

    inspect = common.add(
        commands, "inspect", _inspect, "what a .tflite needs and whether it fits, without building"
    )
    inspect.add_argument("model", help=common.MODEL_HELP)
    common.add_given(inspect)
    common.add_board(inspect, default=None)
    inspect.add_argument("--json", action="store_true", help="print JSON")
    inspect.add_argument("--html", type=Path, metavar="FILE", help="write a page to FILE")


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", default=common.DEFAULT_MODEL, help="sine, kws, ...")
    parser.add_argument("--variant", help="variant; default: the model's own")
    parser.add_argument("--seed", type=common.natural, help="default: the recipe's")
    parser.add_argument("--epochs", type=common.positive, help="default: the recipe's")
    parser.add_argument(
        "--source",
        help="speech: synthetic, speech_commands, or a folder of WORD/*.wav; join several with +",
    )
    parser.add_argument("--out", type=Path, help="folder (default: build/<model>/train)")
    parser.add_argument(
        "--update", action="store_true", help="replace the committed .tflite, metrics and test set"
    )


def _add_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help=".keras or .h5 file, or SavedModel folder")
    parser.add_argument("--out", type=Path, help="default: beside the model, with .tflite")
    parser.add_argument("--quantize", choices=("int8", "int16x8", "float"), default="int8")
    common.add_conversion(parser)


def _train(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy import bootstrap, locks, models, records

    spec = models.load(options.model)
    variant = spec.variant(options.variant).name
    folder = options.out or records.training_folder(spec, variant)
    bootstrap.ensure("train")
    from tinydeploy.stages.train import train_and_convert

    with locks.held(folder, ui.warn), ui.stage("train") as stage:
        trained = train_and_convert(
            spec,
            variant=variant,
            seed=options.seed,
            epochs=options.epochs,
            source=options.source,
            out_dir=folder,
            update=options.update,
        )
        stage.detail = trained.summary
    print(trained.tflite)


def _convert(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy import bootstrap

    bootstrap.ensure("train")
    from tinydeploy.stages.convert import convert

    out = options.out or options.model.with_suffix(".tflite")
    with ui.stage("convert") as stage:
        convert(
            *(options.model, out, options.representative),
            quantize=options.quantize,
            custom_objects=options.custom_objects,
            signature=options.signature,
            warn=ui.warn,
        )
        stage.detail = f"{out}, {out.stat().st_size:,} bytes"
    print(out)


def _compile(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy import boards, pipeline

    board = boards.load(options.board)
    source = common.source(options, ui)
    program = pipeline.make_program(
        source,
        board,
        options.toolchain,
        options.engine,
        options.out,
        ui,
        common.choices(options),
    )
    print(program.header)
    print(program.source)


def _inspect(options: argparse.Namespace, ui: Ui) -> int:
    from tinydeploy import boards
    from tinydeploy.errors import UnsupportedModelError
    from tinydeploy.stages import inspect

    source = common.source(options, ui)
    board = boards.load(options.board) if options.board else None
    inspection = inspect.inspect(source.tflite, board)
    if options.html:
        options.html.write_text(inspect.to_html(inspection), encoding="utf-8")
    print(inspect.to_json(inspection) if options.json else inspect.to_text(inspection))
    return 0 if inspection.runs else UnsupportedModelError.exit_code
