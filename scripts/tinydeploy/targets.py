"""Where a verification runs: the simulator of the board, a serial port, or this PC."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tinydeploy import flash, simulate
from tinydeploy.boards import Board
from tinydeploy.errors import UsageError
from tinydeploy.link import labgrid
from tinydeploy.link.board_lock import board_lock
from tinydeploy.link.client import Device
from tinydeploy.link.patience import Patience
from tinydeploy.link.process import ProcessTransport
from tinydeploy.link.symbols import symbolizer
from tinydeploy.link.transport import SerialTransport, Transport

SIMULATOR, HOST, RENODE = "simulator", "host", "renode"
# Renode translates code at first sight: the first answers take their time.
RENODE_PATIENCE = Patience(reply_s=2.0, invoke_s=30.0, wedged_s=60.0)


@dataclass(frozen=True)
class Target:
    """What a user chose with `--target` and the options beside it.

    Attributes:
        name: "simulator", "host", "renode", "labgrid:PLACE", or the name of a serial port.
        link_port: port that the link runs over where it is not the one to flash through.
        modelled_baud: let simulated bytes take the time that they take on a wire.
        wait_states: simulate an estimate of the flash's wait states, too.
        usb: let the simulated board talk over USB instead of its UART.
    """

    name: str
    link_port: str | None = None
    modelled_baud: bool = False
    wait_states: bool = False
    usb: bool = False

    @property
    def options(self) -> simulate.Options:
        """Of the simulator."""
        return simulate.Options(
            fast_uart=not self.modelled_baud, wait_states=self.wait_states, usb=self.usb
        )

    @property
    def is_port(self) -> bool:
        """Whether it leads to a real board, or to something that acts like one."""
        return self.name not in (SIMULATOR, HOST, RENODE)

    @property
    def is_remote(self) -> bool:
        """Whether the board is on another machine, where it is flashed too."""
        return self.name.startswith(labgrid.PREFIX)

    @property
    def kind(self) -> str:
        """The word for reports."""
        return "device" if self.is_port else self.name

    @property
    def repeatable(self) -> bool:
        """Whether the same image and vectors must give the same results and cycles again."""
        return self.name == SIMULATOR


def choose(
    name: str,
    board: Board,
    link_port: str | None = None,
    *,
    modelled_baud: bool = False,
    wait_states: bool = False,
    usb: bool = False,
) -> Target:
    """The target for a name from the command line; "auto" is what suits the board without one.

    Raises:
        UsageError: the combination makes no sense.
    """
    if name == "auto":
        name = HOST if board.is_host else SIMULATOR
    if board.is_host != (name == HOST):
        raise UsageError(
            f"--target {name} does not go with --board {board.id}",
            "the board `host` runs on the target `host`, others on `simulator`, `renode` or a port",
        )
    if wait_states and name != SIMULATOR:
        raise UsageError(
            f"--wait-states does not go with --target {name}", "only the simulator models them"
        )
    if usb and name != SIMULATOR:
        raise UsageError(
            f"--usb does not go with --target {name}", "a board talks over the port that is named"
        )
    return Target(name, link_port, modelled_baud, wait_states, usb)


def held(target: Target) -> AbstractContextManager[None]:
    """Keeps other runs from a board of this machine; labgrid's coordinator does for remote ones.

    Raises PortError on entering when another run has the board.
    """
    return board_lock(target.name) if target.is_port and not target.is_remote else nullcontext()


def open_transport(target: Target, board: Board, elf: Path) -> Transport:
    """Start what runs `elf`, or open the port of the board that already does."""
    if target.name == HOST:
        return ProcessTransport(elf)
    if target.name == SIMULATOR:
        device: Transport = simulate.open(board, elf, target.options)
        return device
    if target.name == RENODE:
        from tinydeploy.simulate.renode import RenodeTransport

        return RenodeTransport(board, elf)
    name = target.link_port or target.name
    if target.is_remote:
        name = labgrid.port_of(target.name.removeprefix(labgrid.PREFIX))
    port = SerialTransport(name, board.baud)
    flash.leave_bootloader(board, port)
    return port


def open_device(target: Target, board: Board, elf: Path) -> Device:
    """A device client on `open_transport`, with addresses in fault reports turned into names."""
    patience = RENODE_PATIENCE if target.name == RENODE else Patience()
    return Device(open_transport(target, board, elf), patience, symbolize=symbolizer(elf))
