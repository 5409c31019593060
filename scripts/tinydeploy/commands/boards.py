"""`boards`: those that there are."""

from __future__ import annotations

import argparse

from tinydeploy import boards
from tinydeploy.commands import common
from tinydeploy.ui import Ui

_BOARD_FIELDS = ("id", "name", "chip", "cpu_hz", "flash_size", "ram_size", "simulator")


def add(commands: common.Commands) -> None:
    """Add the command."""
    common.add_json(common.add(commands, "boards", run, "list the boards"))


def run(options: argparse.Namespace, ui: Ui) -> None:
    """Run the command."""
    found = [boards.load(name) for name in boards.names()]
    rows = [{name: getattr(board, name) for name in _BOARD_FIELDS} for board in found]
    common.print_result(options, rows, *map(_board_line, found))


def _board_line(board: boards.Board) -> str:
    memory = f"{board.flash_size >> 10} KiB flash, {board.ram_size >> 10} KiB RAM"
    return f"{board.id:<16}{board.name:<32}{board.cpu_hz // 1_000_000} MHz, {memory}"
