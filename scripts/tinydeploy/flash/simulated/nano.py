"""A simulated Nano 33 BLE on USB (nano33.md, sections 2, 7 and 8)."""

from __future__ import annotations

from tinydeploy.flash.samba import APPLICATION, FACTORY, SOFTDEVICE, Bootloader
from tinydeploy.flash.simulated.board import SimulatedBoard, Start
from tinydeploy.flash.simulated.flash_memory import FlashMemory
from tinydeploy.flash.simulated.sam_ba import SamBa, page_0
from tinydeploy.flash.simulated.timeline import Timeline
from tinydeploy.link.transport import PortInfo

FLASH_BYTES = 0x100000
PAGE_BYTES = 4096
ENUMERATION_S = 0.3
WINDOW_S = 0.5  # for the second press of a double tap
TOUCH_S = 0.2
BLANK = 0xFFFFFFFF
SOFTDEVICE_APPLICATION = 0x26000


class Nano(SimulatedBoard):
    """A Nano 33 with one of the two bootloaders.

    Args:
        variant: samba.FACTORY or samba.SOFTDEVICE.
        application: image on it from 0x10000 on; empty for none.
        touch_works: whether the application restarts into the bootloader when touched.
        on_usb: whether the application shows up on USB at all.
        names: port names of application and bootloader.
        start: runs the application; None for one that stays silent.
    """

    def __init__(
        self,
        time: Timeline,
        variant: Bootloader = FACTORY,
        *,
        application: bytes = b"",
        serial_number: str = "0011223344556677",
        touch_works: bool = True,
        on_usb: bool = True,
        names: tuple[str, str] = ("/dev/ttyACM0", "/dev/ttyACM1"),
        start: Start | None = None,
    ) -> None:
        own = [range(APPLICATION), range(APPLICATION + variant.room_bytes, FLASH_BYTES)]
        super().__init__(time, FlashMemory(FLASH_BYTES, PAGE_BYTES, own))
        self.variant = variant
        self.serial_number = serial_number
        self.touch_works = touch_works
        self.on_usb = on_usb
        self.bootloader_version: str | None = None
        self.flash.content[:PAGE_BYTES] = page_0(variant)
        self.flash.content[APPLICATION : APPLICATION + len(application)] = application
        self._names = names
        self._start = start
        self._loader: SamBa | None = None
        self._touched = False
        self._dtr = False

    def power_on(self) -> None:
        """Plug it in."""
        self._boot(stay=False)

    def press_for_bootloader(self) -> None:
        """Press reset twice."""
        if self.mode != "off":
            self._boot(stay=True)

    def opened(self, baud: int) -> None:
        """The host opened the port."""
        self.set_baud(baud)

    def set_baud(self, baud: int) -> None:
        """1200 arms the touch."""
        self._touched = baud == 1200

    def closed(self) -> None:
        """DTR falls."""
        self.set_control(dtr=False, rts=False)

    def set_control(self, *, dtr: bool, rts: bool) -> None:
        """DTR low for a while after a touch restarts into the bootloader."""
        fell = self._dtr and not dtr
        self._dtr = dtr
        if fell and self._touched:
            self._after(TOUCH_S, self._act_on_touch)

    def _act_on_touch(self) -> None:
        if self.mode == "application" and self.touch_works and self._touched and not self._dtr:
            self._boot(stay=True)

    def answer(self, data: bytes, after_s: float) -> None:
        """The bootloader sends."""
        self._send(data, after_s)

    def detach(self) -> None:
        """The bootloader leaves the bus."""
        self._remove_port()

    def reset(self) -> None:
        """The bootloader restarts the chip."""
        self._boot(stay=False)

    def _receive(self, data: bytes) -> None:
        if self.mode == "bootloader" and self._loader:
            self._loader.receive(data)
        elif self.mode == "application" and self.application:
            self.application.write(data)

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
        self._remove_port()
        self._loader = None
        self.mode = "application" if self._works(APPLICATION) else "crashed"
        if self.mode == "application":
            if self._start:
                self.application = self._start(bytes(self.flash.content[APPLICATION:]))
            if self.on_usb:
                self._after(ENUMERATION_S, self._show_application)

    def _accepts(self) -> bool:
        """What the bootloader takes for an application (section 2)."""
        if self.variant is SOFTDEVICE:
            places = (APPLICATION, SOFTDEVICE_APPLICATION)
            return any(self.flash.word(place) >> 24 == 0x20 for place in places)
        return BLANK not in (self.flash.word(APPLICATION), self.flash.word(APPLICATION + 4))

    def _show_application(self) -> None:
        self.port = PortInfo(self._names[0], "Nano 33 BLE", 0x2341, 0x805A, self.serial_number)
