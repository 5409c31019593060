"""`estimates`: how far `inspect` is from what is measured."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from tinydeploy import whole
from tinydeploy.commands import common
from tinydeploy.ui import Ui


def add(commands: common.Commands) -> None:
    """Add the command."""
    parser = common.add(
        commands, "estimates", run, "how far inspect's cycles are from measured ones"
    )
    parser.add_argument(
        "--fit", action="store_true", help="measure and fit the coefficients anew before that"
    )
    parser.add_argument(
        "--models",
        nargs="+",
        type=Path,
        metavar="FOLDER",
        help="of .tflite files (default: the zoo, ours, random graphs and single operators)",
    )
    parser.add_argument("--markdown-file", type=Path, metavar="FILE", help="also write a page")
    common.add_json(parser)


def run(options: argparse.Namespace, ui: Ui) -> None:
    """Run the command."""
    from tinydeploy.estimates import check, corpus, run

    if options.fit:
        run.refit(ui)
    found = run.judge(ui, options.models)
    common.print_result(options, [asdict(miss) for miss in found], check.summary(found))
    if options.markdown_file:
        text = check.page(found, corpus.OPERATORS)
        whole.write_named(options.markdown_file, text)
