"""Renode, where it is installed: runs the same image on the board's `.resc`, over a socket.

Renode is not on PyPI: the tests put a stand-in of that name on the PATH. Renode 1.16.1 itself ran
both boards' files elsewhere.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import threading
import time
from pathlib import Path
from typing import IO

from tinydeploy import tools
from tinydeploy.boards import Board
from tinydeploy.errors import PortError, SetupError, UsageError

START_TIMEOUT_S = 60.0
GREETING_TIMEOUT_S = 10.0  # until the firmware's first bytes; Renode translates code at first sight
AFTER_ERROR_S = 2.0  # a terminal that is not open so long after an error never will be
QUIT_TIMEOUT_S = 5.0
READ_CHUNK_BYTES = 4096
_ERROR = re.compile(r"error|exception|fatal|could not|cannot", re.IGNORECASE)
_STACK_TRACE = re.compile(r"\s*(at |--- End of )")


class RenodeTransport:
    """A board in Renode; implements Transport. Times are those of the wall clock.

    Raises:
        SetupError: Renode is not on the PATH, or does not start.
        UsageError: the board has no description for Renode.
    """

    def __init__(self, board: Board, elf: Path) -> None:
        self.description = f"{board.name} in Renode"
        self._greeting = b""
        program, port = _program(), _free_port()
        self._process = tools.start_piped(_command(program, board, elf, port), what="Renode")
        self._output = _Output(self._process.stdout, self._process.stderr)
        try:
            self._socket = self._connected(port)
            self._say("start")  # what the board says before anybody listens is lost
            # And what it is told before its UART is on: its first words say that it listens.
            self._greeting = self.read(GREETING_TIMEOUT_S)
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
        greeting, self._greeting = self._greeting, b""
        if greeting or not select.select([self._socket], [], [], timeout_s)[0]:
            return greeting
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
            if self._output.has_error:
                deadline_s = min(deadline_s, time.monotonic() + AFTER_ERROR_S)
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
        tools.kill(self._process)
        self._process.wait()
        self._output.finish()

    def _gone(self) -> PortError:
        return PortError(f"{self.description} is gone: {self._last_words()}", "start it again")

    def _last_words(self) -> str:
        tools.kill(self._process)
        self._process.wait()
        self._output.finish()
        return reason(self._output.text)


class _Output:
    """What a process prints on its pipes, taken as it comes so that the process never waits."""

    def __init__(self, *pipes: IO[bytes] | None) -> None:
        self._chunks: list[bytes] = []
        self._threads = [
            threading.Thread(target=self._collect, args=(pipe,), daemon=True)
            for pipe in pipes
            if pipe is not None
        ]
        for thread in self._threads:
            thread.start()

    def _collect(self, pipe: IO[bytes]) -> None:
        with pipe:
            while chunk := pipe.read(READ_CHUNK_BYTES):
                self._chunks.append(chunk)

    @property
    def text(self) -> str:
        """All of it so far."""
        return b"".join(self._chunks).decode("utf-8", "replace")

    @property
    def has_error(self) -> bool:
        """Whether a line tells of an error; Renode's own log is hidden."""
        return _ERROR.search(self.text) is not None

    def finish(self) -> None:
        """Wait for the rest, once the process has ended."""
        for thread in self._threads:
            thread.join(timeout=1.0)


def reason(output: str) -> str:
    """Why it failed: from the first line that tells of an error on, without stack traces.

    .NET prints the message first and its stack after it, so that the end says nothing.
    """
    lines = [line.strip() for line in output.splitlines() if not _STACK_TRACE.match(line)]
    lines = [line for line in lines if line]
    first = next((i for i, line in enumerate(lines) if _ERROR.search(line)), 0)
    return " ".join(lines[first : first + 6])


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
