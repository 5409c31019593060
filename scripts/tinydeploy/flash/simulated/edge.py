"""A SparkFun Edge on a serial adapter (docs/boards/sparkfun_edge.md, 1, 2.2, 7, 8)."""

from __future__ import annotations

from collections.abc import Callable

from tinydeploy.flash.simulated import ambiq_sbl
from tinydeploy.flash.simulated.ambiq_sbl import AmbiqSbl
from tinydeploy.flash.simulated.board import Firmware, SimulatedBoard
from tinydeploy.flash.simulated.flash_memory import FlashMemory
from tinydeploy.flash.simulated.svl import Svl
from tinydeploy.flash.simulated.timeline import Action, Timeline
from tinydeploy.link.transport import PortInfo

FLASH_BYTES = 0x100000
PAGE_BYTES = 0x2000
DESCRIPTOR = 0xFE000
SBL_END = 0xC000
SVL_END = 0x10000
RAM = range(0x10000001, 0x10060001)
STRAP_S = 0.002  # reset to sampling button 14
DTR_PULSE_S = 0.008
SVL_START_S = 0.05
SVL_WINDOW_S = 0.2
RESET_S = 0.01


class Edge(SimulatedBoard):
    """A SparkFun Edge, or with `svl` an Edge 2.

    Args:
        firmware: the application.
        baud: rate of the secure bootloader, from INFO0.
        svl: whether the variable loader is on it; applications then start at 0x10000.
        has_dtr: whether the adapter's DTR reaches the board.
        wait_s: how long the secure bootloader waits for HELLO, from INFO0.
    """

    def __init__(
        self,
        time: Timeline,
        *,
        firmware: Firmware = Firmware(),  # noqa: B008 - frozen
        baud: int = 921600,
        svl: bool = False,
        has_dtr: bool = True,
        wait_s: float = 20.0,
        name: str = "/dev/ttyUSB0",
    ) -> None:
        own = [range(SVL_END if svl else SBL_END)]
        super().__init__(time, FlashMemory(FLASH_BYTES, PAGE_BYTES, own))
        self.origin = SVL_END if svl else SBL_END
        self.flash.content[self.origin : self.origin + len(firmware.image)] = firmware.image
        self.svl_version = 6
        self.has_dtr = has_dtr
        self.forbidden = 0
        self._loader_baud = baud
        self._is_svl = svl
        self._wait_s = wait_s
        self._adapter = PortInfo(name, "USB Serial", 0x1A86, 0x7523, "")
        self._start = firmware.start
        self._host_baud = 0
        self._dtr = False
        self._receiver: Callable[[bytes], None] | None = None

    def power_on(self) -> None:
        """Plug the adapter in."""
        self.port = self._adapter
        self._reset()

    def power_lost(self) -> None:
        """The board loses its supply; the adapter stays."""
        self._new_life("off")
        self._receiver = None

    def press_for_bootloader(self) -> None:
        """Hold the button and press RST."""
        if self.mode != "off":
            self._reset(strap=True)

    def opened(self, baud: int) -> None:
        """The host opened the port."""
        self._host_baud = baud
        self._dtr = False

    def opened_without_lines(self, baud: int) -> None:
        """DTR pulses: the host releases it to talk, or each restart ends in the loader."""
        super().opened_without_lines(baud)
        self.time.after(DTR_PULSE_S, lambda: self.set_control(dtr=False, rts=False))

    def set_baud(self, baud: int) -> None:
        """The adapter changes its rate."""
        self._host_baud = baud

    def closed(self) -> None:
        """The host closed the port, which releases the lines."""
        self._dtr = False

    def set_control(self, *, dtr: bool, rts: bool) -> None:
        """DTR falling, which is asserting it, resets the board."""
        falls = dtr and not self._dtr
        self._dtr = dtr
        if falls and self.has_dtr and self.mode != "off":
            self._reset()

    def answer(self, data: bytes, after_s: float) -> None:
        """A loader sends, at its own rate."""
        rate = self._loader_baud if self.mode == "loader" else self._host_baud
        self._send(data if rate == self._host_baud else _garbled(data), after_s)

    def later(self, delay_s: float, action: Action) -> None:
        """For the variable loader."""
        self._after(delay_s, action)

    def reset_soon(self) -> None:
        """For the loaders."""
        self._after(RESET_S, self._reset)

    def quit_soon(self) -> None:
        """For the secure bootloader."""
        self._after(RESET_S, self.start_application)

    def start_application(self) -> None:
        """Leave the loader for an application that may work, or not."""
        stack, reset = self.flash.word(self.origin), self.flash.word(self.origin + 4)
        plausible = stack in RAM and reset & 1 and self.origin <= reset < FLASH_BYTES
        works = plausible and self._works(self.origin)
        self._new_life("application" if works else "crashed")
        self._receiver = None
        if works and self._start:
            self.application = self._start(bytes(self.flash.content[self.origin :]))
            self._receiver = self.application.write

    def _receive(self, data: bytes) -> None:
        if self._receiver:
            self._receiver(data)

    def _reset(self, strap: bool = False) -> None:
        self._new_life("reset")
        self._receiver = None
        self._after(STRAP_S, lambda: self._boot(strap or (self._dtr and self.has_dtr)))

    def _boot(self, strap: bool) -> None:
        """The secure bootloader: install what is staged, then wait or go on."""
        if not self._is_svl:
            ambiq_sbl.install(self.flash, DESCRIPTOR)
        if self._is_svl:
            self._after(SVL_START_S, self._start_svl)
        elif strap or not self._has_image():
            self._start_sbl(forever=not self._has_image())
        else:
            self.start_application()

    def _has_image(self) -> bool:
        stack, reset = self.flash.word(SBL_END), self.flash.word(SBL_END + 4)
        return stack in RAM and bool(reset & 1) and SBL_END <= reset < FLASH_BYTES

    def _start_sbl(self, forever: bool) -> None:
        self.mode = "loader"
        loader = AmbiqSbl(self, self.flash)

        def receive(data: bytes) -> None:
            loader.receive(data if self._host_baud == self._loader_baud else _garbled(data))
            self.forbidden += loader.forbidden
            loader.forbidden = 0

        def give_up() -> None:
            if not loader.messages:
                self.start_application()

        self._receiver = receive
        if not forever:
            self._after(self._wait_s, give_up)

    def _start_svl(self) -> None:
        self.mode = "svl"
        loader = Svl(self, self.flash, self.svl_version)

        def window_over() -> None:
            if not loader.baud:
                self.start_application()

        self._receiver = lambda data: loader.receive(data, self._host_baud)
        self._after(SVL_WINDOW_S, window_over)


def _garbled(data: bytes) -> bytes:
    """What a UART makes of bytes at another rate: something else."""
    return bytes((byte * 37 ^ 0xA5) & 0xFF for byte in data)
