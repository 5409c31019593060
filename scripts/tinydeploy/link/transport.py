"""Byte transports: the one thing that a board, a simulator and a process have in common."""

from __future__ import annotations

from typing import Any, Protocol

from tinydeploy.errors import PortError

READ_CHUNK_BYTES = 4096


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
        self.description = f"serial port {port}"
        try:
            self._port: Any = serial.serial_for_url(port, baudrate=baud, timeout=0)
        except (serial.SerialException, ValueError, OSError) as error:
            raise PortError(
                f"cannot open {port}: {_reason(error)}",
                "run `tinydeploy doctor` to see the ports and permissions of this machine",
            ) from error
        self._gone: type[Exception] = serial.SerialException

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        try:
            self._port.write(data)
            self._port.flush()
        except (self._gone, OSError) as error:
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
        except (self._gone, OSError) as error:
            raise self._unplugged(error) from error

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def _unplugged(self, error: Exception) -> PortError:
        return PortError(
            f"{self.description} is gone: {_reason(error)}",
            "check the cable, wait for the board to come back and start again",
        )


def _pyserial() -> Any:
    import serial

    return serial


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).splitlines()[0]
