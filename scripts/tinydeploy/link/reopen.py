"""A port that goes away with its board and comes back with it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from tinydeploy.errors import PortError
from tinydeploy.link.transport import PortInfo, Transport, list_ports

POLL_S = 0.1


class Reopener:
    """Opens a port again, under its name or under the one that its USB serial number has then.

    A board that is plugged in again while its old port is still held gets another name.

    Args:
        port: its name now.
        opened: opens the port of a name; raises PortError.
        ports: lists those that are there.
    """

    def __init__(
        self,
        port: str,
        opened: Callable[[str], Transport],
        ports: Callable[[], list[PortInfo]] = list_ports,
    ) -> None:
        self._port, self._opened, self._ports = port, opened, ports
        device = os.path.realpath(port)
        numbers = (info.serial_number for info in ports() if info.device in (port, device))
        self._serial_number = next(numbers, "")

    def __call__(self, timeout_s: float) -> Transport:
        """The port once it is there; raises PortError after `timeout_s`."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            try:
                return self._opened(self._name())
            except PortError:
                if time.monotonic() >= deadline_s:
                    raise
            time.sleep(POLL_S)

    def _name(self) -> str:
        same = (info.device for info in self._ports() if info.serial_number == self._serial_number)
        return next(same, self._port) if self._serial_number else self._port
