"""Ctrl-C that is not lost.

Python raises KeyboardInterrupt wherever the main thread happens to be. In a callback from C code
the exception goes nowhere, and a library may take it for an error of its own. So an interrupt is
also kept as a fact: `check` raises it at the next place that asks, `requested` tells the command
line what a run really ended with, and what runs beside us is told by `on_request`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

ENDINGS = ("SIGINT", "SIGTERM", "SIGHUP")  # that leave a command the time to clean up
_PR_SET_PDEATHSIG = 1
_DEFAULTS = (signal.default_int_handler, signal.SIG_DFL)


class State:
    """Of this process.

    Attributes:
        stop: while C code runs that calls Python back: makes it return soon. Nothing is raised in
            a callback then, but by `check` after it.
        requested: somebody wants this process, or what it does, to end.
        for_good: the process ends with its first interrupt.
    """

    stop: Callable[[], None] | None = None
    requested = False
    for_good = False


state = State()
_told: list[Callable[[], None]] = []


def install(*, for_good: bool = False) -> None:
    """Take over SIGINT from Python, unless somebody else has it or the shell wants it ignored.

    Args:
        for_good: this process ends with its first interrupt, and SIGTERM and SIGHUP are some, too.
            Another one does not disturb the cleaning up.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    state.for_good = state.for_good or for_good
    for name in ENDINGS if for_good else ENDINGS[:1]:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) in _DEFAULTS:
            signal.signal(number, _handle)


def requested() -> bool:
    """Whether somebody wants this process to end."""
    return state.requested


def check() -> None:
    """Raise KeyboardInterrupt if it is wanted and was not raised, or got lost.

    To be called where work starts, and in each round of what takes long; in any thread.
    """
    if state.requested:
        state.requested = state.for_good
        raise KeyboardInterrupt


def on_request(tell: Callable[[], None]) -> None:
    """Have `tell` called in the main thread when an interrupt comes; it must not wait."""
    _told.append(tell)


def die_with_parent() -> None:
    """Let Linux kill this process when its parent ends; elsewhere nothing."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))


def _handle(number: int, frame: Any) -> None:
    if state.for_good and state.requested:
        return
    state.requested = state.for_good or state.stop is not None
    for tell in _told:
        tell()
    if state.stop is None:
        raise KeyboardInterrupt
    state.stop()


def _in_forked_child() -> None:
    """A fork of ours ends at once, and leaves the cleaning up to its parent."""
    state.requested = False
    for name in ENDINGS:
        number = getattr(signal, name)
        if signal.getsignal(number) is _handle:
            signal.signal(number, signal.SIG_DFL)
    die_with_parent()


_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
