"""`inspect`: what a model needs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from tinydeploy import whole
from tinydeploy.commands import common
from tinydeploy.errors import ModelError, UnsupportedModelError, UsageError
from tinydeploy.ui import Ui, terminal_width

if TYPE_CHECKING:
    from tinydeploy.boards import Board
    from tinydeploy.stages.inspect import Inspection


def add(commands: common.Commands) -> None:
    """Add the command."""
    parser = common.add(
        commands, "inspect", run, "what a .tflite needs and whether it fits, without building"
    )
    parser.add_argument("model", nargs="+", help=common.MODEL_HELP)
    common.add_given(parser)
    common.add_board(parser, default=None)
    common.add_json(parser)
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page to FILE")


def run(options: argparse.Namespace, ui: Ui) -> int:
    """Run the command. Of several models all are shown, whatever one of them is; the worst gives
    the exit code.
    """
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
