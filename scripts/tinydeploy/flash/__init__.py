"""Putting an image on a board: `flash(...)` chooses the tool and says what it did.

Tools are the modules of this folder that define `write(job)`: `bossac` (Nano 33 over USB), `ambiq`
(SparkFun Edge, Ambiq's bootloader), `svl` (SparkFun Edge 2), `nrf_dfu` and `uf2` (Adafruit's
bootloader, over its serial port and as a drive), `pyocd` (debug probe), `bossac_cli` (the user's
own bossac). None of it was run on hardware: the tests use the simulated bootloaders of
`flash.simulated`, which are as strict as the facts in docs/boards.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path

from tinydeploy.boards import Board
from tinydeploy.errors import UsageError
from tinydeploy.flash import image as images
from tinydeploy.flash.base import (
    FlashJob,
    FlashResult,
    FlashStoppedError,
    Observer,
    Progress,
    State,
)
from tinydeploy.flash.ports import Line, MachinePorts, Ports

__all__ = [
    "FlashResult",
    "FlashStoppedError",
    "Observer",
    "Progress",
    "State",
    "describe_bootloader",
    "flash",
    "leave_bootloader",
    "tools",
]


def flash(
    image_bin: bytes | Path,
    board: Board,
    port: str | None = None,
    *,
    tool: str | None = None,
    serial_number: str | None = None,
    observer: Observer = Observer(),  # noqa: B008 - frozen
    ports: Ports | None = None,
) -> FlashResult:
    """Write an image to a board, verify it and start it.

    Args:
        image_bin: bytes from `board.flash_origin` on, or the file that holds them.
        port: serial port; None finds the board.
        tool: name of a tool; None takes the board's own.
        serial_number: chooses among several boards; its end is enough.
        observer: told how it goes; by default a person at the terminal is asked to press buttons.
        ports: the machine's serial ports; tests give simulated ones.

    Raises:
        UsageError: an unknown tool, or a board that is not flashed.
        PortError: the board was not found or cannot be opened; nothing was changed.
        FlashStoppedError: flashing stopped; `state` and message tell where the board was left.
        SetupError: a program that the tool needs is missing.
    """
    name = tool or board.flasher
    if not name:
        raise UsageError(f"board {board.id} is not flashed", "leave out the flash step")
    job = FlashJob(
        image=images.load(image_bin),
        board=board,
        port=port or "",
        serial_number=serial_number or "",
        ports=ports or MachinePorts(),
        observer=observer,
    )
    return _tool(name)(job)


def leave_bootloader(board: Board, line: Line, ports: Ports | None = None) -> bool:
    """Call after opening a board's port to talk to its firmware, which opening may have stopped.

    Where the adapter has DTR, opening the port of a SparkFun Edge resets it into its bootloader.

    Returns:
        Whether the board was in its bootloader and left it.
    """
    if not board.flasher:
        return False
    module = importlib.import_module(f"{__name__}.{board.flasher}")
    leave = getattr(module, "leave_bootloader", None)
    return bool(leave and leave(line, ports or MachinePorts(), board.baud))


def describe_bootloader(board: Board, port: str, ports: Ports | None = None) -> str:
    """What the bootloader on a port says of itself, where the board's tool can ask it.

    Raises:
        PortError, FlashError: it cannot be opened, or does not answer.
    """
    module = importlib.import_module(f"{__name__}.{board.flasher}")
    describe = getattr(module, "describe_bootloader", None)
    return str(describe(ports or MachinePorts(), port)) if describe else "a bootloader"


def tools() -> list[str]:
    """Names of the tools, sorted."""
    names = (path.stem for path in Path(__file__).parent.glob("*.py"))
    return sorted(name for name in names if _find(name) is not None)


def _tool(name: str) -> Callable[[FlashJob], FlashResult]:
    write = _find(name)
    if write is None:
        raise UsageError(f"no flash tool {name!r}", f"tools are: {', '.join(tools())}")
    return write


def _find(name: str) -> Callable[[FlashJob], FlashResult] | None:
    if not name.isidentifier() or name.startswith("_"):
        return None
    module_name = f"{__name__}.{name}"
    if importlib.util.find_spec(module_name) is None:
        return None
    write: Callable[[FlashJob], FlashResult] | None
    write = getattr(importlib.import_module(module_name), "write", None)
    return write
