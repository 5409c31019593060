"""A build that was cut off leaves objects of unknown state: the next one starts from none.

SCons notes what it made each object from when it ends. Killed before, it has objects of one model
and notes of another, and would link what does not belong together. So a mark stands beside a folder
of objects from before the first of them changes until the notes are written; a folder whose mark is
there already is emptied first. PlatformIO empties all folders by itself at times, so that the marks
are not in them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from tinydeploy import whole
from tinydeploy.config import BUILD_DIR

_begun: list[Path] = []  # by this process, SCons'


def mark_of(folder: Path) -> Path:
    """The mark of a folder of objects."""
    return BUILD_DIR / "unfinished" / folder.name


def begin(folder: Path) -> None:
    """Mark `folder`; empty it if it is marked already."""
    mark = mark_of(folder)
    if mark.exists():
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            raise OSError(f"{folder} cannot be emptied after a build that was cut off")
    else:
        whole.write(mark, "Objects of a build that has not ended.\n")
    folder.mkdir(parents=True, exist_ok=True)
    _begun.append(mark)


def noted(exit_status: int, failed: Iterable[Path], program: str) -> None:
    """To be called once SCons has written its notes: they hold unless an object was not finished.

    Args:
        exit_status: of SCons.
        failed: targets that were not made. The linked program alone may be one of them: it does not
            fit the board, and the objects are whole.
        program: the name of that.
    """
    failed = list(failed)
    only_linking = bool(failed) and all(path.name == program for path in failed)
    if exit_status and not only_linking:
        return
    for path in failed:
        path.unlink(missing_ok=True)
    while _begun:
        _begun.pop().unlink(missing_ok=True)
