"""`flash`: an image onto a board."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinydeploy.commands import common
from tinydeploy.ui import Ui


def add(commands: common.Commands) -> None:
    """Add the command."""
    flash = common.add(commands, "flash", run, "write an image to a board and check it")
    common.add_board(flash)
    flash.add_argument("--port", help="serial port (default: found by its USB ids)")
    flash.add_argument("--serial-number", help="USB serial number, with several boards")
    flash.add_argument("--tool", help="bossac, ambiq, svl or pyocd (default: the board's)")
    flash.add_argument("image", type=Path, nargs="?", help=".bin file (default: the last deployed)")
    common.add_json(flash)


def run(options: argparse.Namespace, ui: Ui) -> None:
    """Run the command."""
    from tinydeploy import boards, flash, images

    board = boards.load(options.board)
    image = options.image or images.last_image(board)
    with ui.stage("flash") as stage, ui.progress(f"flash {board.name}") as progress:
        result = flash.flash(
            image,
            board,
            options.port,
            tool=options.tool,
            serial_number=options.serial_number,
            observer=flash.Observer(progress),
        )
        stage.detail = result.summary
    if options.json:
        common.print_result(options, result)
