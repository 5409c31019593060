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
from pathlib import Path
from typing import Any

from tinydeploy.boards import Board
from tinydeploy.errors import UsageError


def open(
    board: Board,
    elf: Path,
    *,
    baud: float | None = None,
    fast_uart: bool = True,
    realtime_baud: bool = False,
    strict: bool = True,
    bootloader: str = "",
    pace: bool = False,
    native: bool | None = None,
    wait_states: bool = False,
    usb: bool = False,
) -> Any:
    """Flash `elf` into a simulated `board` and power it on.

    Args:
        baud: bit rate of the host's end of the line; the board's own by default.
        fast_uart: characters take no time worth mentioning and never overrun the firmware.
        realtime_baud: characters take the time that the bit rate gives them; ends `fast_uart`.
        strict: a broken rule of the chip raises SimulationError; else it is recorded only.
        bootloader: which bootloader hands over, "A" or "B" for nano33; "" for the first.
        pace: hold simulated time back to wall-clock time.
        native: use the compiled cycle counter; None takes it where it can be built.
        wait_states: add an estimate of the flash's wait states to the cycles; the model has none.
        usb: talk over a USB cable instead of the UART; for chips whose USB is modelled.

    Returns:
        A `device.SimulatedDevice`, which is a Transport.

    Raises:
        SimulationError: no such file, not an ELF file, or not an image for this board.
        UsageError: the board has no simulator, or none of its USB.
    """
    from tinydeploy.simulate import image as images
    from tinydeploy.simulate.device import SimulatedDevice
    from tinydeploy.simulate.options import Options

    chip_module = _chip_module(board)
    if usb and not board.has_usb:
        raise UsageError(f"{board.id} has no USB of its own", "leave out --usb")
    image = images.load(elf)
    images.check(image, board)
    options = Options(
        baud=baud or board.baud,
        fast_uart=fast_uart and not realtime_baud,
        strict=strict,
        bootloader=bootloader,
        native=native,
        wait_states=wait_states,
        usb=usb,
    )
    chip = chip_module.Chip(board, image, options)
    return SimulatedDevice(chip, image, f"simulated {board.name}", pace=pace)


def open_flash(board: Board, content: bytes, *, usb: bool = False) -> Any:
    """Power on a simulated `board` with `content` in its flash from `board.flash_origin` on.

    Returns:
        A `device.SimulatedDevice`; it knows no symbols.
    """
    from tinydeploy.simulate.device import SimulatedDevice
    from tinydeploy.simulate.image import Image, Segment
    from tinydeploy.simulate.options import Options

    segment = Segment(board.flash_origin, content.rstrip(b"\xff"), board.flash_origin)
    image = Image(Path("flash"), (segment,), {})
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
