"""`compile`: a model into C++ for any TFLM project."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinydeploy.commands import common
from tinydeploy.ui import Ui


def add(commands: common.Commands) -> None:
    """Add the command."""
    parser = common.add(commands, "compile", run, "write model.h and model.cc for any TFLM project")
    common.add_model(parser)
    common.add_board(parser)
    common.add_toolchain(parser)
    common.add_engine(parser)
    parser.set_defaults(engine="interpreter")  # what any TFLM project can use
    parser.add_argument("--out", type=Path, help="folder to write to (default: in build/)")
    common.add_json(parser)


def run(options: argparse.Namespace, ui: Ui) -> None:
    """Run the command."""
    from tinydeploy import boards, programs

    board = boards.load(options.board)
    source = common.source(options, ui)
    build = common.build_options(options)
    program = programs.make_program(source, board, build, ui, options.out)
    fields = ("engine", "header", "source", "sha256", "arena_bytes", "tflm_arena_bytes", "macs")
    result = {name: getattr(program, name) for name in fields}
    common.print_result(options, result, program.header, program.source)
