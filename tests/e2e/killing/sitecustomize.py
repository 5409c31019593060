"""Counts what a process and its children write, and kills all of them at one of those moments.

Python imports this by its name when it starts, in each process that has this folder on its
PYTHONPATH: deploy, PlatformIO, SCons. A moment is before a file is opened for writing, after that
while it is still empty, and before a file or folder is made, renamed or removed.
"""

import os
import signal
import sys

COUNT = "TINYDEPLOY_KILL_COUNT"  # file that grows by a byte a moment, in whichever process
AT = "TINYDEPLOY_KILL_AT"  # the moment to kill at, counted from 1; 0: never
FIRST = "TINYDEPLOY_KILL_FIRST"  # the process that was started first, leader of its group

_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def install(count: int, at: int) -> None:
    """Count from now on.

    Args:
        count: a file opened for appending.
        at: the moment to kill this process and the group of the first one at.
    """

    def moment() -> None:
        os.write(count, b".")
        if at and os.fstat(count).st_size >= at:
            os.killpg(int(os.environ[FIRST]), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)

    def opened(frame: object, event: str, argument: object) -> None:
        sys.setprofile(None)
        moment()

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITING and _is_a_file(path):
                moment()
                sys.setprofile(opened)
        elif event in _CHANGES:
            moment()

    sys.addaudithook(hear)


def _is_a_file(path: object) -> bool:
    """Neither a device nor a file that is open already."""
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    return isinstance(path, (str, os.PathLike)) and not os.fspath(path).startswith(
        ("/dev/", "/proc/")
    )


if COUNT in os.environ:
    os.environ.setdefault(FIRST, str(os.getpid()))
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    install(os.open(os.environ[COUNT], flags), int(os.environ[AT]))
