"""A simulated Nano 33 BLE on USB (docs/boards/nano33.md, 2, 7 and 8)."""

from __future__ import annotations

from typing import Any

from tinydeploy.flash.samba import APPLICATION, FACTORY, SOFTDEVICE, Bootloader
from tinydeploy.flash.simulated.flash_memory import FlashMemory
from tinydeploy.flash.simulated.sam_ba import SamBa, page_0
from tinydeploy.flash.simulated.timeline import Timeline
from tinydeploy.flash.simulated.usb_board import ENUMERATION_S, WINDOW_S, UsbBoard
from tinydeploy.link.transport import PortInfo

FLASH_BYTES = 0x100000
PAGE_BYTES = 4096
BLANK = 0xFFFFFFFF
SOFTDEVICE_APPLICATION = 0x26000


class Nano(UsbBoard):
    """A Nano 33 with one of the two bootloaders.

    Args:
        variant: samba.FACTORY or samba.SOFTDEVICE.
        options: as `UsbBoard` takes them.
    """

    def __init__(
        self,
        time: Timeline,
        variant: Bootloader = FACTORY,
        *,
        serial_number: str = "0011223344556677",
        **options: Any,
    ) -> None:
        own = [range(APPLICATION), range(APPLICATION + variant.room_bytes, FLASH_BYTES)]
        super().__init__(
            time,
            FlashMemory(FLASH_BYTES, PAGE_BYTES, own),
            APPLICATION,
            serial_number=serial_number,
            **options,
        )
        self.variant = variant
        self.bootloader_version: str | None = None
        self.flash.content[:PAGE_BYTES] = page_0(variant)
        self._loader: SamBa | None = None

    def _tell_bootloader(self, data: bytes) -> None:
        if self._loader:
            self._loader.receive(data)

    def _boot(self, *, stay: bool) -> None:
        """Reset. The bootloader shows up on USB at once and serves only when it stays."""
        self._remove_port()
        self._new_life("window")
        self._after(ENUMERATION_S, self._show_bootloader)
        self._after(WINDOW_S, lambda: self._decide(stay))

    def _show_bootloader(self) -> None:
        serial = "0" * 16 + self.serial_number
        self.port = PortInfo(self._names[1], "Arduino Nano 33 BLE", 0x2341, 0x005A, serial)

    def _decide(self, stay: bool) -> None:
        if stay or not self._accepts():
            self.mode = "bootloader"
            self._loader = SamBa(self, self.flash, self.variant)
            if self.bootloader_version is not None:
                self._loader.version = self.bootloader_version
            return
        self._loader = None
        self._run_application()

    def _accepts(self) -> bool:
        """What the bootloader takes for an application (docs/boards/nano33.md, 2)."""
        if self.variant is SOFTDEVICE:
            places = (APPLICATION, SOFTDEVICE_APPLICATION)
            return any(self.flash.word(place) >> 24 == 0x20 for place in places)
        return BLANK not in (self.flash.word(APPLICATION), self.flash.word(APPLICATION + 4))

    def _application_port(self) -> PortInfo:
        return PortInfo(self._names[0], "Nano 33 BLE", 0x2341, 0x805A, self.serial_number)
