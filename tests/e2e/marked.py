"""Programs that a test or a campaign started, and all that come of them: they inherit a mark."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

MARK = "TINYDEPLOY_TEST_MARK"


def new() -> str:
    """A mark that no process has yet, to be put into the environment as `MARK`."""
    return f"{os.getpid()}-{time.monotonic_ns()}"


def find(mark: str) -> dict[int, str]:
    """Processes that come from the one that was started with `mark`, and what they are."""
    found = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and mark.encode() in (entry / "environ").read_bytes():
                found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
    return found


def await_end(mark: str, limit_s: float) -> dict[int, str]:
    """Those that are left once all have ended, or after `limit_s`."""
    deadline_s = time.monotonic() + limit_s
    while (left := find(mark)) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return left


def kill(mark: str) -> None:
    """End all of them."""
    for process in find(mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
