"""Leaves a simulated board running on a pseudo-terminal, in real time.

pio device monitor -p /dev/pts/5        or any other serial program
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tinydeploy.errors import SetupError, UsageError
from tinydeploy.simulate.device import SimulatedDevice

SLICE_S = 0.005
CHUNK_BYTES = 4096


def serve(
    device: SimulatedDevice,
    *,
    link_path: Path | None = None,
    announce: Callable[[str], None] = print,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Run `device` until Ctrl-C, exchanging bytes with the program that opens the pseudo-terminal.

    Args:
        link_path: also make a symbolic link to the terminal there, removed at the end.
        announce: is told the terminal's name in a sentence.
        stop: asked a few hundred times a second whether to end.

    Raises:
        SimulationError: the firmware broke a rule of the chip, or locked up.
        SetupError: this system has no pseudo-terminals.
        UsageError: something else is at `link_path`.
    """
    with _terminal(link_path) as (host_end, name):
        announce(f"{device.description} on {name}, Ctrl-C ends it")
        with contextlib.suppress(KeyboardInterrupt):
            _exchange(device, host_end, stop)
    device.close()


def _exchange(device: SimulatedDevice, host_end: int, stop: Callable[[], bool]) -> None:
    started = time.monotonic() - device.time_s
    while not stop():
        ahead_s = device.time_s - (time.monotonic() - started)
        if ahead_s < 0:  # slower than the board: no hurry later to make up for it
            started -= ahead_s
        if select.select([host_end], [], [], max(0.0, ahead_s))[0]:
            device.write(os.read(host_end, CHUNK_BYTES))
        device.run(SLICE_S, until_received=True)
        _hand_over(device.take_received(), host_end)


def _hand_over(data: bytes, host_end: int) -> None:
    """A terminal without a reader fills up; what comes then is lost, as on a wire."""
    with contextlib.suppress(BlockingIOError):
        while data:
            data = data[os.write(host_end, data) :]


@contextlib.contextmanager
def _terminal(link_path: Path | None) -> Iterator[tuple[int, str]]:
    """Our end of a new pseudo-terminal in raw mode, and the name of the other one.

    The other end stays open here, or ours would fail whenever a program closes it.
    """
    try:
        import tty

        host_end, other_end = os.openpty()
    except (ImportError, AttributeError, OSError) as error:
        raise SetupError(f"no pseudo-terminal to be had here: {error}") from error
    try:
        tty.setraw(other_end)
        os.set_blocking(host_end, False)
        name = os.ttyname(other_end)
        with _linked(name, link_path):
            yield host_end, name
    finally:
        os.close(host_end)
        os.close(other_end)


@contextlib.contextmanager
def _linked(name: str, link_path: Path | None) -> Iterator[None]:
    if link_path is None:
        yield
        return
    if link_path.is_symlink():  # left over from a run that could not clean up
        link_path.unlink()
    try:
        link_path.symlink_to(name)
    except OSError as error:
        raise UsageError(f"cannot make the link {link_path}: {error.strerror}") from error
    try:
        yield
    finally:
        link_path.unlink(missing_ok=True)
