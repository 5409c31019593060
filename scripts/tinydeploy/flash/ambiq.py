"""SparkFun Edge through Ambiq's secure bootloader: wired update over UART (sparkfun_edge.md, 7).

The image is staged beside the old firmware and installed at the next start, after the loader has
checked its CRC-32; the protocol offers no read-back. A session that breaks is begun again from the
reset, so that nothing depends on what the loader made of the broken one.

Not run on hardware; tested against `flash.simulated.edge`. How long the DTR pulse has to be and
the loader's rate differ between batches and adapters: both are tried.
"""

from __future__ import annotations

import itertools

from tinydeploy.flash import adapters, ambiq_messages, image
from tinydeploy.flash.ambiq_messages import ACK_STATUS, Ack, Status
from tinydeploy.flash.base import FlashJob, FlashResult, FlashStoppedError, Meter, State, Watch
from tinydeploy.flash.channel import Channel
from tinydeploy.flash.ports import Line, Ports

BAUDS = (921600, 115200)  # by batch; INFO0 knows, and nothing tells it
PULSES_S = (0.008, 0.1)  # 8 ms is what Arduino's uploader uses
RELEASE_S = 0.01
LOADER_START_S = 0.1
HELLO_S = 0.5
QUICK_HELLO_S = 0.15
QUICK_HELLOS = 3
ANSWER_S = 12.0  # erasing and programming happen between DATA and ACK
RESET_S = 2.0
BUTTON_S = 15.0  # at each rate
BUTTON_ROUNDS = 2
NACK_TRIES = 3
SESSIONS = 3

BUTTON = "hold button 14, press and release RST, and keep 14 held until the transfer starts"
AGAIN = "run the same command again"
ADVICE = {
    State.UNTOUCHED: f"check power and adapter (3.3 V, TX and RX crossed), {AGAIN}, and {BUTTON}",
    State.IN_BOOTLOADER: f"press RST to start the old firmware, or {AGAIN}",
    State.STAGING: f"{AGAIN}; if the board does not react to DTR, {BUTTON}",
    State.INSTALLING: f"press RST and wait a few seconds; if the firmware does not answer, {AGAIN}",
}


class _BrokenError(Exception):
    """The session cannot be continued: begin again from the reset."""


def write(job: FlashJob) -> FlashResult:
    """Flash a SparkFun Edge.

    Raises:
        PortError: no port; nothing was changed.
        FlashStoppedError: with the state of the board.
    """
    _check(job)
    session = _Session(job)
    with session.watch.guard():
        try:
            return session.run()
        finally:
            session.close()


def _check(job: FlashJob) -> None:
    board = job.board
    image.check(job.image, board, origin=ambiq_messages.LOAD_ADDRESS)
    if len(job.image) > ambiq_messages.LARGEST_BLOB_BYTES - ambiq_messages.OTA_HEADER_BYTES:
        raise FlashStoppedError(
            f"an image of {len(job.image):,} bytes does not fit where the loader stages it",
            State.UNTOUCHED,
            "use a debug probe: `--tool pyocd`",
        )


def leave_bootloader(line: Line, ports: Ports, baud: int) -> bool:
    """Send a board that waits in its loader on to its firmware; whether it was there.

    Where the adapter's DTR reaches the board, merely opening the port resets it into the loader,
    which then waits for seconds (docs/boards/sparkfun_edge.md, 2.2). To a running
    firmware this is some noise.

    Args:
        line: just opened at `baud`, to which it is set again.
    """
    channel = Channel(line, ports)
    ports.sleep(LOADER_START_S)
    try:
        for rate in sorted(BAUDS * QUICK_HELLOS, key=lambda rate: (rate != baud, rate)):
            line.set_baud(rate)
            channel.discard()
            channel.write(ambiq_messages.hello())
            if isinstance(_answer(channel, QUICK_HELLO_S), Status):
                channel.write(ambiq_messages.abort())
                return isinstance(_answer(channel, HELLO_S), Ack)
    finally:
        line.set_baud(baud)
    return False


def _answer(channel: Channel, timeout_s: float) -> Status | Ack | None:
    """The loader's next message, if it is a proper one."""
    header = channel.read_exactly(ambiq_messages.MESSAGE_HEADER_BYTES, timeout_s)
    size = ambiq_messages.message_bytes(header)
    if size is None:
        return None
    return ambiq_messages.parse(header + channel.read_exactly(size - len(header), HELLO_S))


class _Session:
    def __init__(self, job: FlashJob) -> None:
        self._job = job
        self._ports = job.ports
        self._port = adapters.find(job.ports, job.port, job.serial_number)
        self._parts = ambiq_messages.wire_parts(ambiq_messages.ota_blob(job.image))
        self._meter = Meter(job.observer.progress, sum(map(len, self._parts)))
        self._bauds: tuple[int, ...] = BAUDS
        self._retries = 0
        self._notes: list[str] = []
        self.watch = Watch("looking for the bootloader", ADVICE)
        self._line = job.ports.open(self._port, BAUDS[0])
        self._channel = Channel(self._line, job.ports)

    def run(self) -> FlashResult:
        started_s = self._ports.now()
        status = self._transfer_all()
        self._restart()
        return FlashResult(
            tool="ambiq",
            board=self._job.board.id,
            image_bytes=len(self._job.image),
            port=self._port,
            bootloader=f"Ambiq secure bootloader {status.version:#x}, {self._bauds[0]} baud",
            verified="CRC-32 checked by the loader at installation",
            seconds=self._ports.now() - started_s,
            retries=self._retries,
            notes=self._notes,
        )

    def close(self) -> None:
        """Release the lines, which could hold the board in reset, and close the port."""
        self._line.set_control(dtr=False, rts=False)
        self._channel.close()

    def _transfer_all(self) -> Status:
        for _ in range(SESSIONS - 1):
            try:
                return self._transfer()
            except _BrokenError:
                self._retries += 1
        try:
            return self._transfer()
        except _BrokenError as error:
            raise self.watch.stop(f"{error}, {SESSIONS} times") from error

    def _transfer(self) -> Status:
        status = self._connect()
        if self.watch.state is State.UNTOUCHED:
            self.watch.state = State.IN_BOOTLOADER
        self.watch.doing = "preparing the update"
        self._exchange(ambiq_messages.otadesc())
        for part in self._parts:
            self.watch.state = State.STAGING
            self._exchange(ambiq_messages.update(part))
            for offset in range(0, len(part), ambiq_messages.MAX_CHUNK_BYTES):
                self.watch.doing = f"sending bytes from {offset:,} of {len(part):,}"
                self._exchange(ambiq_messages.data(part, offset))
                self._meter.add(min(ambiq_messages.MAX_CHUNK_BYTES, len(part) - offset))
        self.watch.state = State.INSTALLING
        return status

    def _connect(self) -> Status:
        """Reset the board into its loader: by DTR, else with the help of a person."""
        for baud, pulse_s in itertools.product(self._bauds, PULSES_S):
            status = self._try_dtr(baud, pulse_s)
            if status:
                return status
        self._job.observer.say("The board did not enter its bootloader by itself.")
        for baud in self._bauds * BUTTON_ROUNDS:
            self._job.observer.say(f"At {baud} baud: {BUTTON}.")
            status = self._await_button(baud)
            if status:
                return status
        raise self.watch.stop("the bootloader does not answer")

    def _await_button(self, baud: int) -> Status | None:
        """Say HELLO at one rate only: one at the wrong rate might confuse a waiting loader."""
        self._line.set_baud(baud)
        deadline_s = self._ports.now() + BUTTON_S
        while self._ports.now() < deadline_s:
            status = self._hello()
            if status:
                self._bauds = (baud,)
                return status
        return None

    def _try_dtr(self, baud: int, pulse_s: float) -> Status | None:
        """Pulse DTR: its falling edge resets the board and pulls button 14."""
        self._line.set_baud(baud)
        for asserted, hold_s in ((False, RELEASE_S), (True, pulse_s), (False, LOADER_START_S)):
            self._line.set_control(dtr=asserted, rts=asserted)
            self._ports.sleep(hold_s)
        status = self._hello()
        if status:
            self._bauds = (baud,)
        return status

    def _hello(self) -> Status | None:
        self._channel.discard()
        self._channel.write(ambiq_messages.hello())
        answer = _answer(self._channel, HELLO_S)
        return answer if isinstance(answer, Status) else None

    def _exchange(self, message: bytes) -> None:
        """Send a message until it is acknowledged; at most NACK_TRIES times."""
        kind, reason = message[4], ""
        for _ in range(NACK_TRIES):
            self._channel.write(message)
            answer = _answer(self._channel, ANSWER_S)
            if not isinstance(answer, Ack) or answer.type != kind:
                raise _BrokenError(f"no proper answer while {self.watch.doing}")
            if answer.status == 0:
                return
            reason = ACK_STATUS.get(answer.status, f"status {answer.status}")
            self._retries += 1
        raise self.watch.stop(f"the loader refuses, {self.watch.doing}: {reason}")

    def _restart(self) -> None:
        """Restart, which installs the image. A lost answer looks like a loader that has gone."""
        self.watch.doing = "restarting the board"
        for _ in range(2):
            self._channel.write(ambiq_messages.reset())
            answer = _answer(self._channel, RESET_S)
            if isinstance(answer, Ack) and answer.status == 0:
                return
            self._retries += 1
        self._notes.append("the loader did not confirm the restart; press RST if nothing runs")
