"""A board under test: what runs on it, the port that frames and log text share, and its reset."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

from tinydeploy import flash, simulate, targets
from tinydeploy.boards import Board
from tinydeploy.errors import DeviceError, LinkError
from tinydeploy.hardware.reset import Reset, revive
from tinydeploy.link.board_lock import board_lock
from tinydeploy.link.client import Device, LinkStats
from tinydeploy.link.identity import Identity
from tinydeploy.link.patience import Patience
from tinydeploy.link.process import ProcessTransport
from tinydeploy.link.shared import SharedWire
from tinydeploy.link.symbols import symbolizer
from tinydeploy.link.transport import SerialTransport, Transport
from tinydeploy.stages.build import Image

QUICK = Patience(reply_s=0.3, tries=3)


@dataclass
class Connection:
    """An open board.

    Attributes:
        port: its serial port, or "simulator" or "host".
        baud: bit rate of the port; 0 where there is none.
        resets: the ways in which this board had to be revived, in order.
    """

    board: Board
    image: Image
    port: str
    wire: SharedWire
    baud: int
    power_command: str = ""
    stats: LinkStats = field(default_factory=LinkStats)
    resets: list[str] = field(default_factory=list)
    _closing: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def is_simulated(self) -> bool:
        """Whether it leads to no real board."""
        return self.port in (targets.SIMULATOR, targets.HOST)

    @property
    def inner(self) -> Transport:
        """The transport itself: `simulate.device.SimulatedDevice`, a serial port, a process."""
        return self.wire.inner

    def device(self, patience: Patience | None = None) -> Device:
        """A client on this port; greet the board with `hello` first."""
        return Device(
            self.wire,
            patience=patience or Patience(),
            symbolize=symbolizer(self.image.elf),
            stats=self.stats,
        )

    def write(self, data: bytes | str) -> None:
        """Send bytes or text as they are."""
        self.wire.write(data.encode() if isinstance(data, str) else data)

    def identity(self) -> Identity:
        """Who answers, within a second."""
        return self.device(QUICK).hello()

    def revive(self) -> str:
        """Bring a wedged board back, gently first; returns what helped.

        Raises:
            DeviceWedgedError: nothing did.
        """
        how = revive(self.wire.description, self._ways(), lambda: self.identity())
        self.resets.append(how)
        return how

    def close(self) -> None:
        """Close the port and give the board back. Safe to call twice."""
        self.wire.close()
        self._closing.close()

    def _ways(self) -> list[Reset]:
        ways = [Reset("a RESET request", self._ask_for_reset)]
        if hasattr(self.inner, "reset"):
            ways.append(Reset("the simulated reset pin", self.inner.reset))
        if isinstance(self.inner, SerialTransport):
            ways.append(Reset("the DTR and RTS lines", self._toggle_lines))
        if self.power_command:
            ways.append(Reset.by_command(self.power_command))
        return ways

    def _ask_for_reset(self) -> None:
        device = self.device(QUICK)
        with contextlib.suppress(DeviceError):  # after a fault HELLO is refused, RESET is not
            device.hello()
        device.reset()

    def _toggle_lines(self) -> None:
        assert isinstance(self.inner, SerialTransport)
        self.inner.set_control(dtr=False, rts=False)
        self.wire.pump(0.2)
        self.inner.set_control(dtr=True, rts=True)
        flash.leave_bootloader(self.board, self.inner)


def open_simulated(board: Board, image: Image, baud: int | None = None) -> Connection:
    """Start the image in the simulator of its board, or on this PC for the board `host`."""
    if board.is_host:
        return Connection(board, image, targets.HOST, SharedWire(ProcessTransport(image.elf)), 0)
    device = simulate.open(board, image.elf, simulate.Options(baud or 0))
    return Connection(board, image, targets.SIMULATOR, SharedWire(device), baud or board.baud)


def open_port(
    board: Board,
    image: Image,
    port: str,
    *,
    baud: int | None = None,
    serial_number: str | None = None,
    may_flash: bool = True,
    power_command: str = "",
) -> Connection:
    """Open a board's port and see to it that the board runs `image`: flash it where it does not.

    Raises:
        PortError: no such port, or another run has the board.
        LinkError: it runs something else and `may_flash` is false.
        FlashError: flashing stopped.
    """
    with contextlib.ExitStack() as closing:
        closing.enter_context(board_lock(port))
        connection = _opened(board, image, port, baud or board.baud, power_command)
        if not _runs(connection, image):
            connection.close()
            _require_may_flash(port, may_flash)
            result = flash.flash(image.bin, board, port, serial_number=serial_number)
            connection = _opened(
                board, image, result.port or port, baud or board.baud, power_command
            )
        connection._closing = closing.pop_all()
        return connection


def _opened(board: Board, image: Image, port: str, baud: int, power_command: str) -> Connection:
    serial = SerialTransport(port, baud)
    flash.leave_bootloader(board, serial)
    return Connection(board, image, port, SharedWire(serial), baud, power_command)


def _runs(connection: Connection, image: Image) -> bool:
    try:
        return image.build_id.startswith(connection.identity().build_id)
    except DeviceError:
        return False  # other firmware, none, or a wedged board: flashing mends all three


def _require_may_flash(port: str, may_flash: bool) -> None:
    if not may_flash:
        raise LinkError(
            f"the board on {port} does not run this build",
            "leave out --skip-autoflash, or flash it with `tinydeploy flash`",
        )
