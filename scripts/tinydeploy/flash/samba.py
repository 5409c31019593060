"""The SAM-BA dialect of the Nano 33's bootloaders (docs/boards/nano33.md, 8).

Commands are text that ends with `#`, answers end with LF CR. There is no command that reads memory:
checksums of pages take its place. Not run on hardware; the vectors come from the bootloader's own
binary in an emulator.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinydeploy.errors import PortError
from tinydeploy.flash.channel import Channel
from tinydeploy.flash.crc import POLYNOMIAL_CCITT, crc16

PAGE_BYTES = 4096
APPLICATION = 0x10000  # flash address that offset 0 of the Y and Z commands stands for
END_OF_ANSWER = b"\n\r"
RESTART_TRIES = 3
VERSION = "Arduino Bootloader (SAM-BA extended) 2.0 [Arduino:IKXYZ]"
CHIP = "nRF52840-QIAA"

# Z adds APPLICATION to its address in 32 bits, so this reads the checksum of flash page 0.
PAGE_0_OFFSET = 0xFFFF0000


@dataclass(frozen=True)
class Bootloader:
    """One of the bootloaders in the field, known by the checksum of flash page 0.

    Attributes:
        room_bytes: bytes from APPLICATION on that are not the bootloader's own.
        entry_pages: offsets of the pages whose first word makes it start an application.
    """

    name: str
    page_0_crc: int
    room_bytes: int
    entry_pages: tuple[int, ...]


FACTORY = Bootloader("factory", 0xF407, 0xF0000, (0,))
SOFTDEVICE = Bootloader("SoftDevice capable", 0x3E22, 0xD0000, (0, 0x16000))
BOOTLOADERS = (FACTORY, SOFTDEVICE)


class NoAnswerError(Exception):
    """The bootloader did not answer a command, or with something else."""


class SambaClient:
    """One bootloader at the other end of a channel.

    Until `identify` has told which bootloader it is, nothing can be written.

    Every method may raise NoAnswerError, after which `synchronise` makes it listen again, and
    PortError. All commands may be repeated.
    """

    probe_s = 0.3
    command_s = 1.0
    write_s = 5.0  # a page takes about 0.13 s; bossac waits as long
    silence_s = 0.05
    detach_s = 2.0

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._room_bytes = 0

    def probe(self) -> bool:
        """Whether a bootloader listens, at the cost of three bytes to something that is not one."""
        self._channel.write(b"#")
        self._channel.drain(self.silence_s)
        self._channel.write(b"N#")
        return self._channel.read_exactly(2, self.probe_s) == END_OF_ANSWER

    def synchronise(self) -> None:
        """End whatever the bootloader is in the middle of.

        A lone `#` ends a command that was cut short. An S transfer that lost bytes swallows what
        comes next, up to a page of it.
        """
        for filler_bytes in (1, 64, PAGE_BYTES):
            self._channel.write(b"#" * filler_bytes)
            self._channel.drain(self.silence_s)
            self._channel.write(b"N#")
            if self._channel.read_exactly(2, self.command_s) == END_OF_ANSWER:
                return
        raise NoAnswerError("N#")

    def version(self) -> str:
        """The version line, without the two stray bytes that follow it."""
        return self._ask_text("V#")

    def chip(self) -> str:
        """The chip's name."""
        return self._ask_text("I#")

    def identify(self) -> Bootloader | None:
        """Tell the bootloaders apart by page 0; None for one that is not known."""
        crc = self._crc(PAGE_0_OFFSET)
        known = next((loader for loader in BOOTLOADERS if loader.page_0_crc == crc), None)
        self._room_bytes = known.room_bytes if known else 0
        return known

    def page_crc(self, offset: int) -> int:
        """CRC-16 of the page at APPLICATION + `offset`."""
        return self._crc(self._checked(offset))

    def write_page(self, offset: int, page: bytes) -> None:
        """Erase and write the page at APPLICATION + `offset`.

        The answer does not tell whether it worked: compare the checksum.
        """
        offset = self._checked(offset)
        if len(page) != PAGE_BYTES:
            raise ValueError(f"a page of {len(page)} bytes")
        self._channel.write(f"S{0:08X},{PAGE_BYTES:08X}#".encode() + page)
        self._expect(f"Y{0:08X},0#", b"Y" + END_OF_ANSWER, self.command_s)
        self._expect(f"Y{offset:08X},{PAGE_BYTES:08X}#", b"Y" + END_OF_ANSWER, self.write_s)

    def restart(self) -> bool:
        """Reset the board; whether it left the bus, which is all that can be seen of it."""
        try:
            for _ in range(RESTART_TRIES):
                self._channel.write(b"K#")
                self._channel.drain(self.detach_s, self.detach_s)
                self.synchronise()
        except PortError:
            return True
        return False

    def close(self) -> None:
        """Close the port."""
        self._channel.close()

    def _checked(self, offset: int) -> int:
        """The one place that keeps writes away from the bootloader.

        Offsets wrap around at 32 bits in the bootloader: a large one would reach flash page 0.
        """
        if offset % PAGE_BYTES or not 0 <= offset <= self._room_bytes - PAGE_BYTES:
            raise ValueError(f"offset {offset:#x} is not a page of the application")
        return offset

    def _crc(self, offset: int) -> int:
        command = f"Z{offset:08X},{PAGE_BYTES:08X}#"
        self._channel.write(command.encode())
        answer = self._channel.read_until(END_OF_ANSWER, self.command_s)
        if len(answer) != 12 or answer[:1] != b"Z" or answer[9:10] != b"#":
            raise NoAnswerError(command)
        try:
            return int(answer[1:9], 16)
        except ValueError as error:
            raise NoAnswerError(command) from error

    def _ask_text(self, command: str) -> str:
        self._channel.write(command.encode())
        answer = self._channel.read_until(END_OF_ANSWER, self.command_s)
        self._channel.drain(self.silence_s)
        if not answer:
            raise NoAnswerError(command)
        return answer[: -len(END_OF_ANSWER)].decode("ascii", "replace")

    def _expect(self, command: str, expected: bytes, timeout_s: float) -> None:
        self._channel.write(command.encode())
        if self._channel.read_exactly(len(expected), timeout_s) != expected:
            raise NoAnswerError(command)


def page_checksum(page: bytes) -> int:
    """The checksum that Z answers for a page with these bytes."""
    return crc16(page, POLYNOMIAL_CCITT)
