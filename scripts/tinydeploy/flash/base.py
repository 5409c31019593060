"""What the flash tools share: the job, its result, and how they say where a board was left.

A tool is a module of this folder with a function `write(job: FlashJob) -> FlashResult`; `flash()`
in `__init__.py` finds it by its name. Tools never import one another.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum

from tinydeploy.boards import Board
from tinydeploy.errors import FlashError, PortError
from tinydeploy.flash.ports import Ports

Say = Callable[[str], None]


Progress = Callable[[int, int], None]
"""Takes how much is done and how much there is to do, bytes."""


def tell(text: str) -> None:
    """A Say for the terminal; standard output is for results."""
    print(text, file=sys.stderr, flush=True)


def silent(done_bytes: int, total_bytes: int) -> None:
    """A Progress that shows nothing."""


class Meter:
    """Counts what is done towards a total that is never exceeded, whatever has to be repeated."""

    def __init__(self, progress: Progress, total_bytes: int) -> None:
        self._progress = progress
        self._total_bytes = total_bytes
        self._done_bytes = 0
        self.add(0)

    def add(self, size_bytes: int) -> None:
        """Report `size_bytes` more."""
        self._done_bytes = min(self._done_bytes + size_bytes, self._total_bytes)
        self._progress(self._done_bytes, self._total_bytes)


class State(Enum):
    """Where a board was left. The value completes the sentence "the board ..."."""

    UNTOUCHED = "was not changed"
    IN_BOOTLOADER = "waits in its bootloader, the old firmware still on it"
    NO_APPLICATION = "waits in its bootloader, without firmware"
    STAGING = (
        "kept its bootloader; the new image was not yet taken over, and the old firmware is there "
        "unless it was larger than 80 KiB"
    )
    INSTALLING = "has the whole image and installs it at its next start"
    PARTLY_WRITTEN = "kept its bootloader; the firmware is incomplete"
    WRITTEN = "has the new firmware, verified, but did not restart"


class FlashStoppedError(FlashError):
    """Flashing stopped: what was seen, in which state the board is, how to go on."""

    def __init__(self, what: str, state: State, hint: str) -> None:
        super().__init__(f"{what}; the board {state.value}", hint)
        self.state = state


class Watch:
    """Keeps what a tool is doing and where that leaves the board, for the message if it stops.

    Args:
        doing: what comes first, as in "while <doing>".
        advice: how to go on from each state.
    """

    def __init__(self, doing: str, advice: Mapping[State, str]) -> None:
        self.doing = doing
        self.state = State.UNTOUCHED
        self._advice = advice

    def stop(self, what: str, hint: str = "") -> FlashStoppedError:
        """The error to raise; `what` says what was seen."""
        return FlashStoppedError(what, self.state, hint or self._advice.get(self.state, ""))

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Turn a lost port and Ctrl-C into an error that says where the board was left."""
        try:
            yield
        except PortError as error:
            if self.state is State.UNTOUCHED:
                raise
            raise self.stop(f"the connection broke while {self.doing}: {error.message}") from error
        except KeyboardInterrupt as error:
            raise self.stop(f"interrupted while {self.doing}") from error


@dataclass(frozen=True)
class Observer:
    """Who is told how flashing goes.

    Attributes:
        progress: gets bytes done and bytes in all.
        say: shows a line to a person, who may have to press a button.
    """

    progress: Progress = silent
    say: Say = tell


@dataclass(frozen=True)
class FlashJob:
    """What a tool gets.

    Attributes:
        image: the bytes that belong at `board.flash_origin`.
        port: serial port, or "" to find the board.
        serial_number: to choose among several boards; its end is enough.
    """

    image: bytes
    board: Board
    port: str
    serial_number: str
    ports: Ports
    observer: Observer = Observer()


@dataclass(frozen=True)
class FlashResult:
    """What a tool did.

    Attributes:
        port: where the new firmware answers, or "" if that is not known.
        bootloader: version, as the bootloader states it.
        verified: how it is known that the image is right: "read back", ...
        retries: how often something had to be repeated.
    """

    tool: str
    board: str
    image_bytes: int
    port: str
    bootloader: str
    verified: str
    seconds: float
    serial_number: str = ""
    retries: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """One line for a terminal."""
        again = f", {self.retries} repeated" if self.retries else ""
        return (
            f"{self.image_bytes:,} bytes in {self.seconds:.1f} s by {self.tool}{again}; "
            f"{self.verified}"
        )
