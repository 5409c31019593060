"""`convert`: a Keras model into a .tflite."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinydeploy.commands import common
from tinydeploy.errors import ModelFileError
from tinydeploy.ui import Ui


def add(commands: common.Commands) -> None:
    """Add the command."""
    parser = common.add(commands, "convert", run, "quantize a .keras file or SavedModel to .tflite")
    parser.add_argument("model", type=Path, help=".keras or .h5 file, or SavedModel folder")
    parser.add_argument("--out", type=Path, help="default: beside the model, with .tflite")
    parser.add_argument("--quantize", choices=("int8", "int16x8", "float"), default="int8")
    common.add_conversion(parser)
    common.add_json(parser)


def run(options: argparse.Namespace, ui: Ui) -> None:
    """Run the command."""
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


def _require_there(path: Path | None, what: str) -> None:
    """Before TensorFlow is installed for a file that is not there."""
    if path is not None and not path.exists():
        raise ModelFileError(
            f"no {what} at {path}", "check the path; it is relative to where you are"
        )
