"""`train`, `convert`, `compile` and `inspect`: models on this PC."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from tinydeploy import whole
from tinydeploy.commands import common
from tinydeploy.errors import ModelError, ModelFileError, UnsupportedModelError, UsageError
from tinydeploy.ui import Ui, terminal_width

if TYPE_CHECKING:
    from tinydeploy.boards import Board
    from tinydeploy.stages.inspect import Inspection


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
    common.add_json(compile_)

    inspect = common.add(
        commands, "inspect", _inspect, "what a .tflite needs and whether it fits, without building"
    )
    inspect.add_argument("model", nargs="+", help=common.MODEL_HELP)
    common.add_given(inspect)
    common.add_board(inspect, default=None)
    common.add_json(inspect)
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
    common.add_json(parser)


def _add_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help=".keras or .h5 file, or SavedModel folder")
    parser.add_argument("--out", type=Path, help="default: beside the model, with .tflite")
    parser.add_argument("--quantize", choices=("int8", "int16x8", "float"), default="int8")
    common.add_conversion(parser)
    common.add_json(parser)


def _train(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy import bootstrap, locks, models, records

    spec = models.load(options.model)
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


def _require_there(path: Path | None, what: str) -> None:
    """Before TensorFlow is installed for a file that is not there."""
    if path is not None and not path.exists():
        raise ModelFileError(
            f"no {what} at {path}", "check the path; it is relative to where you are"
        )


def _convert(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy import bootstrap

    _require_there(options.model, "model")
    _require_there(options.representative, "representative data")
    bootstrap.ensure("train")
    from tinydeploy.stages.convert import Loading, convert

    out = options.out or options.model.with_suffix(".tflite")
    with ui.stage("convert") as stage:
        convert(
            *(options.model, out, options.representative),
            quantize=options.quantize,
            loading=Loading(options.custom_objects, options.signature),
            warn=ui.warn,
        )
        stage.detail = f"{out}, {out.stat().st_size:,} bytes"
    result = {"tflite": out, "bytes": out.stat().st_size, "quantize": options.quantize}
    common.print_result(options, result, out)


def _compile(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy import boards, programs

    board = boards.load(options.board)
    source = common.source(options, ui)
    build = common.build_options(options)
    program = programs.make_program(source, board, build, ui, options.out)
    fields = ("engine", "header", "source", "sha256", "arena_bytes", "tflm_arena_bytes", "macs")
    result = {name: getattr(program, name) for name in fields}
    common.print_result(options, result, program.header, program.source)


def _inspect(options: argparse.Namespace, ui: Ui) -> int:
    """Of several models all are shown, whatever one of them is; the worst gives the exit code."""
    from tinydeploy import boards
    from tinydeploy.stages import inspect

    several, code = len(options.model) > 1, 0
    if several and options.html:
        raise UsageError("--html takes one model", "write a page for each of them")
    board = boards.load(options.board) if options.board else None
    documents = []
    for name in options.model:
        try:
            found = _inspected(options, name, board, ui)
        except ModelError as error:
            if not several:
                raise
            ui.error(error)
            code = max(code, error.exit_code)
            documents.append(json.dumps({"name": name, "runs": False, "error": error.message}))
            continue
        code = max(code, 0 if found.runs else UnsupportedModelError.exit_code)
        if options.html:
            whole.write_named(options.html, inspect.to_html(found))
        if options.json:
            documents.append(inspect.to_json(found).rstrip())
        else:
            print(inspect.to_text(found, width=terminal_width()))
    if options.json:
        print("[\n" + ",\n".join(documents) + "\n]" if several else documents[0])
    return code


def _inspected(options: argparse.Namespace, name: str, board: Board | None, ui: Ui) -> Inspection:
    from tinydeploy.stages import inspect

    one = argparse.Namespace(**{**vars(options), "model": name})
    return inspect.inspect(common.source(one, ui).tflite, board)
