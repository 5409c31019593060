"""Boards with Adafruit's bootloader over USB: 1200-baud touch, Nordic's serial DFU.

The bootloader erases the application first, so that a board that is unplugged in the middle waits
in its bootloader, and starts the new one only if the CRC of the whole flash content is the one that
was announced. It has no command that reads back, and acknowledges a frame before it looks at what
is in it: what went wrong shows at the end, when it does not start the application.

Not run on hardware; tested against `flash.simulated.xiao`.
"""

from __future__ import annotations

import contextlib

from tinydeploy.errors import FlashError, PortError
from tinydeploy.flash import enter, image, usb
from tinydeploy.flash import nrf_dfu_messages as messages
from tinydeploy.flash.base import FlashJob, FlashResult, Meter, State, Watch
from tinydeploy.flash.channel import Channel
from tinydeploy.flash.enter import Patience
from tinydeploy.flash.ports import Ports, open_patiently

NAME = "Adafruit's bootloader, serial DFU"
CHECKED = "CRC-16 of the whole image, by the bootloader"
RESTART_S = 0.3
BAUD = 115200  # of no consequence over USB
ACK_S = 1.0
ERASE_PAGE_S = 0.09  # the longest (product specification of the nRF52840)
PAGE_BYTES = 4096
TRIES = 3
ROUNDS = 3
DOUBLE_TAP = "press the reset button twice quickly, so that an LED fades"

AGAIN = "then run the same command again"
ADVICE = {
    State.UNTOUCHED: f"{DOUBLE_TAP}, {AGAIN}",
    State.IN_BOOTLOADER: "press reset once to start the old firmware, or run the command again",
    State.NO_APPLICATION: f"reconnect the board, {AGAIN}: it is found in its bootloader",
    State.PARTLY_WRITTEN: f"reconnect the board, {DOUBLE_TAP}, {AGAIN}",
}


class NoAnswerError(Exception):
    """A frame was not acknowledged."""


class DfuClient:
    """One bootloader at the other end of a channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._number = messages.FIRST_NUMBER
        self.retries = 0

    def synchronise(self, tries: int) -> None:
        """Learn which number it expects; raises NoAnswerError."""
        self._channel.discard()
        for _ in range(tries):
            self._channel.write(messages.frame(messages.nothing(), self._number))
            number = self._acknowledged(ACK_S)
            if number is not None:
                self._number = number
                return
        raise NoAnswerError

    def send(self, packet: bytes, timeout_s: float = ACK_S) -> None:
        """Send a packet until it is acknowledged; raises NoAnswerError."""
        wanted = (self._number + 1) % messages.SEQUENCE_NUMBERS
        for attempt in range(TRIES):
            self.retries += bool(attempt)
            self._channel.write(messages.frame(packet, self._number))
            if self._await(wanted, timeout_s):
                self._number = wanted
                return
        raise NoAnswerError

    def close(self) -> None:
        """Close the port."""
        self._channel.close()

    def _await(self, wanted: int, timeout_s: float) -> bool:
        """Whether the acknowledgement came; older ones may be on their way still."""
        while True:
            number = self._acknowledged(timeout_s)
            if number is None:
                return False
            if number == wanted:
                return True

    def _acknowledged(self, timeout_s: float) -> int | None:
        """The number in the next acknowledgement; None if none came."""
        while True:
            text = self._channel.read_until(bytes([messages.END]), timeout_s)
            if not text:
                return None
            body = messages.unslip(text[:-1])
            number = messages.acknowledged(body) if body else None
            if number is not None:
                return number


def write(job: FlashJob, patience: Patience | None = None) -> FlashResult:
    """Flash a board that has Adafruit's bootloader.

    Raises:
        PortError: no board, or not the right one; nothing was changed.
        FlashStoppedError: with the state of the board.
    """
    board = job.board
    image.check(job.image, board)
    session = _Session(job, patience or Patience())
    with session.watch.guard():
        return session.run()


def knock(ports: Ports, port: str, thorough: bool) -> DfuClient | None:
    """A client on `port` if the bootloader answers there; one that stays silent is asked again."""
    client = None
    try:
        client = DfuClient(Channel(open_patiently(ports, port, BAUD), ports))
        client.synchronise(TRIES if thorough else 1)
        return client
    except (PortError, NoAnswerError):
        if client:
            client.close()
        return None


def describe_bootloader(ports: Ports, port: str) -> str:
    """What answers on a bootloader's port; raises FlashError."""
    client = knock(ports, port, True)
    if client is None:
        raise FlashError("the bootloader does not answer", DOUBLE_TAP)
    client.close()
    return NAME


class _Session:
    def __init__(self, job: FlashJob, patience: Patience) -> None:
        self._job = job
        self._ports = job.ports
        self._patience = patience
        self._target = usb.find(job.ports, job.board, job.port, job.serial_number)
        self._image = job.image.ljust(-(-len(job.image) // 4) * 4, b"\xff")
        self._retries = 0
        self._client: DfuClient | None = None
        self.watch = Watch("looking for the bootloader", ADVICE)

    def run(self) -> FlashResult:
        started_s = self._ports.now()
        try:
            self._take_client(self._enter_bootloader())
            self.watch.state = State.IN_BOOTLOADER
            self._write()
        finally:
            self._take_client(None)
        port = enter.await_application(self._ports, self._target, self._patience)
        if not port and enter.is_back(self._ports, self._target):
            raise self.watch.stop("the bootloader is back instead of the new firmware")
        return FlashResult(
            tool="nrf_dfu",
            board=self._job.board.id,
            image_bytes=len(self._job.image),
            port=port,
            bootloader=NAME,
            verified=f"{CHECKED}{'' if port else ', as far as can be seen'}",
            seconds=self._ports.now() - started_s,
            serial_number=self._target.serial_number,
            retries=self._retries,
            notes=[] if port else ["the new firmware did not show up on USB"],
        )

    def _enter_bootloader(self) -> DfuClient | None:
        return enter.enter_bootloader(
            self._ports, self._target, self._job.observer.say, self._patience, knock, DOUBLE_TAP
        )

    def _take_client(self, client: DfuClient | None) -> None:
        """In place of the one so far."""
        if self._client:
            self._retries += self._client.retries
            self._client.close()
        elif client is None and self.watch.state is State.UNTOUCHED:
            raise self.watch.stop("the bootloader did not appear")
        self._client = client

    def _write(self) -> None:
        """All of it, again from the start where the bootloader did not take it."""
        for _ in range(ROUNDS):
            try:
                self._begin()
                self._send_image()
            except NoAnswerError:
                continue
            if self._has_left():
                return
            self._take_client(self._await_bootloader())
        raise self.watch.stop(f"after {ROUNDS} tries the bootloader did not take the image")

    def _begin(self) -> None:
        """Have it erase. One that is in the middle of another image restarts instead."""
        for _ in range(ROUNDS):
            if self._client is None:
                raise self.watch.stop("the bootloader did not come back")
            self.watch.state = State.PARTLY_WRITTEN  # it may begin to erase unheard
            self.watch.doing = "erasing"
            try:
                self._client.send(messages.start(len(self._image)))
                self._ports.sleep(RESTART_S)
                self._client.send(messages.init(self._image), self._erase_s)
                self.watch.state = State.NO_APPLICATION
                return
            except PortError:
                self._take_client(self._await_bootloader())
        raise NoAnswerError

    @property
    def _erase_s(self) -> float:
        return ACK_S + ERASE_PAGE_S * (len(self._image) // PAGE_BYTES + 1)

    def _send_image(self) -> None:
        """Every part; raises NoAnswerError."""
        assert self._client
        meter = Meter(self._job.observer.progress, len(self._image))
        for at in range(0, len(self._image), messages.DATA_BYTES):
            self.watch.doing = f"writing {self._job.board.flash_origin + at:#x}"
            self._client.send(messages.data(self._image, at))
            meter.add(messages.DATA_BYTES)
        self.watch.state = State.PARTLY_WRITTEN  # it may start the firmware unheard
        self.watch.doing = "starting the new firmware"
        with contextlib.suppress(PortError):  # it may leave before the answer is through
            self._client.send(messages.stop())

    def _has_left(self) -> bool:
        """Whether the bootloader went to start the firmware, as it does only if all is right."""
        ports, patience = self._ports, self._patience
        deadline_s = ports.now() + patience.leave_s
        while ports.now() < deadline_s:
            try:
                assert self._client
                self._client.synchronise(1)
            except PortError:
                return True
            except NoAnswerError:
                pass
            ports.sleep(patience.poll_s)
        return False

    def _await_bootloader(self) -> DfuClient | None:
        patience = self._patience
        return enter.await_bootloader(
            self._ports, self._target, patience.touch_s, patience.poll_s, knock
        )
