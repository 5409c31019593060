"""Simulators of the boards: the flashed image itself, run on Unicorn.

    device = simulate.open(boards.load("nano33"), Path("firmware.elf"))
    device.write(b"...")
    device.read(timeout_s=1.0)

A board names its simulator in its JSON; the module of that name in this package is found by it and
supplies a class `Chip(board, image, options)`.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinydeploy.boards import Board
from tinydeploy.errors import UsageError
from tinydeploy.simulate.options import Options

__all__ = ["Options", "names", "open", "open_flash"]


def open(
    board: Board,
    elf: Path,
    options: Options = Options(),  # noqa: B008 - frozen
) -> Any:
    """Flash `elf` into a simulated `board` and power it on.

    Returns:
        A `device.SimulatedDevice`, which is a Transport.

    Raises:
        SimulationError: no such file, not an ELF file, or not an image for this board.
        UsageError: the board has no simulator, or none of its USB.
    """
    from tinydeploy.simulate import image as images
    from tinydeploy.simulate.device import SimulatedDevice

    chip_module = _chip_module(board)
    if options.usb and not board.has_usb:
        raise UsageError(f"{board.id} has no USB of its own", "leave out --usb")
    image = images.load(elf)
    images.check(image, board)
    chip = chip_module.Chip(board, image, replace(options, baud=options.baud or board.baud))
    return SimulatedDevice(chip, image, f"simulated {board.name}", pace=options.pace)


def open_flash(board: Board, content: bytes, *, usb: bool = False) -> Any:
    """Power on a simulated `board` with `content` in its flash from `board.flash_origin` on.

    Returns:
        A `device.SimulatedDevice`; it knows no symbols.
    """
    from tinydeploy.simulate.device import SimulatedDevice
    from tinydeploy.simulate.image import ElfImage, Segment

    segment = Segment(board.flash_origin, content.rstrip(b"\xff"), board.flash_origin)
    image = ElfImage(Path("flash"), (segment,), {})
    chip = _chip_module(board).Chip(board, image, Options(baud=board.baud, usb=usb))
    return SimulatedDevice(chip, image, f"simulated {board.name}")


def names() -> list[str]:
    """Chips that can be simulated."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def _chip_module(board: Board) -> Any:
    if board.simulator not in names():
        raise UsageError(
            f"{board.id} has no simulator", f"simulated chips are: {', '.join(names())}"
        )
    return importlib.import_module(f"tinydeploy.simulate.{board.simulator}")
