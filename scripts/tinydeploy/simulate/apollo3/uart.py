"""UART0: a PL011 with Ambiq's clock bits (docs/boards/sparkfun_edge.md, 3)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from tinydeploy.simulate.bus import Block
from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.serial_line import FRAME_BITS, SerialLine
from tinydeploy.simulate.timeline import Event

FIFO_BYTES = 32
CLOCK_HZ = {1: 24_000_000, 2: 12_000_000, 3: 6_000_000, 4: 3_000_000}
CR_ENABLE, CR_CLOCK_ENABLE, CR_LOOPBACK, CR_TX_ENABLE, CR_RX_ENABLE = 1, 8, 1 << 7, 1 << 8, 1 << 9
LCRH_FIFO, LCRH_LENGTH_8 = 1 << 4, 3 << 5
INT_TX_COMPLETE, INT_RX, INT_TX, INT_RX_TIMEOUT, INT_FRAMING, INT_OVERRUN = (
    1 << n for n in (0, 4, 5, 6, 7, 10)
)
FR_BUSY, FR_RX_EMPTY, FR_TX_FULL, FR_RX_FULL, FR_TX_EMPTY, FR_TX_BUSY = (
    1 << n for n in (3, 4, 5, 6, 7, 8)
)
DATA_FRAMING, DATA_OVERRUN = 1 << 8, 1 << 11
LEVEL_EIGHTHS = (1, 2, 4, 6, 7)  # trigger levels of IFLS
RX_TIMEOUT_BITS = 32


class Uart(Block):
    """One UART.

    Args:
        connected: tells whether the pad "TX" or "RX" is set up to reach the board's header.
    """

    def __init__(
        self,
        machine: Machine,
        name: str,
        base: int,
        irq: int,
        line: SerialLine,
        *,
        is_powered: Callable[[], bool],
        connected: Callable[[str], bool],
    ) -> None:
        super().__init__(machine, name, base, is_powered=is_powered)
        self._irq = irq
        self._line = line
        self._connected = connected
        self._rx: deque[int] = deque()
        self._tx: deque[int] = deque()
        self._tx_event: Event | None = None
        self._timeout: Event | None = None
        self._raw = 0
        self._overrun = False
        self._divider = 0  # in 1/64, as latched by LCRH
        self._declare()

    def _declare(self) -> None:
        self.register(0x00, "DR", mask=0, on_read=self._read_data, on_write=self._write_data)
        self.register(0x04, "RSR", mask=0xF)
        self.status(0x18, "FR", self._flags)
        self.register(0x20, "ILPR", mask=0xFF)
        self._integer = self.register(0x24, "IBRD", mask=0xFFFF)
        self._fraction = self.register(0x28, "FBRD", mask=0x3F)
        self._line_control = self.register(0x2C, "LCRH", mask=0xFF, on_write=self._latch)
        self._control = self.register(0x30, "CR", 0x300, mask=0xFFFF, on_write=self._check_control)
        self._levels = self.register(0x34, "IFLS", 0x12, mask=0x3F)
        self._enabled = self.register(0x38, "IER", mask=0x7FF, on_write=lambda v: self._update())
        self.status(0x3C, "IES", lambda: self._raw)
        self.status(0x40, "MIS", lambda: self._raw & self._enabled.value)
        self.trigger(0x44, "IEC", self._clear)

    def leave_running(self, baud: float) -> None:
        """As a loader may leave it: listening, with its receive interrupts on."""
        self._divider = round(4 * CLOCK_HZ[1] / baud)
        self._integer.value, self._fraction.value = divmod(self._divider, 64)
        self._line_control.value = LCRH_FIFO | LCRH_LENGTH_8
        self._control.value = CR_ENABLE | CR_CLOCK_ENABLE | 1 << 4 | CR_TX_ENABLE | CR_RX_ENABLE
        self._enabled.value = INT_RX | INT_RX_TIMEOUT

    # Configuration

    @property
    def _clock_hz(self) -> int | None:
        if not self._control.value & CR_CLOCK_ENABLE:
            return None
        return CLOCK_HZ.get(self._control.value >> 4 & 7)

    @property
    def _baud(self) -> float | None:
        """Bit rate in effect; None without clock or divider."""
        clock_hz = self._clock_hz
        if clock_hz is None or self._divider < 64:
            return None
        return 4 * clock_hz / self._divider

    def _latch(self, value: int) -> None:
        self._divider = 64 * self._integer.value + self._fraction.value
        if self._divider < 64:
            self.violate("LCRH", "written before IBRD and FBRD: it latches the divider, which is 0")
        if value & ~(LCRH_FIFO | LCRH_LENGTH_8) or value & LCRH_LENGTH_8 != LCRH_LENGTH_8:
            self.violate("LCRH", "only 8 bits, no parity, one stop bit are modelled")

    def _check_control(self, value: int) -> None:
        if value & CR_LOOPBACK or value >> 14 & 3:
            self.violate("CR", "loopback and flow control are not modelled")
        if value & CR_ENABLE and not (value & CR_CLOCK_ENABLE and value >> 4 & 7 in CLOCK_HZ):
            self.violate("CR", "enabled without clock: bit 3 and a clock in bits 6:4 are needed")

    def _can(self, direction: str, enable_bit: int) -> bool:
        """Whether the UART transmits or receives; says what keeps it from it."""
        stale = 64 * self._integer.value + self._fraction.value != self._divider
        for broken, register, rule in (
            (self._baud is None, "CR", "no clock (bits 3 and 6:4) or no divider: nothing moves"),
            (not self._control.value & CR_ENABLE, "CR", "the UART is not enabled (bit 0)"),
            (not self._control.value & enable_bit, "CR", f"{direction} is not enabled"),
            (stale, "LCRH", "must be written after IBRD and FBRD: the old divider is in effect"),
            (
                not self._connected(direction),
                f"pad of {direction}",
                "is not set to the UART's function (RX wants its input enabled)",
            ),
        ):
            if broken:
                self.violate(register, rule)
                return rule.startswith("must")
        return True

    @property
    def _depth(self) -> int:
        return FIFO_BYTES if self._line_control.value & LCRH_FIFO else 1

    def _level(self, shift: int) -> int:
        eighths = LEVEL_EIGHTHS[min(self._levels.value >> shift & 7, 4)]
        return max(1, self._depth * eighths // 8)

    # Interrupts

    def _request(self, bits: int) -> None:
        self._raw |= bits
        self._update()

    def _clear(self, bits: int) -> None:
        self._raw &= ~bits
        self._update()

    def _update(self) -> None:
        self.machine.exceptions.set_line(self._irq, bool(self._raw & self._enabled.value))

    def _flags(self) -> int:
        flags = FR_RX_EMPTY if not self._rx else 0
        flags |= FR_RX_FULL if len(self._rx) >= self._depth else 0
        flags |= FR_TX_FULL if len(self._tx) >= self._depth else 0
        flags |= FR_TX_EMPTY if not self._tx else 0
        return flags | (FR_BUSY | FR_TX_BUSY if self._tx_event else 0)

    # Receiver

    def receive_baud(self) -> float | None:
        """Bit rate of the receiver; None while it does not listen."""
        listens = self._control.value & CR_ENABLE and self._control.value & CR_RX_ENABLE
        return self._baud if listens and self._connected("RX") else None

    def room(self) -> int:
        """What is left of the FIFO once it is at most half full."""
        if self.receive_baud() is None or 2 * len(self._rx) > self._depth:
            return 0
        return self._depth - len(self._rx)

    def receive(self, byte: int, *, framing_error: bool) -> None:
        """A character arrived."""
        if len(self._rx) >= self._depth:
            self._overrun = True
            self._request(INT_OVERRUN)
            return
        status = (DATA_FRAMING if framing_error else 0) | (DATA_OVERRUN if self._overrun else 0)
        self._overrun = False
        self._rx.append(byte | status)
        if framing_error:
            self._request(INT_FRAMING)
        if len(self._rx) >= self._level(3):
            self._request(INT_RX)
        self._restart_timeout()

    def _restart_timeout(self) -> None:
        if self._timeout:
            self._timeout.cancel()
        self._timeout = None
        if self._rx and self._baud:
            ticks = self._line.byte_ticks(self._baud) * RX_TIMEOUT_BITS // FRAME_BITS
            self._timeout = self.machine.time.after(ticks, lambda: self._request(INT_RX_TIMEOUT))

    def _read_data(self) -> int:
        if not self._rx:
            return 0
        value = self._rx.popleft()
        if len(self._rx) < self._level(3):
            self._clear(INT_RX)
        if not self._rx:
            self._clear(INT_RX_TIMEOUT)
        self._restart_timeout()
        return value

    # Transmitter

    def _write_data(self, value: int) -> None:
        if not self._can("TX", CR_TX_ENABLE):
            return
        if len(self._tx) >= self._depth:
            self.violate("DR", "written while the transmit FIFO is full: the character is lost")
            return
        self._tx.append(value & 0xFF)
        if self._tx_event is None:
            self._shift_next()

    def _shift_next(self) -> None:
        """Move a character from the FIFO to the shift register."""
        baud = self._baud
        if not self._tx or baud is None:
            self._tx_event = None
            self._request(INT_TX_COMPLETE)
            return
        byte = self._tx.popleft()
        if len(self._tx) == self._level(0):
            self._request(INT_TX)

        def sent() -> None:
            self._line.transmit(byte, baud)
            self._shift_next()

        self._tx_event = self.machine.time.after(self._line.byte_ticks(baud), sent)
