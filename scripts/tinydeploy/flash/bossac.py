"""Nano 33 BLE over USB: 1200-baud touch, SAM-BA, read-back by checksum (nano33.md, 7 and 8).

The order makes the board safe to unplug at any moment: first the page that makes the bootloader
start an application is blanked, then the other pages are written and compared, and only when all of
them are right the first page is written. In between the board waits in its bootloader.

Not run on hardware; tested against `flash.simulated.nano`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from tinydeploy.flash import enter, image, samba, samba_port, usb
from tinydeploy.flash.base import FlashJob, FlashResult, Meter, State, Watch
from tinydeploy.flash.enter import Patience
from tinydeploy.flash.samba import PAGE_BYTES, NoAnswerError, SambaClient
from tinydeploy.foreign import shown

describe_bootloader = samba_port.describe_bootloader
TRIES = 3
ROUNDS = 3
BLANK_PAGE = b"\xff" * PAGE_BYTES

AGAIN = "then run the same command again"
ADVICE = {
    State.UNTOUCHED: f"{samba_port.DOUBLE_TAP}, {AGAIN}",
    State.IN_BOOTLOADER: "press reset once to start the old firmware, or run the command again",
    State.NO_APPLICATION: f"reconnect the board, {AGAIN}: it is found in its bootloader",
    State.PARTLY_WRITTEN: f"reconnect the board, {samba_port.DOUBLE_TAP}, {AGAIN}",
    State.WRITTEN: "press reset once to start it",
}

T = TypeVar("T")


def write(job: FlashJob, patience: Patience | None = None) -> FlashResult:
    """Flash a Nano 33.

    Raises:
        PortError: no board, or not the right one; nothing was changed.
        FlashStoppedError: with the state of the board.
    """
    board = job.board
    image.check(job.image, board, origin=samba.APPLICATION, room_bytes=samba.FACTORY.room_bytes)
    session = _Session(job, patience or Patience())
    with session.watch.guard():
        return session.run()


class _Session:
    def __init__(self, job: FlashJob, patience: Patience) -> None:
        self._job = job
        self._ports = job.ports
        self._patience = patience
        self._target = usb.find(job.ports, job.board, job.port, job.serial_number)
        self._retries = 0
        self.watch = Watch("looking for the bootloader", ADVICE)

    def run(self) -> FlashResult:
        started_s = self._ports.now()
        self._client = self._enter_bootloader()
        try:
            self.watch.state = State.IN_BOOTLOADER
            loader, version = self._examine()
            self._write(loader)
            port = self._restart()
        finally:
            self._client.close()
        return FlashResult(
            tool="bossac",
            board=self._job.board.id,
            image_bytes=len(self._job.image),
            port=port,
            bootloader=f"{version}, {loader.name}",
            verified="read back: CRC-16 of each page",
            seconds=self._ports.now() - started_s,
            serial_number=self._target.serial_number,
            retries=self._retries,
            notes=[] if port else ["the new firmware did not show up on USB"],
        )

    def _enter_bootloader(self) -> SambaClient:
        client = samba_port.enter_bootloader(
            self._ports, self._target, self._job.observer.say, self._patience
        )
        if client is None:
            raise self.watch.stop("the bootloader did not appear")
        return client

    def _examine(self) -> tuple[samba.Bootloader, str]:
        """Refuse whatever is not one of the two known bootloaders."""
        self.watch.doing = "asking the bootloader for its version"
        version = self._asked_again(self._client.version, lambda text: text == samba.VERSION)
        if version != samba.VERSION:
            raise self._refuse(
                f"the bootloader calls itself {shown(version)!r}, which is not known here"
            )
        chip = self._asked_again(self._client.chip, lambda text: text == samba.CHIP)
        if chip != samba.CHIP:
            raise self._refuse(f"the bootloader is on a {shown(chip)!r}, not on an {samba.CHIP}")
        loader = self._asked_again(self._client.identify, lambda known: known is not None)
        if loader is None:
            raise self._refuse("the bootloader's checksum is that of neither known version")
        if len(self._job.image) > loader.room_bytes:
            raise self._refuse(
                f"the image takes {len(self._job.image):,} bytes, the {loader.name} bootloader "
                f"leaves {loader.room_bytes:,}"
            )
        return loader, version

    def _asked_again(self, ask: Callable[[], T], is_right: Callable[[T], bool]) -> T:
        """The answer, asked for once more unless it is the expected one."""
        answer = self._reliably(ask)
        return answer if is_right(answer) else self._reliably(ask)

    def _refuse(self, what: str) -> Exception:
        self._client.restart()
        self.watch.state = State.UNTOUCHED
        return self.watch.stop(what, "use a debug probe: `--tool pyocd`")

    def _write(self, loader: samba.Bootloader) -> None:
        pages = _pages(self._job.image)
        entries = [offset for offset in loader.entry_pages if offset in pages]
        body = [offset for offset in pages if offset not in entries]
        blank = dict.fromkeys(entries, BLANK_PAGE)
        # Only writing is counted: a checksum takes milliseconds.
        self._meter = Meter(self._job.observer.progress, (len(pages) + len(entries)) * PAGE_BYTES)
        self.watch.state = State.PARTLY_WRITTEN
        self._store(blank, entries)
        self.watch.state = State.NO_APPLICATION
        self._store(pages, body)
        for _ in range(ROUNDS):
            self.watch.state = State.PARTLY_WRITTEN
            self._store(pages, entries[::-1])
            wrong = self._differing(pages, list(pages))
            if not wrong:
                self.watch.state = State.WRITTEN
                return
            self._store(blank, entries)
            self.watch.state = State.NO_APPLICATION
            self._store(pages, [offset for offset in wrong if offset not in entries])
        raise self._flash_is_bad(wrong)

    def _store(self, pages: dict[int, bytes], offsets: Sequence[int]) -> None:
        """Write pages and compare their checksums, repeating those that came out wrong."""
        wrong = list(offsets)
        for attempt in range(ROUNDS):
            self._retries += len(wrong) if attempt else 0
            for offset in wrong:
                self.watch.doing = f"writing page {samba.APPLICATION + offset:#x}"
                self._reliably(partial(self._client.write_page, offset, pages[offset]))
                self._meter.add(PAGE_BYTES)
            wrong = self._differing(pages, offsets)
            if not wrong:
                return
        raise self._flash_is_bad(wrong)

    def _differing(self, pages: dict[int, bytes], offsets: Sequence[int]) -> list[int]:
        """Offsets of the pages that do not hold what they should."""
        wrong = []
        for offset in offsets:
            self.watch.doing = f"checking page {samba.APPLICATION + offset:#x}"
            crc = self._reliably(partial(self._client.page_crc, offset))
            if crc != samba.page_checksum(pages[offset]):
                wrong.append(offset)
        return wrong

    def _flash_is_bad(self, wrong: Sequence[int]) -> Exception:
        where = ", ".join(f"{samba.APPLICATION + offset:#x}" for offset in wrong[:4])
        return self.watch.stop(f"after {ROUNDS} tries the flash still differs at {where}")

    def _reliably(self, action: Callable[[], T]) -> T:
        """Repeat a command that was not answered."""
        try:
            for _ in range(TRIES - 1):
                try:
                    return action()
                except NoAnswerError:
                    self._retries += 1
                    self._client.synchronise()
            return action()
        except NoAnswerError as error:
            raise self.watch.stop(f"no answer to {error} while {self.watch.doing}") from error

    def _restart(self) -> str:
        """Start the new firmware; its port, or "" when it does not show up on USB."""
        self.watch.doing = "restarting the board"
        if not self._reliably(self._client.restart):
            raise self.watch.stop("the bootloader does not restart the board")
        self._client.close()
        port = enter.await_application(self._ports, self._target, self._patience)
        if not port and enter.is_back(self._ports, self._target):
            raise self.watch.stop("the bootloader is back instead of the new firmware")
        return port


def _pages(data: bytes) -> dict[int, bytes]:
    """The image cut into pages by offset, the last one filled with what erased flash reads."""
    return {
        offset: data[offset : offset + PAGE_BYTES].ljust(PAGE_BYTES, b"\xff")
        for offset in range(0, len(data), PAGE_BYTES)
    }
