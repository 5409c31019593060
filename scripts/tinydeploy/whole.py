"""What is written appears whole: a reader sees the old file or the new one, whatever is killed.

A file is made under a name of its own beside the one it is for, and takes its place by a rename.
The name cannot be guessed and nothing may be there before, so that the writing cannot be led away
by a link; a link in the place of the file itself is replaced, never followed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = ".tinydeploy-"  # of files in the making
_LEFT_AFTER_S = 86_400.0  # one that is older was left by a run that was killed
_swept: set[Path] = set()


FOR_ALL, FOR_PROGRAMS, FOR_OWNER = 0o666, 0o777, 0o600  # before the umask


def write(path: Path, data: bytes | str, *, mode: int = FOR_ALL) -> None:
    """Make or replace a file of ours, and the folders it lies in; text as UTF-8."""
    with appearing(path, mode=mode) as beside:
        _put(beside, data if isinstance(data, bytes) else data.encode("utf-8"))


def write_if_changed(path: Path, data: bytes | str, *, mode: int = FOR_ALL) -> None:
    """As `write`, but leave the file and its time alone if it is already that."""
    data = data if isinstance(data, bytes) else data.encode("utf-8")
    if path.is_symlink() or not path.is_file() or path.read_bytes() != data:
        write(path, data, mode=mode)


def write_named(path: Path, data: bytes | str) -> None:
    """As `write`, for what a user names: a link is followed, a terminal or a pipe written to."""
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        _put(target, data if isinstance(data, bytes) else data.encode("utf-8"))
    else:
        write(target, data)


def copy(source: Path, path: Path) -> None:
    """As `write`, with the bytes of another file."""
    write(path, source.read_bytes())


@contextmanager
def appearing(path: Path, *, mode: int = FOR_ALL, suffix: str = ".new") -> Iterator[Path]:
    """A new empty file beside `path`, to be filled; it becomes `path` at the end.

    Args:
        suffix: for who goes by the ending of a name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    beside = path.with_name(f"{PREFIX}{secrets.token_hex(8)}{suffix}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    os.close(os.open(beside, flags, mode))
    try:
        yield beside
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A new empty folder in `folder`, from where results are moved; it is gone at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=PREFIX) as name:
        yield Path(name)


def _put(path: Path, data: bytes) -> None:
    """The error names the file, which Python's does not where the disk is full."""
    try:
        with path.open("wb", buffering=0) as file:
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _sweep(folder: Path) -> None:
    """Remove what killed runs have left there, once."""
    if folder in _swept:
        return
    _swept.add(folder)
    for left in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - left.lstat().st_mtime < _LEFT_AFTER_S:
                continue
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink()
