"""Bringing a wedged board back: from the gentlest way to the power switch."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinydeploy import tools
from tinydeploy.errors import DeviceError, DeviceWedgedError

POWER_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Reset:
    """A way to restart a board; `name` fits into "after ...".

    Attributes:
        act: restarts it; may raise DeviceError when this way is closed.
    """

    name: str
    act: Callable[[], object]

    @staticmethod
    def by_command(command: str) -> Reset:
        """Switch its power with a program of the user's, such as `uhubctl -a cycle -l 1-1 -p 2`."""
        argv = shlex.split(command)
        return Reset(
            f"`{command}`",
            lambda: tools.run(argv, what="the power command", timeout_s=POWER_TIMEOUT_S),
        )


def revive(what: str, ways: Sequence[Reset], greet: Callable[[], object]) -> str:
    """Try one way after the other until the board answers; returns the name of the one that did.

    Raises:
        DeviceWedgedError: none did; the message names all that were tried.
    """
    for way in ways:
        try:
            way.act()
            greet()
        except DeviceError:
            continue
        return way.name
    tried = ", ".join(way.name for way in ways)
    raise DeviceWedgedError(
        f"{what} stays silent after {tried}",
        "unplug the board and plug it in again; --power-command can do that from here",
    )
