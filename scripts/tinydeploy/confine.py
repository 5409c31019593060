"""Bounds of this process, for one that runs foreign code on a foreign file: memory, CPU time."""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress
from pathlib import Path


def memory(more_bytes: int) -> None:
    """Let this process have `more_bytes` of address space beyond what it has now."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _lower(resource.RLIMIT_AS, pages * os.sysconf("SC_PAGE_SIZE") + more_bytes)


def share_of_memory(share: float) -> None:
    """Let this process fill no more than a share of the machine's memory with data of its own."""
    if sys.platform == "linux":
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        _lower(resource.RLIMIT_DATA, int(share * whole))


def cpu(more_s: float) -> None:
    """Let this process compute for `more_s` from now on; then SIGXCPU ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _lower(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + more_s) + 1)


def _lower(kind: int, most: int) -> None:
    """The soft limit, which may be set again; never above what is set already."""
    _, hard = resource.getrlimit(kind)
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(kind, (soft, hard))
