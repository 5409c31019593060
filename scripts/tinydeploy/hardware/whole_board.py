"""A whole simulated board on a pseudo-terminal: its bootloader, its flash, and what runs from it.

    tinydeploy simulate --board nano33 --pty --bootloader

The bootloaders are those of `flash.simulated`; what they have written is started in the simulator
of the chip, knowing nothing but the bytes of the flash. So `tinydeploy deploy --target PORT` does
here all that it does with a board: touch, re-enumeration, flashing, restart, parity.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinydeploy import boards, simulate
from tinydeploy.boards import Board
from tinydeploy.errors import SetupError, UsageError
from tinydeploy.flash.simulated.board import Application, Firmware, SimulatedBoard
from tinydeploy.flash.simulated.edge import Edge
from tinydeploy.flash.simulated.nano import Nano
from tinydeploy.flash.simulated.timeline import Timeline
from tinydeploy.flash.simulated.usb_board import UsbBoard
from tinydeploy.flash.simulated.xiao import Xiao
from tinydeploy.link.transport import PortInfo
from tinydeploy.simulate import ids
from tinydeploy.simulate.device import SimulatedDevice
from tinydeploy.simulate.usb_serial import UsbSerial

Say = Callable[[str], None]
_CHIP_IDS = {"device_address": ids.NRF52840, "device_id": ids.NRF52840_DEVICE_ID}


class _OnItsOwnUsb(UsbBoard):
    """A board whose application is on USB when its firmware is, under the names it gives itself."""

    _device: SimulatedDevice
    _usb: UsbSerial

    def __init__(self, board: Board, application: bytes, say: Say) -> None:
        """`say` is told each appearance on the bus, and what was asked for."""
        self._board = board
        self._say = say
        low, high = _CHIP_IDS[board.unique_id]
        options: dict[str, Any] = {
            "firmware": Firmware(application, self._start_chip, on_usb=False),
            "serial_number": f"{high:08X}{low:08X}",
        }
        super().__init__(Timeline(), **options)  # what is missing comes from the bootloader's class

    def _start_chip(self, content: bytes) -> Application:
        device: SimulatedDevice = simulate.open_flash(self._board, content, usb=True)
        line = device.chip.line
        assert isinstance(line, UsbSerial)
        line.is_open, line.lines = False, 0
        self._device, self._usb = device, line
        return device

    @property
    def _runs(self) -> bool:
        return self.mode == "application" and self.application is not None

    def pump(self) -> None:
        """Let the firmware run on, and follow it on and off the bus."""
        super().pump()
        if not self._runs:
            return
        if self._device.in_bootloader:
            self._say("the firmware asks for the bootloader")
            self._boot(stay=True)
        elif self._usb.is_ready and self.port is None:
            self._show(self._identity())
        elif not self._usb.is_ready:
            self._remove_port()

    def _identity(self) -> PortInfo:
        """What the firmware's descriptors say."""
        host = self._usb.host
        head = host.device_descriptor
        vendor, product = (int.from_bytes(head[at : at + 2], "little") for at in (8, 10))
        texts = [host.strings.get(index, "") for index in head[15:17]]
        return PortInfo(self._names[0], texts[0], vendor, product, texts[1])

    def _show(self, info: PortInfo) -> None:
        self.port = info
        self._say(
            f"USB: {info.vendor_id:04x}:{info.product_id:04x} {info.description}, "
            f"serial number {info.serial_number}"
        )

    def _show_bootloader(self) -> None:
        super()._show_bootloader()
        assert self.port is not None
        self._show(self.port)

    # What the host does with the port goes to the firmware, which knows a touch when it sees one.

    def opened(self, baud: int) -> None:
        """Line coding, then DTR."""
        if self._runs:
            self._usb.open(baud)

    def closed(self) -> None:
        """DTR falls."""
        if self._runs:
            self._usb.close()

    def set_baud(self, baud: int) -> None:
        """Line coding."""
        if self._runs:
            self._usb.set_rate(baud)

    def set_control(self, *, dtr: bool, rts: bool) -> None:
        """Nothing: `opened` and `closed` have told all that a pseudo-terminal knows."""


class WholeNano(_OnItsOwnUsb, Nano):
    """A Nano 33 with the chip of its own firmware in it."""


class WholeXiao(_OnItsOwnUsb, Xiao):
    """A XIAO with the chip of its own firmware in it."""


def _edge(board: Board, application: bytes, say: Say) -> Edge:
    """An Edge, which has no USB of its own that there would be something to say of."""

    def start(content: bytes) -> Application:
        device: SimulatedDevice = simulate.open_flash(board, content)
        return device

    return Edge(Timeline(), firmware=Firmware(application, start))


_BY_BOOTLOADER: dict[str, Callable[[Board, bytes, Say], SimulatedBoard]] = {
    "arduino_nano33": WholeNano,
    "adafruit_uf2": WholeXiao,
    "ambiq_secure": _edge,
}


def make(board: Board, application: bytes = b"", say: Say = lambda text: None) -> SimulatedBoard:
    """A board with `application` in its flash, or none yet; not powered.

    Raises:
        UsageError: no bootloader of this board is simulated.
    """
    maker = _BY_BOOTLOADER.get(board.bootloader.kind)
    if maker is None:
        loaded = map(boards.load, boards.names())
        known = [each.id for each in loaded if each.bootloader.kind in _BY_BOOTLOADER]
        raise UsageError(
            f"no bootloader of {board.id} is simulated", f"boards with one: {', '.join(known)}"
        )
    return maker(board, application, say)


def serve(board: Board, application: bytes, link: Path, say: Say = print) -> None:
    """Serve a board at the symbolic link `link` until Ctrl-C; the link goes when the port goes.

    Raises:
        SetupError: this system has no pseudo-terminals.
        UsageError: something else is at `link`.
        SimulationError: the firmware broke a rule of the chip.
    """
    try:
        from tinydeploy.flash.simulated.pty import PtyServer
    except ImportError as error:
        raise SetupError(f"no pseudo-terminal to be had here: {error}") from error
    if os.path.lexists(link) and not link.is_symlink():
        raise UsageError(f"{link} is there and is no link", "name another file with --link")
    link.parent.mkdir(parents=True, exist_ok=True)
    whole = make(board, application, say)
    whole.power_on()
    say(f"{board.name} with its bootloader on {link}, Ctrl-C ends it")
    with contextlib.suppress(KeyboardInterrupt):
        PtyServer(whole, link).run()
