"""A simulated XIAO nRF52840 on USB with its bootloader (docs/boards/xiao_nrf52840.md, 2)."""

from __future__ import annotations

from typing import Any

from tinydeploy.flash import nrf_dfu_messages as messages
from tinydeploy.flash.simulated.adafruit_dfu import ERASE_S, AdafruitDfu
from tinydeploy.flash.simulated.board import Firmware
from tinydeploy.flash.simulated.flash_memory import FlashMemory
from tinydeploy.flash.simulated.timeline import Timeline
from tinydeploy.flash.simulated.uf2_drive import Uf2Drive
from tinydeploy.flash.simulated.usb_board import ENUMERATION_S, WINDOW_S, UsbBoard
from tinydeploy.link.transport import PortInfo

FLASH_BYTES = 0x100000
PAGE_BYTES = 4096
APPLICATION, APPLICATION_END = 0x27000, 0xEA000
SETTINGS = 0xFF000  # page in which the bootloader notes what it has installed
VALID = 1


class Xiao(UsbBoard):
    """A XIAO nRF52840.

    Args:
        options: as `UsbBoard` takes them.
    """

    def __init__(
        self,
        time: Timeline,
        *,
        serial_number: str = "8899AABBCCDDEEFF",
        firmware: Firmware = Firmware(),  # noqa: B008 - frozen
        **options: Any,
    ) -> None:
        own = [range(APPLICATION), range(APPLICATION_END, SETTINGS)]
        super().__init__(
            time,
            FlashMemory(FLASH_BYTES, PAGE_BYTES, own),
            APPLICATION,
            serial_number=serial_number,
            firmware=firmware,
            **options,
        )
        self._loader: AdafruitDfu | None = None
        self._packets = 0
        if image := firmware.image:
            self._note(VALID, len(image), messages.crc16(image))

    def drops_packet(self) -> bool:
        """As the test wants it: packets are counted over restarts."""
        self._packets += 1
        return self.refuses(self._packets)

    def restart(self) -> None:
        """The bootloader gave up."""
        self._boot(stay=False)

    def activate(self, size: int, crc: int) -> None:
        """A valid application: it starts without a reset."""
        self._note(VALID, size, crc)
        self._after(ERASE_S, self._leave)

    def _leave(self) -> None:
        self._loader = None
        self._run_application()

    def forget_application(self) -> None:
        """What was there is erased."""
        self._note(0, 0, 0)

    def _note(self, bank: int, size: int, crc: int) -> None:
        self.flash.erase(SETTINGS)
        content = b"".join(word.to_bytes(4, "little") for word in (bank, size, crc))
        self.flash.program(SETTINGS, content)

    def _tell_bootloader(self, data: bytes) -> None:
        if self._loader:
            self._loader.receive(data)

    def _boot(self, *, stay: bool) -> None:
        """Reset. Unless the bootloader stays it does not show up on USB."""
        self._remove_port()
        self._new_life("window")
        self._loader = None
        self._after(WINDOW_S, lambda: self._decide(stay))

    def _decide(self, stay: bool) -> None:
        if not stay and self._is_valid():
            self._run_application()
            return
        self.mode = "bootloader"
        room_bytes = APPLICATION_END - APPLICATION
        self._loader = AdafruitDfu(self, self.flash, APPLICATION, room_bytes)
        self._after(ENUMERATION_S, self._show_bootloader)

    def _is_valid(self) -> bool:
        """What the bootloader takes for an application; what came by UF2 has no CRC."""
        bank, size, crc = (self.flash.word(SETTINGS + 4 * index) for index in range(3))
        image = bytes(self.flash.content[APPLICATION : APPLICATION + size])
        return bank == VALID and (crc == 0 or messages.crc16(image) == crc)

    def _show_bootloader(self) -> None:
        room = range(APPLICATION, APPLICATION_END)
        self.drive = Uf2Drive(self, self.flash, room, "nRF52840-SeeedXiaoSense-v1")
        self.port = PortInfo(self._names[1], "XIAO Sense", 0x2886, 0x0045, self.serial_number)

    def _application_port(self) -> PortInfo:
        return PortInfo(self._names[0], "XIAO BLE tinydeploy", 0x2886, 0x8045, self.serial_number)
