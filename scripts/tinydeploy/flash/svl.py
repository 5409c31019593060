"""SparkFun Edge 2 through the SparkFun Variable Loader (docs/boards/sparkfun_edge.md, 8).

The loader writes the application from 0x10000 on while it arrives, and checks a CRC-16 of each
frame; there is no read-back. It starts first after every reset, so an incomplete application does
not lock anybody out.

Not run on hardware; tested against `flash.simulated.edge`.
"""

from __future__ import annotations

import struct
from enum import IntEnum

from tinydeploy.flash import adapters, image
from tinydeploy.flash.base import FlashJob, FlashResult, Meter, State, Watch
from tinydeploy.flash.channel import Channel
from tinydeploy.flash.crc import POLYNOMIAL_IBM, crc16

ORIGIN = 0x10000
ROOM_BYTES = 0xEC000  # up to the page at 0xFC000, kept free as on the Edge
FRAME_BYTES = 2048
BAUDS = (921600, 460800, 115200)  # the loader measures the rate; slower after a failure
KNOWN_VERSIONS = (6,)
RELEASE_S = 0.01
LOADER_START_S = 0.15
ANSWER_S = 1.0  # a page is erased between frames now and then
RETRIES_PER_FRAME = 4
AUTO_BAUD = b"U"

AGAIN = "run the same command again"
ADVICE = {
    State.UNTOUCHED: f"check adapter and power, press RESET, {AGAIN}",
    State.IN_BOOTLOADER: f"press RESET to start the old firmware, or {AGAIN}",
    State.PARTLY_WRITTEN: f"{AGAIN}: the loader answers after every reset",
    State.WRITTEN: "press RESET to start it",
}


class Command(IntEnum):
    """Kinds of packets."""

    VERSION = 1
    BOOTLOAD = 2
    NEXT = 3
    FRAME = 4
    RETRY = 5
    DONE = 6


class _BrokenError(Exception):
    """The session cannot be continued: begin again from the reset."""


def packet(command: int, payload: bytes = b"") -> bytes:
    """A packet: length, command, payload, CRC-16; big endian."""
    body = bytes([command]) + payload
    return struct.pack(">H", len(body) + 2) + body + _checksum(body)


def _checksum(body: bytes) -> bytes:
    return crc16(body, POLYNOMIAL_IBM).to_bytes(2, "big")


def write(job: FlashJob) -> FlashResult:
    """Flash a board that runs the SparkFun Variable Loader.

    Raises:
        PortError: no port; nothing was changed.
        FlashStoppedError: with the state of the board.
    """
    image.check(job.image, job.board, origin=ORIGIN, room_bytes=ROOM_BYTES)
    session = _Session(job)
    with session.watch.guard():
        try:
            return session.run()
        finally:
            session.close()


class _Session:
    def __init__(self, job: FlashJob) -> None:
        self._job = job
        self._ports = job.ports
        self._port = adapters.find(job.ports, job.port, job.serial_number)
        self._frames = _frames(job.image)
        self._meter = Meter(job.observer.progress, sum(map(len, self._frames)))
        self._retries = 0
        self.watch = Watch("looking for the loader", ADVICE)
        self._line = job.ports.open(self._port, BAUDS[0])
        self._channel = Channel(self._line, job.ports)

    def run(self) -> FlashResult:
        started_s = self._ports.now()
        version = self._transfer_all()
        return FlashResult(
            tool="svl",
            board=self._job.board.id,
            image_bytes=len(self._job.image),
            port=self._port,
            bootloader=f"SparkFun Variable Loader {version}",
            verified="CRC-16 of each frame checked by the loader",
            seconds=self._ports.now() - started_s,
            retries=self._retries,
        )

    def close(self) -> None:
        """Close the port."""
        self._channel.close()

    def _transfer_all(self) -> int:
        """One session at each rate until one completes."""
        seen = _BrokenError()
        for baud in BAUDS:
            try:
                version = self._connect(baud)
                self._send_frames()
                self._finish()
            except _BrokenError as error:
                self._retries += 1
                seen = error
            else:
                return version
        raise self.watch.stop(f"{seen}, at {len(BAUDS)} rates") from seen

    def _connect(self, baud: int) -> int:
        """Reset by DTR, which stays asserted: releasing it early would start Ambiq's loader."""
        self._line.set_baud(baud)
        self._reset()
        self._ports.sleep(LOADER_START_S)
        self._channel.discard()
        self._channel.write(AUTO_BAUD)
        command, payload = self._answer("looking for the loader")
        if command != Command.VERSION or len(payload) != 1:
            raise _BrokenError("the loader does not tell its version")
        if payload[0] not in KNOWN_VERSIONS:
            raise self.watch.stop(
                f"version {payload[0]} of the loader is not known here",
                "update the loader with SparkFun's tools, or use `--tool pyocd`",
            )
        return payload[0]

    def _send_frames(self) -> None:
        """Give the loader the frame that it asks for, until it asks for one too many."""
        if self.watch.state is State.UNTOUCHED:
            self.watch.state = State.IN_BOOTLOADER
        self._channel.write(packet(Command.BOOTLOAD))
        sent, repeated = 0, 0
        while True:
            self.watch.doing = f"sending frame {sent + 1} of {len(self._frames)}"
            command, _ = self._answer(self.watch.doing)
            if command == Command.NEXT:
                if sent == len(self._frames):
                    return
                self._meter.add(len(self._frames[sent]))
                sent, repeated = sent + 1, 0
            elif command == Command.RETRY and sent and repeated < RETRIES_PER_FRAME:
                repeated += 1
                self._retries += 1
            else:
                raise _BrokenError(f"the loader gave up while {self.watch.doing}")
            self.watch.state = State.PARTLY_WRITTEN
            self._channel.write(packet(Command.FRAME, self._frames[sent - 1]))

    def _finish(self) -> None:
        """End the session; the reset is for the case that DONE got lost."""
        self.watch.state = State.WRITTEN
        self.watch.doing = "starting the firmware"
        self._channel.write(packet(Command.DONE))
        self._ports.sleep(LOADER_START_S)
        self._reset()

    def _reset(self) -> None:
        self._line.set_control(dtr=False, rts=False)
        self._ports.sleep(RELEASE_S)
        self._line.set_control(dtr=True, rts=True)

    def _answer(self, doing: str) -> tuple[int, bytes]:
        """Command and payload of the next packet."""
        size = int.from_bytes(self._channel.read_exactly(2, ANSWER_S), "big")
        body = self._channel.read_exactly(size, ANSWER_S) if 3 <= size <= FRAME_BYTES else b""
        if len(body) < 3 or _checksum(body[:-2]) != body[-2:]:
            raise _BrokenError(f"no proper answer while {doing}")
        return body[0], body[1:-2]


def _frames(data: bytes) -> list[bytes]:
    """The image in frames; the last one is filled to whole words with what erased flash reads."""
    padded = data + b"\xff" * (-len(data) % 4)
    return [padded[start : start + FRAME_BYTES] for start in range(0, len(padded), FRAME_BYTES)]
