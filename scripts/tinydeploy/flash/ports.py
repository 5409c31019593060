"""The serial ports of a machine, and its clock, as the flash tools see them.

The tools take a `Ports`, so that the same code flashes a board on this machine (`MachinePorts`), a
simulated board on a pseudo-terminal, and a simulated board in memory with a clock of its own.
"""

from __future__ import annotations

import builtins
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from tinydeploy.errors import PortError
from tinydeploy.link import transport
from tinydeploy.link.transport import PortInfo, Transport


class Line(Transport, Protocol):
    """An open serial port."""

    def set_baud(self, baud: int) -> None:
        """Change the rate, bits per second."""

    def set_control(self, *, dtr: bool, rts: bool) -> None:
        """Assert or release the modem control lines."""

    def discard_input(self) -> None:
        """Forget what has arrived but was not read."""


class Drive(Protocol):
    """A mounted USB drive."""

    def read(self, name: str) -> bytes:
        """A file on it; empty if it is not there."""

    def write(self, name: str, content: bytes) -> bool:
        """Write a file; whether it was all written before the drive went, which ends it."""


class Ports(Protocol):
    """Serial ports, mounted drives and time."""

    def list(self) -> list[PortInfo]:
        """The ports that are there now."""

    def exists(self, port: str) -> bool:
        """Whether a port can be expected to open; also for those that are not listed."""

    def drives(self) -> builtins.list[Drive]:
        """USB drives that are mounted now."""

    def open(self, port: str, baud: int) -> Line:
        """Open a port; raises PortError."""

    def touch_1200(self, port: str) -> None:
        """Open at 1200 baud and close with DTR released; raises PortError."""

    def now(self) -> float:
        """Seconds since some moment."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""


class MountedDrive:
    """A drive at a mount point."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes:
        """A file on it; empty if it is not there."""
        try:
            return (self._folder / name).read_bytes()
        except OSError:
            return b""

    def write(self, name: str, content: bytes) -> bool:
        """Write through to the drive. A bootloader leaves with the last block: no error then."""
        try:
            with (self._folder / name).open("wb", buffering=0) as file:
                file.write(content)
                os.fsync(file.fileno())
        except OSError:
            return False
        return True


def mount_points() -> Iterator[Path]:
    """Where this system mounts removable drives."""
    mounts = Path("/proc/mounts")
    if mounts.is_file():
        for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
            device, folder, kind = line.split()[:3]
            if device.startswith("/dev/") and kind in ("vfat", "msdos", "fuseblk"):
                yield Path(folder.encode().decode("unicode_escape"))  # \040 for a space
    elif os.name == "nt":
        yield from (Path(f"{letter}:/") for letter in "DEFGHIJKLMNOPQRSTUVWXYZ")
    else:
        yield from Path("/Volumes").glob("*")


class MachinePorts:
    """The ports of this machine."""

    def list(self) -> list[PortInfo]:
        """Ports that the operating system lists."""
        return transport.list_ports()

    def exists(self, port: str) -> bool:
        """Whether the device file is there; elsewhere than on Unix, whether it is listed."""
        return os.path.exists(port) or any(port == info.device for info in self.list())

    def drives(self) -> builtins.list[Drive]:
        """Those of `mount_points`."""
        return [MountedDrive(folder) for folder in mount_points()]

    def open(self, port: str, baud: int) -> Line:
        """Open a port with pyserial."""
        return transport.SerialTransport(port, baud)

    def touch_1200(self, port: str) -> None:
        """Touch with pyserial."""
        transport.touch_1200(port)

    def now(self) -> float:
        """Monotonic clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)


def open_patiently(ports: Ports, port: str, baud: int, timeout_s: float = 2.0) -> Line:
    """Open a port that has just appeared: udev may still be busy with its permissions."""
    deadline = ports.now() + timeout_s
    while True:
        try:
            return ports.open(port, baud)
        except PortError:
            if ports.now() >= deadline:
                raise
        ports.sleep(0.1)
