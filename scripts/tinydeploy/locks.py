"""A folder is used by one run at a time; the lock dies with the process that holds it."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tinydeploy.config import BUILD_DIR

try:
    import fcntl
except ImportError:  # Windows: folders are not locked there
    fcntl = None  # type: ignore[assignment]

_SHOWN_CHARACTERS = 120
_here = threading.local()  # .held: lock files of this thread, which may enter them again


@contextmanager
def held(folder: Path, announce: Callable[[str], None]) -> Iterator[None]:
    """Keep other runs, and other threads of this one, out of `folder`; waits for one inside.

    Args:
        folder: need not exist yet.
        announce: is told before a wait who is inside.
    """
    path = lock_file(folder)
    mine: set[Path] = _here.__dict__.setdefault("held", set())
    if fcntl is None or path in mine:
        yield
        return
    with _locked(path, lambda who: announce(f"waiting: {_shown(folder)} is in use by {who}")):
        mine.add(path)
        try:
            yield
        finally:
            mine.discard(path)


def lock_file(folder: Path) -> Path:
    """Beside what is built, not in it: deleting a folder does not delete its lock."""
    real = os.path.realpath(folder)
    return BUILD_DIR / "locks" / f"{hashlib.sha256(os.fsencode(real)).hexdigest()[:16]}.lock"


@contextmanager
def _locked(path: Path, wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the file while inside; it is gone afterwards."""
    file = _acquire(path, wait)
    with file:
        sign(file)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # still ours: a waiter looks whether it is in the folder


def open_file(path: Path) -> BinaryIO:
    """A lock file, made if there is none; a link in its place is refused."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    return os.fdopen(os.open(path, flags, 0o666), "r+b", buffering=0)


def sign(file: BinaryIO) -> None:
    """Say in a lock file who holds it; a full disk does not matter."""
    with suppress(OSError):
        file.truncate(0)
        file.seek(0)
        file.write(f"process {os.getpid()}, {_command()}".encode())


def holder(file: BinaryIO) -> str:
    """Who holds it, in words; "" if it does not say."""
    file.seek(0)
    return file.read().decode("utf-8", "replace").strip()


def _acquire(path: Path, wait: Callable[[str], None]) -> BinaryIO:
    said = False
    while True:
        file = open_file(path)
        try:
            if not _try(file):
                if not said:
                    wait(holder(file) or "another run")
                    said = True
                fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(file, path):
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # the one before us removed it: take the file that is there now


def _try(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _command() -> str:
    return " ".join(["tinydeploy", *sys.argv[1:]])[:_SHOWN_CHARACTERS]


def _shown(folder: Path) -> str:
    with suppress(ValueError):
        return folder.relative_to(BUILD_DIR.parent).as_posix()
    return str(folder)
