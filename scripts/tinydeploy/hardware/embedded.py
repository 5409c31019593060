"""pytest-embedded's objects for our boards: its fixtures' names, its `expect`, our port.

pytest-embedded reads a port in a process of its own, 20 times a second. Here `dut.expect()` reads
the port itself, so that a simulator runs while a test waits, and leaves the frames to the device
client.
"""

from __future__ import annotations

from pathlib import Path

import pexpect
from pytest_embedded.app import App
from pytest_embedded.dut import Dut
from pytest_embedded.log import PexpectProcess

from tinydeploy.boards import Board
from tinydeploy.hardware.connection import Connection
from tinydeploy.link.shared import SharedWire
from tinydeploy.sources import Source
from tinydeploy.stages.build import Image
from tinydeploy.stages.compile import Program
from tinydeploy.stages.program_folder import link_baud

PATIENCE_S = 30.0


class FirmwareApp(App):  # type: ignore[misc]
    """What runs on the board: the fixture `app`."""

    def __init__(self, board: Board, source: Source, program: Program, image: Image) -> None:
        super().__init__(app_path=str(image.elf.parent), build_dir=str(image.elf.parent))
        self.board, self.source, self.program, self.image = board, source, program, image
        self.baud = link_baud(program.folder, board)


class WireLog(PexpectProcess):  # type: ignore[misc]
    """The text of a port as a growing file, which pexpect reads and people may look at later."""

    def __init__(self, wire: SharedWire, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._wire = wire
        self._sink = file.open("wb", buffering=0)
        self._source = file.open("rb", buffering=0)
        wire.follow(self._sink.write)
        super().__init__(self._source, timeout=PATIENCE_S)

    def read_nonblocking(self, size: int = 1, timeout: float | None = -1) -> bytes:
        """Text that is there, or that comes within `timeout` seconds of the device's time."""
        data: bytes = super().read_nonblocking(size, 0)
        if data:
            return data
        wait_s = PATIENCE_S if timeout is None or timeout < 0 else timeout
        if not self._wire.pump(wait_s):
            raise pexpect.TIMEOUT(f"silence for {wait_s:g} s")
        more: bytes = super().read_nonblocking(size, 0)
        return more

    def close(self) -> None:
        """Close both ends of the file."""
        self._sink.close()
        self._source.close()


class BoardDut(Dut):  # type: ignore[misc]
    """The fixture `dut`: `expect` as in pytest-embedded, `write` straight to the port."""

    def __init__(self, connection: Connection, app: FirmwareApp, log: Path, test_name: str) -> None:
        super().__init__(WireLog(connection.wire, log), None, app, str(log), test_name)
        self.connection = connection

    def write(self, s: bytes | str) -> None:
        """Send bytes or text as they are."""
        self.connection.write(s)

    def close(self) -> None:
        """Close the log; the port stays with the fixture `serial`."""
        super().close()
        self.pexpect_proc.close()
