"""Renode, where it is installed: runs the same image on the board's `.resc`, over a socket.

Not run here: Renode is not on PyPI. The tests put a stand-in of that name on the PATH.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from pathlib import Path

from tinydeploy import tools
from tinydeploy.boards import Board
from tinydeploy.errors import PortError, SetupError, UsageError

START_TIMEOUT_S = 60.0
QUIT_TIMEOUT_S = 5.0
READ_CHUNK_BYTES = 4096


class RenodeTransport:
    """A board in Renode; implements Transport. Times are those of the wall clock.

    Raises:
        SetupError: Renode is not on the PATH, or does not start.
        UsageError: the board has no description for Renode.
    """

    def __init__(self, board: Board, elf: Path) -> None:
        self.description = f"{board.name} in Renode"
        program, port = _program(), _free_port()
        self._process = tools.start_piped(_command(program, board, elf, port), what="Renode")
        try:
            self._socket = self._connected(port)
            self._say("start")  # what the board says before anybody listens is lost
        except BaseException:
            self._end()
            raise

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise self._gone() from error

    def read(self, timeout_s: float) -> bytes:
        """Wait up to `timeout_s` for bytes."""
        if not select.select([self._socket], [], [], timeout_s)[0]:
            return b""
        try:
            data = self._socket.recv(READ_CHUNK_BYTES)
        except OSError as error:
            raise self._gone() from error
        if not data:
            raise self._gone()
        return data

    def close(self) -> None:
        """End Renode."""
        self._socket.close()
        self._end()

    def _connected(self, port: int) -> socket.socket:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s and self._process.poll() is None:
            with contextlib.suppress(OSError):
                return socket.create_connection(("127.0.0.1", port))
            time.sleep(0.1)
        raise SetupError(
            f"Renode does not open its terminal: {self._last_words() or 'no message'}",
            "try the board's .resc in Renode itself; `--target simulator` needs no Renode",
        )

    def _say(self, command: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(f"{command}\n".encode())
            self._process.stdin.flush()

    def _end(self) -> None:
        if self._process.poll() is None:
            self._say("quit")
            deadline_s = time.monotonic() + QUIT_TIMEOUT_S
            while self._process.poll() is None and time.monotonic() < deadline_s:
                time.sleep(0.05)
        self._process.kill()
        self._process.communicate()

    def _gone(self) -> PortError:
        return PortError(f"{self.description} is gone: {self._last_words()}", "start it again")

    def _last_words(self) -> str:
        self._process.kill()
        output, errors = self._process.communicate()
        return (output + errors).decode("utf-8", "replace").strip()[-400:]


def _program() -> Path:
    program = tools.find("renode")
    if program is None:
        raise SetupError(
            "renode is not on the PATH",
            "install it (https://renode.io), or take the simulator that comes with tinydeploy: "
            "--target simulator",
        )
    return program


def _command(program: Path, board: Board, elf: Path, port: int) -> list[str]:
    script = board.folder / f"{board.id}.resc"
    if not script.is_file():
        raise UsageError(f"{board.id} has no {script.name} for Renode", "choose another --target")
    commands = (
        f"$elf=@{_escaped(elf)}",
        f"include @{_escaped(script)}",
        f'emulation CreateServerSocketTerminal {port} "link" false',
        "connector Connect sysbus.uart0 link",
    )
    options = ("--disable-gui", "--console", "--plain", "--hide-log")
    return [str(program), *options, "-e", "; ".join(commands)]


def _escaped(path: Path) -> str:
    return str(path.resolve()).replace(" ", "\\ ")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
