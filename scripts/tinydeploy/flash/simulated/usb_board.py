"""What simulated boards with a USB port of their own share: touch, double tap, re-enumeration."""

from __future__ import annotations

from tinydeploy.flash.simulated.board import Firmware, SimulatedBoard
from tinydeploy.flash.simulated.flash_memory import FlashMemory
from tinydeploy.flash.simulated.timeline import Timeline
from tinydeploy.link.transport import PortInfo

ENUMERATION_S = 0.3
WINDOW_S = 0.5  # for the second press of a double tap
TOUCH_S = 0.2


class UsbBoard(SimulatedBoard):
    """A board whose application obeys a touch; subclasses have the bootloader.

    Args:
        origin: address of the application.
        firmware: the application.
        names: port names of application and bootloader.
    """

    def __init__(
        self,
        time: Timeline,
        flash: FlashMemory,
        origin: int,
        *,
        serial_number: str,
        firmware: Firmware = Firmware(),  # noqa: B008 - frozen
        names: tuple[str, str] = ("/dev/ttyACM0", "/dev/ttyACM1"),
    ) -> None:
        super().__init__(time, flash)
        self.serial_number = serial_number
        self.firmware = firmware
        self.flash.content[origin : origin + len(firmware.image)] = firmware.image
        self._origin = origin
        self._names = names
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
        if (
            self.mode == "application"
            and self.firmware.touch_works
            and self._touched
            and not self._dtr
        ):
            self._boot(stay=True)

    def _receive(self, data: bytes) -> None:
        if self.mode == "bootloader":
            self._tell_bootloader(data)
        elif self.mode == "application" and self.application:
            self.application.write(data)

    def answer(self, data: bytes, after_s: float) -> None:
        """The bootloader sends."""
        self._send(data, after_s)

    def detach(self) -> None:
        """The bootloader leaves the bus."""
        self._remove_port()

    def reset(self) -> None:
        """The bootloader restarts the chip."""
        self._boot(stay=False)

    # What subclasses define and use.

    def _boot(self, *, stay: bool) -> None:
        """Reset; `stay`: into the bootloader."""
        raise NotImplementedError

    def _tell_bootloader(self, data: bytes) -> None:
        """Bytes from the host to the bootloader."""
        raise NotImplementedError

    def _show_bootloader(self) -> None:
        """Its port appears."""
        raise NotImplementedError

    def _run_application(self) -> None:
        self._remove_port()
        self.mode = "application" if self._works(self._origin) else "crashed"
        if self.mode == "application":
            if self.firmware.start:
                self.application = self.firmware.start(bytes(self.flash.content[self._origin :]))
            if self.firmware.on_usb:
                self._after(ENUMERATION_S, self._show_application)

    def _show_application(self) -> None:
        self.port = self._application_port()

    def _application_port(self) -> PortInfo:
        raise NotImplementedError
