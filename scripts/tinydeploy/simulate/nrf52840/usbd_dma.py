"""EasyDMA of the USBD: one at a time, RAM only, at most a packet (docs/boards/nano33.md, 7)."""

from __future__ import annotations

from collections.abc import Callable

from tinydeploy.simulate.nrf52840.usbd_registers import DmaRegisters, UsbdRegisters
from tinydeploy.simulate.timeline import Event
from tinydeploy.simulate.usb_bus import PACKET_BYTES

SETTLE_S = 1e-6
BYTES_PER_S = 16e6  # a byte in each cycle of the peripheral's clock: an assumption
WORKAROUND_199 = 0x82


class UsbdDma:
    """Moves packets between RAM and the endpoints."""

    def __init__(self, usbd: UsbdRegisters) -> None:
        self._usbd = usbd
        self._time = usbd.machine.time
        self._event: Event | None = None
        self._what = ""
        usbd.erratum_199.on_write = self._write_199

    @property
    def is_busy(self) -> bool:
        """Whether a transfer has not ended yet."""
        return self._event is not None

    def cancel(self) -> None:
        """Switched off, or VBUS lost: the transfer never ends."""
        if self._event:
            self._event.cancel()
            self._event = None

    def load(self, endpoint: int, done: Callable[[bytes], None]) -> None:
        """STARTEPIN: RAM to endpoint; `done` gets the packet before ENDEPIN happens."""
        registers = self._usbd.in_dma[endpoint]
        where = registers.pointer.value, registers.count.value

        def finish() -> None:
            done(self._usbd.machine.read(*where))

        self._start(f"EPIN[{endpoint}]", registers, endpoint, registers.count.value, finish)

    def store(self, endpoint: int, data: bytes, done: Callable[[], None]) -> None:
        """STARTEPOUT: endpoint to RAM; `done` is called before ENDEPOUT happens."""
        registers = self._usbd.out_dma[endpoint]
        if len(data) > registers.count.value:
            self._usbd.violate(
                f"EPOUT[{endpoint}].MAXCNT", f"a packet of {len(data)} bytes waits: copy SIZE.EPOUT"
            )
        data, pointer = data[: registers.count.value], registers.pointer.value

        def finish() -> None:
            self._usbd.machine.write(pointer, data)
            done()

        self._start(f"EPOUT[{endpoint}]", registers, 16 + endpoint, len(data), finish)

    def _start(
        self, name: str, registers: DmaRegisters, bit: int, size: int, finish: Callable[[], None]
    ) -> None:
        if not self._may_start(name, registers):
            return
        self._what = name
        self._usbd.captured.value |= 1 << bit
        self._usbd.happen("STARTED")

        def end() -> None:
            self._event = None
            registers.amount.value = size
            finish()
            self._usbd.happen(f"END{name}")

        self._event = self._time.after(self._time.ticks(SETTLE_S + size / BYTES_PER_S), end)

    def _may_start(self, name: str, registers: DmaRegisters) -> bool:
        usbd, count = self._usbd, registers.count.value
        if self._event:
            usbd.violate(f"TASKS_START{name}", f"EasyDMA of {self._what} has not ended yet")
            return False
        if usbd.erratum_199.value != WORKAROUND_199:
            usbd.violate(f"TASKS_START{name}", "erratum 199: 0x40027C1C = 0x82 first")
        if count > PACKET_BYTES:
            usbd.violate(f"{name}.MAXCNT", f"{count} is more than a packet of {PACKET_BYTES} bytes")
            return False
        pointer = registers.pointer.value
        if count and not usbd.machine.memory.is_ram(pointer, count):
            usbd.violate(f"{name}.PTR", f"EasyDMA reaches RAM only, not {pointer:#010x}")
            return False
        return True

    def _write_199(self, value: int) -> None:
        if self._event and value != WORKAROUND_199:
            self._usbd.violate("ERRATUM199", f"EasyDMA of {self._what} has not ended yet")
