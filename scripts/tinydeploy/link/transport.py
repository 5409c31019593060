"""Byte transports: the one thing that a board, a simulator and a process have in common."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from typing import Any, Protocol

from tinydeploy.errors import PortError

try:
    import termios

    _TERMINAL_ERRORS: tuple[type[Exception], ...] = (termios.error,)
except ImportError:  # not on Windows
    _TERMINAL_ERRORS = ()

READ_CHUNK_BYTES = 4096

# An application may act on a *change* of the rate to 1200 only, and the driver may keep the rate of
# the last user: so a touch goes through another rate first.
TOUCH_FROM_BAUD = 9600
TOUCH_BAUD = 1200
TOUCH_HOLD_S = 0.05


class Transport(Protocol):
    """A byte stream to a device, without any framing."""

    description: str

    def write(self, data: bytes) -> None:
        """Send all of `data`; raises PortError when the other end is gone."""

    def read(self, timeout_s: float) -> bytes:
        """Return at least one byte as soon as there is one, or b"" after `timeout_s`."""

    def close(self) -> None:
        """Give the port, process or simulator back. Safe to call twice."""


class SerialTransport:
    """A serial port: a board over USB or UART, or a pseudo-terminal.

    Args:
        port: device name as pyserial takes it, `/dev/ttyACM0`, `COM5` or a `socket://` URL.
        baud: bits per second; ignored by USB CDC ports.
    """

    def __init__(self, port: str, baud: int) -> None:
        serial = _pyserial()
        # pyserial lets pass what tcdrain and tcflush say of a device that has gone meanwhile.
        self._gone = (serial.SerialException, OSError, *_TERMINAL_ERRORS)
        self.description = f"serial port {port}"
        try:
            self._port: Any = serial.serial_for_url(port, baudrate=baud, timeout=0)
        except (*self._gone, ValueError) as error:
            raise PortError(
                f"cannot open {port}: {_reason(error)}",
                "run `tinydeploy doctor` to see the ports and permissions of this machine",
            ) from error

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        try:
            self._port.write(data)
            self._port.flush()
        except self._gone as error:
            raise self._unplugged(error) from error

    def read(self, timeout_s: float) -> bytes:
        """Wait up to `timeout_s` seconds for the first byte, then take all that is there."""
        try:
            self._port.timeout = timeout_s
            first: bytes = self._port.read(1)
            if not first:
                return b""
            self._port.timeout = 0
            return first + bytes(self._port.read(READ_CHUNK_BYTES))
        except self._gone as error:
            raise self._unplugged(error) from error

    def close(self) -> None:
        """Close the port."""
        with contextlib.suppress(*self._gone):  # a device that is gone cannot be closed properly
            self._port.close()

    def set_baud(self, baud: int) -> None:
        """Change the rate, bits per second."""
        try:
            self._port.baudrate = baud
        except self._gone as error:
            raise self._unplugged(error) from error

    def set_control(self, *, dtr: bool, rts: bool) -> None:
        """Assert or release the modem control lines; without effect where there are none."""
        with contextlib.suppress(*self._gone):  # a pseudo-terminal has none
            self._port.dtr = dtr
            self._port.rts = rts

    def discard_input(self) -> None:
        """Forget what has arrived but was not read."""
        try:
            self._port.reset_input_buffer()
        except self._gone as error:
            raise self._unplugged(error) from error

    def _unplugged(self, error: Exception) -> PortError:
        return PortError(
            f"{self.description} is gone: {_reason(error)}",
            "check the cable, wait for the board to come back and start again",
        )


@dataclass(frozen=True)
class PortInfo:
    """A serial port of this machine; the ids are 0 for a port that is not on USB."""

    device: str
    description: str = ""
    vendor_id: int = 0
    product_id: int = 0
    serial_number: str = ""


def list_ports() -> list[PortInfo]:
    """The serial ports of this machine, sorted by name; pseudo-terminals are not among them."""
    from serial.tools import list_ports as pyserial_list_ports

    found = [
        PortInfo(
            device=port.device,
            description=port.description or "",
            vendor_id=port.vid or 0,
            product_id=port.pid or 0,
            serial_number=port.serial_number or "",
        )
        for port in pyserial_list_ports.comports()
        if port.vid is not None or port.hwid not in (None, "", "n/a")
    ]
    return sorted(found, key=lambda port: port.device)


def touch_1200(port: str) -> None:
    """Ask the application at a USB serial port to restart into its bootloader.

    The convention of Arduino boards: set the rate to 1200 and close with DTR released
    (docs/boards/nano33.md, 7). The port disappears soon after.
    """
    transport = SerialTransport(port, TOUCH_FROM_BAUD)
    try:
        transport.set_control(dtr=True, rts=True)
        transport.set_baud(TOUCH_BAUD)
        transport.set_control(dtr=False, rts=True)
        time.sleep(TOUCH_HOLD_S)
    finally:
        transport.close()


def _pyserial() -> Any:
    import serial

    return serial


def _reason(error: Exception) -> str:
    """In the system's words; pyserial puts its own and the port's name around them."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    if "Could not configure port" in str(error):
        return "it is not a serial port"
    return str(error).splitlines()[0]
