"""A lock for each port, so that two runs do not share a board."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator

from tinydeploy import locks
from tinydeploy.config import cache_dir
from tinydeploy.errors import PortError


@contextlib.contextmanager
def board_lock(port: str) -> Iterator[None]:
    """Keep other runs of this user from `port`; the system releases it when a process dies.

    Raises:
        PortError: another run has it; the message says which process.
    """
    try:
        import fcntl
    except ImportError:  # Windows opens a serial port for one program only
        yield
        return
    name = re.sub(r"[^A-Za-z0-9]+", "_", os.path.realpath(port)).strip("_")
    path = cache_dir() / "locks" / f"{name}.lock"
    with locks.open_file(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PortError(
                f"{port} is in use by another run: {locks.holder(file) or 'unknown process'}",
                "wait for it to end, or choose another board with --port or --port-serial-number",
            ) from error
        locks.sign(file)
        yield
