"""`simulate`: an image in the simulator, on a pseudo-terminal."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tinydeploy.commands import common
from tinydeploy.errors import UsageError
from tinydeploy.ui import Ui


def add(commands: common.Commands) -> None:
    """Add the command."""
    simulate = common.add(
        commands, "simulate", run, "run an image in the simulator, on a pseudo-terminal"
    )
    common.add_board(simulate)
    common.add_model(simulate)
    common.add_toolchain(simulate)
    common.add_engine(simulate)
    common.add_mode(simulate)
    common.add_hot_swap(simulate)
    simulate.add_argument(
        "--pty", action="store_true", help="serve a pseudo-terminal until Ctrl-C, as it does anyway"
    )
    simulate.add_argument("--link", type=Path, help="also make a symbolic link to it there")
    simulate.add_argument("--elf", type=Path, help="image to run (default: build the model)")
    simulate.add_argument(
        "--bootloader",
        action="store_true",
        help="the whole board with its bootloader, so that the pseudo-terminal can be flashed",
    )
    simulate.add_argument(
        "--usb",
        action="store_true",
        help="the Nano's USB port instead of its UART, as the bootloader uses it too",
    )


def run(options: argparse.Namespace, ui: Ui) -> None:
    """Run the command."""
    from tinydeploy import boards, simulate
    from tinydeploy.simulate import pty
    from tinydeploy.stages.flavour import MLPERF_BAUD

    if options.bootloader or options.usb:
        _simulate_whole(options, ui)
        return
    baud = MLPERF_BAUD if options.mode == "mlperf" else 0
    with _elf(options, ui) as elf:
        timed = simulate.Options(baud, fast_uart=False)
        device = simulate.open(boards.load(options.board), elf, timed)
    pty.serve(device, link_path=options.link)


@contextmanager
def _elf(options: argparse.Namespace, ui: Ui) -> Iterator[Path]:
    """The image to run; what is built is held only until it is read."""
    if options.elf:
        yield options.elf
        return
    with common.made_image(options, ui) as image:
        yield image.elf


def _simulate_whole(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy import boards
    from tinydeploy.config import BUILD_DIR
    from tinydeploy.hardware import whole_board
    from tinydeploy.simulate import image as images

    board = boards.load(options.board)
    if options.usb and not board.has_usb:
        raise UsageError(f"{board.id} has no USB of its own", "leave out --usb")
    with _elf(options, ui) as elf:
        image = images.load(elf)
    images.check(image, board)
    link = options.link or BUILD_DIR / f"tty-{board.id}"
    whole_board.serve(board, image.flat(board.flash_origin), link)
