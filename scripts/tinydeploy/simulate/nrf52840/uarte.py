"""UARTE: UART with EasyDMA (docs/boards/nano33.md, 4)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.nrf52840.base import NrfBlock
from tinydeploy.simulate.serial_line import SerialLine
from tinydeploy.simulate.timeline import Event

ENABLED, DISCONNECTED = 8, 0xFFFFFFFF
FIFO_BYTES = 4  # 4 or 5 (docs/boards/nano33.md, 4): only 4 are safe to rely on
OVERRUN, FRAMING = 1, 4
BAUD = {
    0x0004F000: 1200,
    0x0009D000: 2400,
    0x0013B000: 4800,
    0x00275000: 9600,
    0x003AF000: 14400,
    0x004EA000: 19200,
    0x0075C000: 28800,
    0x00800000: 31250,
    0x009D0000: 38400,
    0x00E50000: 56000,
    0x00EB0000: 57600,
    0x013A9000: 76800,
    0x01D60000: 115200,
    0x03B00000: 230400,
    0x04000000: 250000,
    0x07400000: 460800,
    0x0F000000: 921600,
    0x10000000: 1000000,
}
EVENTS = {
    0x100: "CTS",
    0x104: "NCTS",
    0x108: "RXDRDY",
    0x110: "ENDRX",
    0x11C: "TXDRDY",
    0x120: "ENDTX",
    0x124: "ERROR",
    0x144: "RXTO",
    0x14C: "RXSTARTED",
    0x150: "TXSTARTED",
    0x158: "TXSTOPPED",
}


class Uarte(NrfBlock):
    """One UARTE.

    Args:
        line: the wire to the host, or None if no pin of this UARTE leads to it.
        pins: (TXD, RXD) values of PSEL that the wire is soldered to.
        crystal_runs: whether HFXO is on; without it the bit rate is off by up to some percent.
    """

    def __init__(
        self,
        machine: Machine,
        name: str,
        base: int,
        line: SerialLine,
        pins: tuple[int, int],
        crystal_runs: Callable[[], bool],
    ) -> None:
        super().__init__(machine, name, base)
        self._line = line
        self._tx_pin, self._rx_pin = pins
        self._crystal_runs = crystal_runs
        self._fifo: deque[int] = deque()
        self._listening = False
        self._rx_open: tuple[int, int] | None = None  # latched address and size
        self._is_left_armed = False  # the open buffer is the bootloader's
        self._rx_count = 0
        self._tx_event: Event | None = None
        self._tx_sent = 0
        self._tx_range = (0, 0)
        self._declare()

    def _declare(self) -> None:
        self.task(0x000, "STARTRX", self._start_rx)
        self.task(0x004, "STOPRX", self._stop_rx)
        self.task(0x008, "STARTTX", self._start_tx)
        self.task(0x00C, "STOPTX", self._stop_tx)
        self.task(0x02C, "FLUSHRX", self._flush_rx)
        for offset, name in EVENTS.items():
            self.event(offset, name)
        self.short("ENDRX", 5, self._start_rx)
        self.short("ENDRX", 6, self._stop_rx)
        self._error = self.register(0x480, "ERRORSRC", mask=0, on_write=self._clear_errors)
        self._enable = self.register(0x500, "ENABLE", mask=0xF, on_write=self._write_enable)
        self._psel = {
            name: self.register(offset, f"PSEL.{name}", DISCONNECTED, on_write=self._check_disabled)
            for offset, name in ((0x508, "RTS"), (0x50C, "TXD"), (0x510, "CTS"), (0x514, "RXD"))
        }
        self._baudrate = self.register(0x524, "BAUDRATE", 0x04000000, on_write=self._write_baudrate)
        self._rx_pointer = self.register(0x534, "RXD.PTR")
        self._rx_maximum = self.register(0x538, "RXD.MAXCNT", mask=0xFFFF)
        self._rx_amount = self.register(0x53C, "RXD.AMOUNT", mask=0)
        self._tx_pointer = self.register(0x544, "TXD.PTR")
        self._tx_maximum = self.register(0x548, "TXD.MAXCNT", mask=0xFFFF)
        self._tx_amount = self.register(0x54C, "TXD.AMOUNT", mask=0)
        self._config = self.register(0x56C, "CONFIG", mask=0x1F, on_write=self._write_config)

    # Configuration

    @property
    def is_enabled(self) -> bool:
        """Whether ENABLE selects the UARTE."""
        return self._enable.value == ENABLED

    def leave_armed(self, baudrate: int, buffer: int, size: int) -> None:
        """The state in which a bootloader leaves it: enabled, with a receive buffer armed."""
        self._psel["TXD"].value = self._tx_pin
        self._psel["RXD"].value = self._rx_pin
        self._baudrate.value = baudrate
        self._enable.value = ENABLED
        self._rx_pointer.value = buffer
        self._rx_maximum.value = size
        self._listening = True
        self._rx_open = (buffer, size)
        self._is_left_armed = True

    def owns(self, pin: int) -> bool:
        """Whether an enabled UARTE drives this pin."""
        return self.is_enabled and self._psel["TXD"].value == pin

    def _check_disabled(self, value: int) -> None:
        if self.is_enabled:
            self.violate("PSEL", "pins may only change while ENABLE is 0")

    def _write_enable(self, value: int) -> None:
        if value not in (0, ENABLED):
            self.violate("ENABLE", f"{value} does not select the UARTE: 8 does")
        if value == 0:
            self._listening = False
            self._rx_open = None
            self._fifo.clear()

    def _write_baudrate(self, value: int) -> None:
        if value not in BAUD:
            self.violate("BAUDRATE", f"{value:#010x} is not in the table of bit rates")

    def _write_config(self, value: int) -> None:
        if value:
            self.violate("CONFIG", "parity, flow control and two stop bits are not modelled")

    def _clear_errors(self, value: int) -> None:
        self._error.value &= ~value

    def _ready_for(self, task: str, pin: str, wired: int) -> bool:
        if not self.is_enabled:
            self.violate(f"TASKS_{task}", "has no effect while ENABLE is not 8")
            return False
        if self._psel[pin].value != wired:
            self.violate(
                f"PSEL.{pin}", f"is {self._psel[pin].value:#x}, the board has it on {wired}"
            )
        if not self._crystal_runs():
            self.violate(
                f"TASKS_{task}",
                "HFXO is not running: the bit rate follows the RC oscillator",
                warning=True,
            )
        return True

    def _is_ram(self, pointer: int, size: int, register: str) -> bool:
        if self.machine.memory.is_ram(pointer, size):
            return True
        self.violate(register, f"EasyDMA reaches RAM only, not {pointer:#010x}")
        return False

    # Receiver

    def receive_baud(self) -> float | None:
        """Bit rate of the receiver; None while it does not listen."""
        if not self._listening or self._psel["RXD"].value != self._rx_pin:
            return None
        return BAUD.get(self._baudrate.value)

    def room(self) -> int:
        """What is left of the open buffer and of the FIFO after it; 0 until the firmware has
        opened a buffer and handled the last one."""
        if self._rx_open is None or self.has_happened("ENDRX"):
            return 0
        if self._is_left_armed:  # what the FIFO took would be lost when the firmware restarts
            return 1
        return self._rx_open[1] - self._rx_count + FIFO_BYTES - len(self._fifo)

    def receive(self, byte: int, *, framing_error: bool) -> None:
        """A character arrived: into the FIFO, and on to RAM if a buffer is open."""
        if framing_error:
            self._fail(FRAMING)
        if len(self._fifo) >= FIFO_BYTES:
            self._fail(OVERRUN)
            return
        self._fifo.append(byte)
        self.happen("RXDRDY")
        self._drain()

    def _fail(self, error: int) -> None:
        self._error.value |= error
        self.happen("ERROR")

    def _start_rx(self) -> None:
        if not self._ready_for("STARTRX", "RXD", self._rx_pin):
            return
        if self._rx_open is not None:
            self.violate("TASKS_STARTRX", "the present buffer is not full yet")
            return
        pointer, size = self._rx_pointer.value, self._rx_maximum.value
        if not self._is_ram(pointer, size, "RXD.PTR"):
            return
        self._listening = True
        self._is_left_armed = False
        self._rx_open = (pointer, size)
        self._rx_count = 0
        self.happen("RXSTARTED")
        self._drain()

    def _drain(self) -> None:
        """Move characters from the FIFO to the open buffer; a full one ends."""
        while self._rx_open and (self._fifo or not self._rx_open[1]):
            pointer, size = self._rx_open
            if self._rx_count < size:
                self.machine.memory.write(pointer + self._rx_count, bytes([self._fifo.popleft()]))
                self._rx_count += 1
            if self._rx_count >= size:
                self._end_rx()

    def _end_rx(self) -> None:
        self._rx_amount.value = self._rx_count
        self._rx_open = None
        self.happen("ENDRX")

    def _stop_rx(self) -> None:
        if not self._listening:
            return
        if self._rx_open:
            self._end_rx()
        baud = BAUD.get(self._baudrate.value, 1000000)
        self.machine.time.after(self._line.byte_ticks(baud), self._time_out)

    def _time_out(self) -> None:
        self._listening = False
        self.happen("RXTO")

    def _flush_rx(self) -> None:
        pointer, size = self._rx_pointer.value, self._rx_maximum.value
        if self._fifo and self._is_ram(pointer, size, "RXD.PTR"):
            flushed = bytes(self._fifo)[:size]
            for _ in flushed:
                self._fifo.popleft()
            self.machine.memory.write(pointer, flushed)
            self._rx_amount.value = len(flushed)
        self.happen("ENDRX")

    # Transmitter

    def _start_tx(self) -> None:
        if not self._ready_for("STARTTX", "TXD", self._tx_pin):
            return
        if self._tx_event:
            self.violate("TASKS_STARTTX", "a transfer is running: wait for ENDTX")
            return
        pointer, size = self._tx_pointer.value, self._tx_maximum.value
        if not self._is_ram(pointer, size, "TXD.PTR"):
            return
        self._tx_range = (pointer, size)
        self._tx_sent = 0
        self.happen("TXSTARTED")
        self._send_soon()

    def _send_soon(self) -> None:
        """The next character once its time has passed; on a fast line all that are left, or the
        firmware's wait for the end would take longer to simulate than all the rest."""
        count = self._tx_range[1] - self._tx_sent if self._line.fast else 1
        ticks = self._line.byte_ticks(BAUD.get(self._baudrate.value, 1000000))
        self._tx_event = self.machine.time.after(ticks, lambda: self._send(count))

    def _send(self, count: int) -> None:
        self._tx_event = None
        pointer, size = self._tx_range
        sent = self.machine.read(pointer + self._tx_sent, count) if self._tx_sent < size else b""
        self._tx_sent += len(sent)
        self._put_on_wire(sent)
        if sent:
            self.happen("TXDRDY")
        if self._tx_sent < size:
            self._send_soon()
            return
        self._tx_amount.value = self._tx_sent
        self.happen("ENDTX")

    def _put_on_wire(self, characters: bytes) -> None:
        baud = BAUD.get(self._baudrate.value)
        if baud and self._psel["TXD"].value == self._tx_pin:
            for character in characters:
                self._line.transmit(character, baud)

    def _stop_tx(self) -> None:
        if self._tx_event:
            self._tx_event.cancel()
            self._tx_event = None
            self._tx_amount.value = self._tx_sent
            self.happen("ENDTX")
        self.happen("TXSTOPPED")
