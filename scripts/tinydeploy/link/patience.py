"""How long a client waits for a device, and when it gives up."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from tinydeploy.abi.protocol import Command

CHANGES_FLASH = (Command.SLOT_ERASE, Command.SLOT_WRITE)


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds, and how often to try.

    `wedged_s` must exceed the longest single operator: between operators a busy device answers.
    A caller that can go on after a lost link connects again `reconnects` times, and waits
    `reopen_s` for the port to come back. An inference or a self-test that takes longer than
    `longest_s`, a change of flash longer than `flash_s`, will not end any more, whatever the device
    says.
    """

    reply_s: float = 0.5
    invoke_s: float = 5.0
    wedged_s: float = 10.0
    tries: int = 6
    reconnects: int = 3
    reopen_s: float = 10.0
    longest_s: float = 600.0
    flash_s: float = 30.0

    def longest_of(self, command: int) -> float:
        """How long a device may say that it is still at a request."""
        return self.flash_s if command in CHANGES_FLASH else self.longest_s


class Limit:
    """How long to wait for a device that says that it goes on: by this PC's clock, and by the
    device's, which a simulator's is.
    """

    def __init__(self, longest_s: float, turn_s: float) -> None:
        self.longest_s = longest_s
        self._turns = math.ceil(longest_s / turn_s)
        self._end = time.monotonic() + longest_s

    def goes_on(self) -> bool:
        """Whether to wait one turn more."""
        self._turns -= 1
        return self._turns >= 0 and time.monotonic() < self._end
