"""Every error a user can meet, with what was seen and what to do.

    TinyDeployError              1
    ├── UsageError               2   an option or a name that does not fit
    ├── ModelError               3   the model cannot be deployed as it is
    │   ├── ModelFileError           not a readable model file
    │   ├── UnsupportedModelError    an operator or type that the engine does not run
    │   └── ModelTooLargeError       flash or RAM of the board would overflow
    ├── SetupError               4   this machine lacks something
    ├── BuildError               5   compiler, linker or PlatformIO said no
    ├── DeviceError              6   the board (or its simulator) does not do its part
    │   ├── PortError                no such port, no permission, unplugged
    │   ├── LinkError                answers, but not with frames we can use
    │   ├── DeviceWedgedError        gives no sign of life
    │   ├── DeviceRestartedError     restarted while we talked to it
    │   └── DeviceFaultError         reported a CPU fault or a failed operation
    ├── ParityError              7   the device computed something else than TFLM
    ├── FlashError               8   flashing did not complete
    └── TrainingError            9   training or conversion failed

The number is the exit code of the command line; it is inherited.
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress


class TinyDeployError(Exception):
    """Root of the tree. `message` says what was seen, `hint` what to do about it."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(TinyDeployError):
    """An option, a name or a combination of them that does not fit."""

    exit_code = 2


class ModelError(TinyDeployError):
    """The model cannot be deployed as it is."""

    exit_code = 3


class ModelFileError(ModelError):
    """Not a readable model file: missing, cut short, or not of the stated format."""


class UnsupportedModelError(ModelError):
    """An operator, a type or an option that the engine does not run."""


class ModelTooLargeError(ModelError):
    """Flash or RAM of the board would overflow; `memory` says which, "" if unknown."""

    def __init__(self, message: str, hint: str = "", memory: str = "") -> None:
        super().__init__(message, hint)
        self.memory = memory


class SetupError(TinyDeployError):
    """This machine lacks something that the command needs."""

    exit_code = 4


def of_system(error: OSError) -> SetupError | None:
    """What the system refused, in words: no right, read-only, full. None for anything else."""
    path = str(error.filename) if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(f": cannot write {path}" * bool(path))
    if error.errno == errno.EROFS:
        return SetupError(
            f"cannot write to {path or 'the checkout'}: it is on a read-only file system",
            "clone into a folder that you can write to, or mount it writable",
        )
    if error.errno in (errno.EACCES, errno.EPERM) and path:
        return SetupError(f"cannot use {path}: {error.strerror}", _remedy(path))
    return None


def of_program(output: str, *folders: str | os.PathLike[str]) -> SetupError | None:
    """The disk that a program found full: by what it said, or by what is left of it.

    Args:
        folders: where the program writes. One that maps its output into memory dies without a word.
    """
    if _SAYS_FULL.search(output):
        return _full("")
    for folder in folders:
        with suppress(OSError, AttributeError):  # Windows has no statvfs
            told = os.statvfs(folder)
            if told.f_bavail * told.f_frsize < _NEARLY_FULL_BYTES:
                return _full(f": {told.f_bavail * told.f_frsize:,} bytes are left at {folder}")
    return None


# In C's words and in Zig's.
_SAYS_FULL = re.compile(r"No space left on device|Disk quota exceeded|NoSpaceLeft|DiskQuota")
_NEARLY_FULL_BYTES = 1 << 18


def _full(what: str) -> SetupError:
    return SetupError(
        f"the disk is full{what}",
        "free some space, or set TMPDIR if it is that one; the next run goes on from here",
    )


def _remedy(path: str) -> str:
    """Who may write where `path` is to be, if not this user."""
    while not os.path.exists(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    if os.name == "posix" and os.path.exists(path) and os.stat(path).st_uid != os.geteuid():
        owner = os.stat(path).st_uid
        return (
            f"{path} belongs to {_name_of(owner)}, and you are {_name_of(os.geteuid())}: take a "
            f"clone of your own, or let the owner run it (`chown -R` makes it yours)"
        )
    return "clone into a folder that you can write to, or mend its permissions"


def _name_of(uid: int) -> str:
    import pwd

    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"


class BuildError(TinyDeployError):
    """Compiler, linker or PlatformIO refused."""

    exit_code = 5


class DeviceError(TinyDeployError):
    """The board, or its simulator, does not do its part."""

    exit_code = 6


class PortError(DeviceError):
    """No such port, no permission, in use, or unplugged."""


class LinkError(DeviceError):
    """Something answers, but not with frames that this host understands."""


class DeviceWedgedError(DeviceError):
    """No sign of life within the time that even a slow device would need."""


class DeviceRestartedError(DeviceError):
    """The device has restarted: it knows nothing of the session."""


class DeviceFaultError(DeviceError):
    """The device reported a CPU fault or refused an operation."""


class ParityError(TinyDeployError):
    """The device computed something else than TFLM."""

    exit_code = 7


class FlashError(TinyDeployError):
    """Flashing did not complete; the message says in which state the board is."""

    exit_code = 8


class TrainingError(TinyDeployError):
    """Training or conversion failed."""

    exit_code = 9
