"""A command runs in a child of this small process, which sees to its end.

Ctrl-C ends every command within two seconds, with exit code 130, and nothing is left running: a
command that is deep in C code (TensorFlow, TFLM) does not hear its signals, and one that is killed
cannot end the programs it started. The parent does both: it stays small, waits, and knows. If it is
killed itself, a second one beside the command ends that; and each program has a guard over it that
ends what the program started.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

GRACE_S = 1.4  # from the first signal to the end by force
# To a guard: end the program by force, and whatever it has started. A guard that is killed instead
# leaves running what has left the program's group.
if sys.platform == "linux":
    END = signal.SIGUSR2
else:  # no guard: to the program itself
    END = getattr(signal, "SIGKILL", signal.SIGTERM)
SIGNALLED = 128  # exit code of a program that a signal ended, plus its number, as the shell's
_MOST_FILES = 1 << 16  # of a process: the system's limit may be a billion
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
    parent, lifeline = os.getpid(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(lifeline[1])
        _stand_by(lifeline[0])
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(SIGNALLED + signal.SIGTERM)
        return lambda: _unblock(mask)
    os.close(lifeline[0])
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    code = _wait_for(child, endings)
    _end_orphans()
    os._exit(code)


def _stand_by(lifeline: int) -> None:
    """Start a process that kills this one if it does not end after its parent has.

    Args:
        lifeline: a pipe that ends with the parent.
    """
    command = os.getpid()
    if os.fork():
        os.close(lifeline)
        return
    os.setsid()  # killing the group does not mean this one
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == command:
        close_all_but(lifeline)
        os.read(lifeline, 1)
        time.sleep(GRACE_S)
        if os.getppid() == command:
            os.kill(command, signal.SIGKILL)
    os._exit(0)


def guard(starter: int) -> None:
    """In a forked process, before it becomes a program: leave a parent over it that ends it, and
    whatever it has started, once `starter` is gone; or what is left when it has ended itself.

    That parent takes this process's place: it ends as the program ends. `END` has it end the
    program. Linux only; elsewhere this does nothing.

    Args:
        starter: the process that was forked.
    """
    if sys.platform != "linux":
        return
    wanted = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, END}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGUSR1)
    keeper, program = os.getpid(), os.fork()
    if program == 0:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(SIGNALLED + signal.SIGKILL)
        _unblock(mask)
        return
    try:
        close_all_but()
        status = _keep(program, starter, wanted)
        _end_orphans()
        _end_as(status)
    finally:
        os._exit(SIGNALLED)


def close_all_but(*kept: int) -> None:
    """In a forked process: close its parent's files. One who waits for the end of what another
    program writes would wait for this process too.
    """
    below = 0
    for end in [*sorted(kept), min(os.sysconf("SC_OPEN_MAX"), _MOST_FILES)]:
        if below < end:  # closerange(0, 0) closes all that there are, as of CPython 3.11
            os.closerange(below, end)
        below = end + 1


def _keep(program: int, starter: int, wanted: set[signal.Signals]) -> int:
    """Wait for the program; kill it once its starter is gone, or wants it. Other signals are the
    program's own: they are sent to the group that both are in.
    """
    number: int = 0
    while True:
        if number == END or os.getppid() != starter:
            os.kill(program, signal.SIGKILL)
        ended, status = os.waitpid(-1, os.WNOHANG)
        if ended == program:
            return status
        number = 0 if ended else signal.sigwait(wanted)


def _end_as(status: int) -> None:
    """End with the exit code of a status of `waitpid`, or by its signal, without a second core."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        os._exit(code)
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if -code not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(-code, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
    os.kill(os.getpid(), -code)


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
