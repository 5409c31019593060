"""The registers of the USBD, without what they do (docs/boards/nano33.md, 7)."""

from __future__ import annotations

from dataclasses import dataclass

from tinydeploy.simulate.bus import Register
from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.nrf52840.base import NrfBlock

BASE = 0x40027000
ENDPOINTS = 8  # 0 is control, 1 to 7 are bulk or interrupt; 8, isochronous, is not modelled
SUSPEND, RESUME, WAKE_UP_ALLOWED, READY = 1 << 8, 1 << 9, 1 << 10, 1 << 11  # of EVENTCAUSE
EVENTS = {
    0x100: "USBRESET",
    0x104: "STARTED",
    0x128: "EP0DATADONE",
    0x12C: "ENDISOIN",
    0x150: "ENDISOOUT",
    0x154: "SOF",
    0x158: "USBEVENT",
    0x15C: "EP0SETUP",
    0x160: "EPDATA",
}
SETUP_BYTES = (
    *("BMREQUESTTYPE", "BREQUEST", "WVALUEL", "WVALUEH"),
    *("WINDEXL", "WINDEXH", "WLENGTHL", "WLENGTHH"),
)
ADDRESS_166, VALUE_166 = 0x7E3, 0x40


@dataclass(frozen=True)
class DmaRegisters:
    """Where EasyDMA finds the buffer of an endpoint."""

    pointer: Register
    count: Register
    amount: Register


class UsbdRegisters(NrfBlock):
    """Declares them; subclasses attach what reading and writing does."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine, "USBD", BASE)
        self.erratum_166_done = False
        self._declare_events()
        self._declare_status()
        self._declare_control()
        self._declare_errata()
        self.in_dma = [self._declare_dma(0x600 + 0x14 * n, f"EPIN[{n}]") for n in range(ENDPOINTS)]
        self.out_dma = [
            self._declare_dma(0x700 + 0x14 * n, f"EPOUT[{n}]") for n in range(ENDPOINTS)
        ]

    def cause(self, bit: int) -> None:
        """USBEVENT with its cause; the event comes when the bit becomes 1."""
        if not self.event_cause.value & bit:
            self.event_cause.value |= bit
            self.happen("USBEVENT")

    def data_transferred(self, bit: int) -> None:
        """EPDATA with the endpoint; the event comes when the bit becomes 1."""
        if not self.data_status.value >> bit & 1:
            self.data_status.value |= 1 << bit
            self.happen("EPDATA")

    def _declare_events(self) -> None:
        for offset, name in EVENTS.items():
            self.event(offset, name)
        for n in range(ENDPOINTS):
            self.event(0x108 + 4 * n, f"ENDEPIN[{n}]")
            self.event(0x130 + 4 * n, f"ENDEPOUT[{n}]")
        for offset, name in ((0x024, "STARTISOIN"), (0x048, "STARTISOOUT")):
            self.task(offset, name, self._refusal(name, "isochronous endpoints"))
        for offset, name in ((0x058, "DPDMDRIVE"), (0x05C, "DPDMNODRIVE")):
            self.task(offset, name, self._refusal(name, "remote wake-up"))

    def _refusal(self, task: str, what: str):  # type: ignore[no-untyped-def]
        return lambda: self.violate(f"TASKS_{task}", f"{what} are not modelled")

    def _declare_status(self) -> None:
        self.event_cause = self._flags(0x400, "EVENTCAUSE")
        self.in_halted = [self.status(0x420 + 4 * n, f"HALTED.EPIN[{n}]", 0) for n in range(8)]
        self.out_halted = [self.status(0x444 + 4 * n, f"HALTED.EPOUT[{n}]", 0) for n in range(8)]
        self.captured = self._flags(0x468, "EPSTATUS")
        self.data_status = self._flags(0x46C, "EPDATASTATUS")
        self.address = self.status(0x470, "USBADDR", 0)
        self.setup_bytes = [
            self.status(0x480 + 4 * n, name, 0) for n, name in enumerate(SETUP_BYTES)
        ]
        self.size = [self.register(0x4A0 + 4 * n, f"SIZE.EPOUT[{n}]", mask=0) for n in range(8)]
        self.frame_counter = self.status(0x520, "FRAMECNTR", 0)

    def _flags(self, offset: int, name: str) -> Register:
        """Bits that writing 1 clears."""
        register = self.register(offset, name, mask=0)

        def clear(value: int) -> None:
            register.value &= ~value

        register.on_write = clear
        return register

    def _declare_control(self) -> None:
        self.enable = self.register(0x500, "ENABLE", mask=1)
        self.pullup = self.register(0x504, "USBPULLUP", mask=1)
        self.toggle_select = self.register(0x50C, "DTOGGLE", mask=0x387)
        self.in_enable = self.register(0x510, "EPINEN", 1, mask=0x1FF)
        self.out_enable = self.register(0x514, "EPOUTEN", 1, mask=0x1FF)
        self.stall_select = self.trigger(0x518, "EPSTALL", lambda value: None)
        self.register(0x51C, "ISOSPLIT", mask=0xFFFF)
        self.low_power = self.register(0x52C, "LOWPOWER", mask=1)

    def _declare_errata(self) -> None:
        """Errata 166 and 199; the registers have no names in the data sheet."""
        self._address_166 = self.register(0x800, "ERRATUM166.ADDRESS")
        self.register(0x804, "ERRATUM166.VALUE", on_write=self._write_166)
        self.erratum_199 = self.register(0xC1C, "ERRATUM199")

    def _write_166(self, value: int) -> None:
        self.erratum_166_done = (self._address_166.value, value) == (ADDRESS_166, VALUE_166)

    def _declare_dma(self, base: int, name: str) -> DmaRegisters:
        return DmaRegisters(
            self.register(base, f"{name}.PTR"),
            self.register(base + 4, f"{name}.MAXCNT", mask=0x7F),
            self.register(base + 8, f"{name}.AMOUNT", mask=0),
        )
