"""A program on this PC as a device: the `host` board talks over its standard input and output."""

from __future__ import annotations

import os
import selectors
from collections.abc import Mapping
from pathlib import Path

from tinydeploy import tools
from tinydeploy.errors import DeviceFaultError, PortError
from tinydeploy.foreign import shown_lines
from tinydeploy.link.transport import READ_CHUNK_BYTES

_SHOWN_LINES = 12


class ProcessTransport:
    """Runs `program` and exchanges bytes with it; what it prints on standard error is kept.

    Raises DeviceFaultError from `read` and `write` when the program ends, with the sanitizer's
    words if it was one of them.
    """

    def __init__(self, program: Path, env: Mapping[str, str] | None = None) -> None:
        self.description = f"process {program.name}"
        self._process = tools.start_piped([program], what=f"the program {program.name}", env=env)
        self._ready = selectors.DefaultSelector()
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        self._stdout, self._stdin = self._process.stdout, self._process.stdin
        self._ready.register(self._stdout, selectors.EVENT_READ)

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        try:
            self._stdin.write(data)
            self._stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise self._ended() from error

    def read(self, timeout_s: float) -> bytes:
        """Wait up to `timeout_s` for output."""
        if not self._ready.select(timeout_s):
            return b""
        data = os.read(self._stdout.fileno(), READ_CHUNK_BYTES)
        if not data:
            raise self._ended()
        return data

    def close(self) -> None:
        """End the program."""
        self._ready.close()
        tools.kill(self._process)
        self._process.communicate()

    def _ended(self) -> DeviceFaultError | PortError:
        _, errors = self._process.communicate()
        said = errors.decode("utf-8", "replace").strip().splitlines()[:_SHOWN_LINES]
        status = self._process.returncode
        if not said:
            return PortError(f"{self.description} ended with status {status}", "start it again")
        text = shown_lines("\n".join(said))
        return DeviceFaultError(
            f"{self.description} ended with status {status}:\n{text}",
            "this is a bug in the firmware: please report it with the model",
        )
