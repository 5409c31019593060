"""`patches`: the first layers in bands."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinydeploy import whole
from tinydeploy.commands import common
from tinydeploy.ui import Ui


def add(commands: common.Commands) -> None:
    """Add the command."""
    parser = common.add(
        commands, "patches", run, "what running the first layers in bands saves and costs"
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help="default: the image models")
    parser.add_argument(
        "--bands",
        nargs="+",
        type=common.positive,
        default=[2, 4, 6, 8, 12],
        help="default: 2 4 6 8 12",
    )
    parser.add_argument("--markdown-file", type=Path, metavar="FILE", help="also write a page")
    common.add_board(parser)
    common.add_json(parser)


def run(options: argparse.Namespace, ui: Ui) -> None:
    """Run the command."""
    from tinydeploy.bench import patches

    rows = patches.measure(options.models, options.board, options.bands, ui)
    common.print_result(options, rows, patches.markdown(rows))
    if options.markdown_file:
        whole.write_named(options.markdown_file, patches.page(rows))
