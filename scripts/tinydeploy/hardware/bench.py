"""The boards of one pytest run: images that were built, ports that are open, statistics."""

from __future__ import annotations

from functools import cache
from typing import Any

from tinydeploy import boards, images, sources
from tinydeploy.errors import PortError, TinyDeployError, UsageError
from tinydeploy.hardware import connection, flakes
from tinydeploy.hardware.connection import Connection
from tinydeploy.hardware.embedded import FirmwareApp
from tinydeploy.hardware.flakes import Flakes
from tinydeploy.link.transport import list_ports
from tinydeploy.mlperf import firmware
from tinydeploy.mlperf.settings import settings_of
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.ui import Ui


class BoardBench:
    """Opens boards for tests, by the options of a pytest `config`."""

    def __init__(self, config: Any) -> None:
        self._config = config
        self._ports: dict[tuple[str, str, str], Connection] = {}
        self._last: list[Connection] = []
        self.flakes = Flakes()

    @property
    def count(self) -> int:
        """Boards in a test."""
        return int(self._config.getoption("count", 1))

    def app(self, board_id: str, model: str, mode: str) -> FirmwareApp:
        """Build `model` for a board, or take what was built; `mode` is "link" or "mlperf"."""
        return _build(board_id, model, self._config.getoption("engine"), mode)

    def connect(self, app: FirmwareApp, index: int) -> Connection:
        """Open the `index`th board: a fresh simulator, or a port that stays open between tests."""
        port = self._port(index)
        if port is None:
            opened = connection.open_simulated(app.board, app.image, app.baud)
        else:
            opened = self._opened_port(app, port, index)
        self._last.append(opened)
        return opened

    def release(self, opened: Connection) -> None:
        """A test is done with a board."""
        if opened.is_simulated:
            opened.close()
            self.flakes.add_link(opened.stats)

    def revive(self) -> bool:
        """Bring the boards of the failed test back; False if that cannot be done."""
        last, self._last = self._last, []
        try:
            for opened in last:
                if not opened.is_simulated:  # the next test gets a fresh simulator
                    self.flakes.resets.append(opened.revive())
        except TinyDeployError as error:
            self._config.get_terminal_writer().line(f"\n{error.message}; {error.hint}")
            return False
        return bool(last)

    def forget(self) -> None:
        """A new test starts."""
        self._last = []

    def close(self) -> None:
        """Close all ports."""
        for opened in self._ports.values():
            opened.close()
        self._ports.clear()

    def summary(self) -> list[str]:
        """The flake rate of this run and of all runs on such boards."""
        for opened in self._ports.values():
            self.flakes.add_link(opened.stats)
        where = "simulator" if self._port(0) is None else "device"
        return self.flakes.lines(flakes.remember(self.flakes, flakes.history_file(where)))

    def _opened_port(self, app: FirmwareApp, port: str, index: int) -> Connection:
        key = (port, app.board.id, app.image.build_id)
        if key not in self._ports:
            for other in [known for known in self._ports if known[0] == port]:
                stale = self._ports.pop(other)
                self.flakes.add_link(stale.stats)
                stale.close()
            self._ports[key] = connection.open_port(
                app.board,
                app.image,
                port,
                serial_number=self._each("port_serial_number", index, ","),
                may_flash=self._config.getoption("skip_autoflash") not in ("y", "yes", "true"),
                power_command=self._config.getoption("power_command"),
                baud=app.baud,
            )
        return self._ports[key]

    def _port(self, index: int) -> str | None:
        """The serial port of the `index`th board; None for a simulator."""
        port = self._each("port", index, "|") or self._each("target", index, "|")
        if port not in (None, "auto", "simulator", "host"):
            return port
        serial_number = self._each("port_serial_number", index, ",")
        return _port_of(serial_number) if serial_number else None

    def _each(self, option: str, index: int, separator: str) -> str | None:
        """The `index`th part of an option, or all of it where it has one part."""
        text: str | None = self._config.getoption(option, None)
        if not text:
            return None
        parts = text.split(separator)
        if len(parts) not in (1, self.count):
            raise UsageError(
                f"--{option.replace('_', '-')} has {len(parts)} parts for --count {self.count}",
                f"give one for all boards or one for each, with {separator!r} between them",
            )
        return parts[index % len(parts)].strip()


@cache
def _build(board_id: str, model: str, engine: str, mode: str) -> FirmwareApp:
    ui, board = Ui(quiet=True), boards.load(board_id)
    source, options = sources.resolve(model, None, False, None, ui), BuildOptions(engine)
    if mode == "mlperf":
        program, image = firmware.make_image(source, board, settings_of(source), options, ui)
    else:
        program, image = images.make_image(source, board, options, ui)
    return FirmwareApp(board, source, program, image)


def _port_of(serial_number: str) -> str:
    for port in list_ports():
        if port.serial_number == serial_number:
            return port.device
    raise PortError(
        f"no port with the serial number {serial_number}", "`tinydeploy doctor` lists the ports"
    )
