"""What the simulated boards share: power, one serial port that comes and goes, buttons."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tinydeploy.flash.ports import Drive
from tinydeploy.flash.simulated.flash_memory import FlashMemory, PowerLostError
from tinydeploy.flash.simulated.timeline import Action, Timeline
from tinydeploy.link.transport import PortInfo


class Application(Protocol):
    """The firmware of a simulated board: a byte stream, as `link.transport.Transport`."""

    def write(self, data: bytes) -> None:
        """Bytes from the host."""

    def read(self, timeout_s: float) -> bytes:
        """Bytes to the host."""


PUMP_S = 0.005  # of the application, each time it is looked at

Start = Callable[[bytes], Application]
"""Starts an application from the bytes of the flash."""


@dataclass(frozen=True)
class Firmware:
    """What is in the flash of a board when it is made, and how it behaves.

    Attributes:
        image: from the application's address on; empty for none.
        start: runs it; None for one that stays silent.
        touch_works: whether it restarts into the bootloader when touched, on a board with USB.
        on_usb: whether it shows up on USB at all.
    """

    image: bytes = b""
    start: Start | None = None
    touch_works: bool = True
    on_usb: bool = True


class SimulatedBoard:
    """A board; subclasses add bootloaders.

    Attributes:
        port: the serial port as the host sees it, or None while it is not there.
        drive: the USB drive as the host sees it, or None while there is none.
        plug: changes whenever the port goes away, so that open lines notice.
        answers: packets on their way to the host.
        refuse_at: number of the message, from 1, that the bootloader refuses although it is right.
        refuse_on: refuse all that follow too.
        runs: images that work when started; others crash. None: all work.
        application: the firmware while it runs, if the test gave one.
    """

    def __init__(self, time: Timeline, flash: FlashMemory) -> None:
        self.time = time
        self.flash = flash
        self.port: PortInfo | None = None
        self.drive: Drive | None = None
        self.plug = 0
        self.answers: deque[bytes] = deque()
        self.refuse_at: int | None = None
        self.refuse_on = False
        self.runs: list[bytes] | None = None
        self.mode = "off"
        self.application: Application | None = None
        self._life = 0

    def refuses(self, number: int) -> bool:
        """Whether the bootloader is to refuse the message with this number."""
        if self.refuse_at is None:
            return False
        return number == self.refuse_at or (self.refuse_on and number > self.refuse_at)

    # What the world does to the board.

    def power_on(self) -> None:
        """Plug it in."""
        raise NotImplementedError

    def power_off(self) -> None:
        """Unplug it: the port goes away and whatever was going on ends."""
        self._new_life("off")
        self._remove_port()

    def press_for_bootloader(self) -> None:
        """What a person does when asked to help."""
        raise NotImplementedError

    def opened(self, baud: int) -> None:
        """The host opened the port."""

    def opened_without_lines(self, baud: int) -> None:
        """The host opened a port that carries no control lines: DTR goes with the port."""
        self.opened(baud)
        self.set_control(dtr=True, rts=True)

    def closed(self) -> None:
        """The host closed the port."""

    def set_baud(self, baud: int) -> None:
        """The host changed the rate."""

    def set_control(self, *, dtr: bool, rts: bool) -> None:
        """The host moved the control lines."""

    def receive(self, data: bytes) -> None:
        """Bytes from the host."""
        try:
            self._receive(data)
        except PowerLostError:
            self.power_lost()

    def pump(self) -> None:
        """Let the application send what it has."""
        if self.application:
            data = self.application.read(PUMP_S)
            if data:
                self.answers.append(data)

    def power_lost(self) -> None:
        """The supply failed; for a board on USB that is as if it was unplugged."""
        self.power_off()

    # What subclasses use.

    def _receive(self, data: bytes) -> None:
        raise NotImplementedError

    def _after(self, delay_s: float, action: Action) -> None:
        """Do something later unless the board was reset in between."""
        life = self._life

        def unless_reset() -> None:
            if self._life != life:
                return
            try:
                action()
            except PowerLostError:
                self.power_lost()

        self.time.after(delay_s, unless_reset)

    def _send(self, data: bytes, after_s: float = 0.0) -> None:
        """Send a packet to the host."""
        self._after(after_s, lambda: self.answers.append(data))

    def _new_life(self, mode: str) -> None:
        self._life += 1
        self.mode = mode
        self.application = None
        self.answers.clear()

    def _remove_port(self) -> None:
        self.drive = None
        if self.port is not None:
            self.port = None
            self.plug += 1

    def _works(self, origin: int) -> bool:
        """Whether what is at `origin` would run."""
        if self.runs is None:
            return True
        return any(self.flash.content.startswith(image, origin) for image in self.runs)
