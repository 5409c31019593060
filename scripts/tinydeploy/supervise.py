"""A command runs in a child of this small process, which sees to its end.

Ctrl-C ends every command within two seconds, with exit code 130, and nothing is left running: a
command that is deep in C code (TensorFlow, TFLM) does not hear its signals, and one that is killed
cannot end the programs it started. The parent does both: it stays small, waits, and knows.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

GRACE_S = 1.4  # from the first signal to the end by force
SIGNALLED = 128  # exit code of a program that a signal ended, plus its number, as the shell's
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def start() -> Callable[[], None]:
    """Return in a child that does the work; the parent never returns, and ends with its code.

    Returns:
        What the child calls once it has its handlers: signals come only then.
    """
    if os.name != "posix":
        return lambda: None
    # One that is ignored stays so: `nohup`, or a script that started us in the background.
    endings = {s for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if _counts(s)}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, endings | {signal.SIGCHLD, signal.SIGALRM})
    parent, child = os.getpid(), os.fork()
    if child == 0:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(SIGNALLED + signal.SIGTERM)
        return lambda: _unblock(mask)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    code = _wait_for(child, endings)
    _end_orphans()
    os._exit(code)


def _counts(number: signal.Signals) -> bool:
    return signal.getsignal(number) is not signal.SIG_IGN


def _unblock(mask: set[signal.Signals | int]) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _wait_for(child: int, endings: set[signal.Signals]) -> int:
    """Its exit code, or that of the first signal to end it."""
    wanted = 0
    while True:
        number = signal.sigwait(endings | {signal.SIGCHLD, signal.SIGALRM})
        if number == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return wanted or _code(status)
        elif number == signal.SIGALRM:
            os.kill(child, signal.SIGKILL)
            _tell_of_force()
        elif not wanted:
            wanted = SIGNALLED + number
            os.kill(child, signal.SIGINT)  # from a terminal it has it already, and ignores ours
            signal.setitimer(signal.ITIMER_REAL, GRACE_S)


def _tell_of_force() -> None:
    """The command could not: say so, and show a cursor that a progress bar had hidden."""
    with suppress(OSError):
        show = b"\x1b[?25h" if os.isatty(2) else b""
        os.write(2, show + b"warning: interrupted; what was finished is kept\n")


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else SIGNALLED - code


def _end_orphans() -> None:
    """Kill what the command left running: as a subreaper we are the parent of its orphans."""
    while children := _children():
        for child in children:
            with suppress(OSError):
                os.kill(child, signal.SIGKILL)
        for child in children:
            with suppress(OSError):
                os.waitpid(child, 0)


def _children() -> list[int]:
    """Of this process; none where the system does not tell."""
    with suppress(OSError), open(f"/proc/self/task/{os.getpid()}/children") as file:
        return [int(word) for word in file.read().split()]
    return []


def _prctl(*arguments: int) -> None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(*(ctypes.c_ulong(argument) for argument in arguments))
