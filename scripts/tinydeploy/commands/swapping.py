"""What `push` and `status` share: the device, and how its slots are shown."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from rich.markup import escape

from tinydeploy.commands import common
from tinydeploy.ui import Ui

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tinydeploy.link.client import Device


def add(parser: argparse.ArgumentParser) -> None:
    """The options."""
    common.add_board(parser)
    common.add_target(parser)
    common.add_toolchain(parser)
    common.add_json(parser)


def opened(options: argparse.Namespace, ui: Ui) -> AbstractContextManager[Device]:
    """The device."""
    from tinydeploy import boards, targets
    from tinydeploy.push.targets import flash_file, opened

    ui.quiet = ui.quiet or options.json
    board = boards.load(options.board)
    target = targets.choose(
        options.target,
        board,
        options.link_port,
        modelled_baud=options.modelled_baud,
        wait_states=options.wait_states,
        usb=options.usb,
    )
    if not target.is_port:
        where = escape(str(flash_file(board)))
        ui.say(
            f"this is the {target.name}: {board.name} with the flash in {where}; a board is meant "
            "by --target PORT"
        )
    return opened(target, board, options.toolchain, ui)


def kind(options: argparse.Namespace) -> str:
    """The target in a report's word: readers of JSON must know a simulator, too."""
    from tinydeploy import boards, targets

    return targets.choose(options.target, boards.load(options.board)).kind


def slot(index: int) -> int | None:
    """The index as JSON has it: null for the image's own model."""
    from tinydeploy.link.slots import BUILT_IN

    return None if index == BUILT_IN else index
