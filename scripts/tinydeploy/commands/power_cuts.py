"""`power-cuts`: the power goes in the middle of a swap."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinydeploy import whole
from tinydeploy.commands import common
from tinydeploy.ui import Ui


def add(commands: common.Commands) -> None:
    """Add the command."""
    cuts = common.add(
        commands, "power-cuts", run, "cut the power after every flash operation of a swap"
    )
    cuts.add_argument("--boards", nargs="+", metavar="BOARD", help="boards (default: all chips)")
    common.add_toolchain(cuts)
    cuts.add_argument(
        "--every",
        type=common.positive,
        default=1,
        metavar="N",
        help="only every Nth operation (default: 1)",
    )
    common.add_json(cuts, file=True)
    cuts.add_argument("--markdown-file", type=Path, metavar="FILE", help="also write the table")


def run(options: argparse.Namespace, ui: Ui) -> int:
    """Run the command."""
    from tinydeploy import boards
    from tinydeploy.push import power_cuts, power_cuts_page

    ids = options.boards or boards.of_each_chip()
    found = power_cuts.measure(ids, options.toolchain, options.every, ui)
    with common.json_file(options) as file:
        print(power_cuts_page.table(found))
        if file:
            power_cuts_page.save(found, file)
    if options.markdown_file:
        whole.write_named(options.markdown_file, power_cuts_page.page(found))
    lost = [line for row in found for line in row.lost]
    print("\n".join(lost[:20]), end="\n" if lost else "")
    return 1 if lost else 0
