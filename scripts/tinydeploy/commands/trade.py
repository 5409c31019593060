"""`trade`: what --optimize costs and saves."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinydeploy import whole
from tinydeploy.commands import common
from tinydeploy.lower.compile_options import GOALS
from tinydeploy.ui import Ui


def add(commands: common.Commands) -> None:
    """Add the command."""
    parser = common.add(
        commands, "trade", run, "what --optimize costs and saves; flash without the link"
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help="default: those of the bench")
    parser.add_argument("--goals", nargs="+", choices=GOALS, default=GOALS, help="default: all")
    parser.add_argument("--markdown-file", type=Path, metavar="FILE", help="also write a page")
    common.add_board(parser)
    common.add_json(parser)


def run(options: argparse.Namespace, ui: Ui) -> None:
    """Run the command."""
    from tinydeploy.bench import trade

    rows = trade.measure(options.models, options.board, options.goals, ui)
    common.print_result(options, rows, trade.markdown(rows))
    if options.markdown_file:
        whole.write_named(options.markdown_file, trade.page(rows))
