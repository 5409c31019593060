"""A USBD with a host at its cable, and a serial port written in Python against its registers.

The port (`Driver`) does what firmware does, through reads and writes of words only, so that model
and host are tested without any firmware.
"""

from __future__ import annotations

from collections.abc import Callable

from tinydeploy.simulate.machine import Machine, Memory
from tinydeploy.simulate.nrf52840.clock_power import ClockPower, Retained
from tinydeploy.simulate.nrf52840.usbd import Usbd
from tinydeploy.simulate.nrf52840.usbd_errata import Errata
from tinydeploy.simulate.usb_bus import UsbPort
from tinydeploy.simulate.usb_serial import UsbSerial

RAM = Memory(0x20000000, 0x1000)
POLL_S = 10e-6  # how often the driver looks
BUFFER = RAM.origin
EVENT_RESET, EVENT_CAUSE, EVENT_SETUP, EVENT_DATA = 0x100, 0x158, 0x15C, 0x160
EVENT_DATA_DONE = 0x128
ENABLE, PULLUP, IN_ENABLE, OUT_ENABLE, STALL, TOGGLE = 0x500, 0x504, 0x510, 0x514, 0x518, 0x50C
EVENT_CAUSES, DATA_STATUS, LOW_POWER = 0x400, 0x46C, 0x52C
SUSPEND, RESUME, WOKEN, READY = 0x100, 0x200, 0x400, 0x800
RECEIVE, STATUS, REFUSE = 0x04C, 0x050, 0x054
WORKAROUND = 0xC1C
KEY = 0x9375
IN, OUT = 2, 2  # the bulk endpoints
TEXTS = ("", "Arduino", "Nano 33 BLE", "0000D00DC0FFEE01")

DEVICE = bytes.fromhex("12 01 00 02 ef 02 01 40 41 23 5a 80 01 01 01 02 03 01")
CONFIGURATION = bytes.fromhex(
    "09 02 4b 00 02 01 00 80 32 08 0b 00 02 02 02 00 00 09 04 00 00 01 02 02 00 00"
    "05 24 00 10 01 05 24 01 00 01 04 24 02 06 05 24 06 00 01 07 05 81 03 10 00 10"
    "09 04 01 00 02 0a 00 00 00 07 05 02 02 40 00 00 07 05 82 02 40 00 00"
)


class Bench:
    """Chip without a CPU: USBD, POWER, errata registers, connector, host."""

    def __init__(self, *, strict: bool = True) -> None:
        self.machine = Machine([RAM], strict=strict, native=False)
        self.machine.halt()
        self.power = ClockPower(self.machine, Retained(), lambda: None)
        self.errata = Errata(self.machine)
        self.usbd = Usbd(self.machine, self.power, self.errata)
        self.port = UsbPort()
        self.port.connect(self.usbd, self.power.set_vbus)
        self.serial = UsbSerial(self.machine, self.port, 115200)
        self.host = self.serial.host

    def run(self, seconds: float, wanted: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass until `wanted()`; whether it was."""
        self.machine.run(self.machine.time.now + self.machine.time.ticks(seconds), wanted)
        return wanted()

    def r(self, offset: int) -> int:
        """Read a register of USBD."""
        return self.usbd.read(offset, 4)

    def w(self, offset: int, value: int = 1) -> None:
        """Write a register of USBD."""
        self.usbd.write(offset, 4, value)

    def take_event(self, offset: int) -> bool:
        """Clear an event; whether it was set."""
        happened = bool(self.r(offset))
        if happened:
            self.w(offset, 0)
        return happened

    def erratum(self, offset: int, value: int) -> None:
        """Write one of the locked registers."""
        self.errata.write(0xC00, 4, KEY)
        self.errata.write(offset, 4, value)
        self.errata.write(0xC00, 4, KEY)

    def start_crystal(self) -> None:
        """HFXO, and wait for it."""
        self.power.write(0x000, 4, 1)
        assert self.run(0.01, lambda: self.power.crystal_runs)

    def enable(self) -> None:
        """The sequence of docs/boards/nano33.md, 7 up to READY and the errata after it."""
        self.w(EVENT_CAUSES, READY)
        self.erratum(0xD14, 3)
        self.erratum(0xC14, 0xC0)
        self.w(ENABLE)
        assert self.run(0.01, lambda: bool(self.r(EVENT_CAUSES) & READY))
        self.w(EVENT_CAUSES, READY)
        self.erratum(0xC14, 0)
        self.erratum(0xD14, 0)
        self.w(0x800, 0x7E3)
        self.w(0x804, 0x40)

    def attach(self) -> None:
        """From the plugged cable to the pull-up."""
        self.start_crystal()
        self.enable()
        assert self.run(0.01, lambda: self.power.read(0x438, 4) == 3)
        self.w(PULLUP)

    def start_in(self, n: int, data: bytes) -> None:
        """STARTEPIN with `data`; does not wait for its end."""
        self.machine.write(BUFFER, data)
        self.w(0x600 + 0x14 * n, BUFFER)
        self.w(0x604 + 0x14 * n, len(data))
        self.w(WORKAROUND, 0x82)
        self.w(0x004 + 4 * n)

    def start_out(self, n: int, size: int) -> None:
        """STARTEPOUT; does not wait for its end."""
        self.w(0x700 + 0x14 * n, BUFFER)
        self.w(0x704 + 0x14 * n, size)
        self.w(WORKAROUND, 0x82)
        self.w(0x028 + 4 * n)

    def await_end(self, offset: int) -> None:
        """Wait for END of a transfer, and take erratum 199 back."""
        assert self.run(0.001, lambda: bool(self.r(offset)))
        self.w(offset, 0)
        self.w(WORKAROUND, 0)


class Driver:
    """A CDC-ACM device that echoes; works in steps, each looking at all events.

    Attributes:
        log: what it was told, in order.
        paused: looks at nothing.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.log: list[str] = []
        self.line_coding = bytes(7)
        self.lines = 0
        self.sent = bytearray()
        self.received = bytearray()
        self.outgoing = bytearray()
        self.echoes = True
        self.paused = False
        self._reply: list[bytes] = []
        self._receiving = False
        self._in_flight = False
        self._out_waiting = False
        self._moving: Callable[[], None] | None = None
        self._end = 0
        self._poll()

    def _poll(self) -> None:
        if not self.paused:
            self._step()
        time = self.bench.machine.time
        time.after(time.ticks(POLL_S), self._poll)

    def _step(self) -> None:
        b = self.bench
        if self._moving:
            if b.take_event(self._end):
                b.w(WORKAROUND, 0)
                done, self._moving = self._moving, None
                done()
            return
        if b.take_event(EVENT_RESET):
            self._bus_reset()
        elif b.take_event(EVENT_CAUSE):
            causes = b.r(EVENT_CAUSES)
            b.w(EVENT_CAUSES, causes)
            names = ((SUSPEND, "suspend"), (RESUME, "resume"))
            self.log += [name for bit, name in names if causes & bit]
        elif b.take_event(EVENT_SETUP):
            b.w(EVENT_DATA_DONE, 0)
            self._take_setup()
        elif b.take_event(EVENT_DATA_DONE):
            self._control_data()
        else:
            self._data()

    def _bus_reset(self) -> None:
        self.log.append("reset")
        self._reply, self._receiving, self._in_flight, self._out_waiting = [], False, False, False
        self.outgoing.clear()
        for register in (EVENT_DATA_DONE, EVENT_DATA):
            self.bench.w(register, 0)
        self.bench.w(DATA_STATUS, 0xFFFFFFFF)

    def _move(self, end: int, done: Callable[[], None]) -> None:
        self._moving, self._end = done, end

    # Requests

    def _take_setup(self) -> None:
        b = self.bench
        raw = bytes(b.r(0x480 + 4 * n) for n in range(8))
        kind, request, length = raw[0], raw[1], int.from_bytes(raw[6:], "little")
        value = int.from_bytes(raw[2:4], "little")
        self.log.append(f"{kind:02x} {request:02x} {value:04x}")
        self._receiving = False
        if (kind, request) == (0, 5):
            return
        reply = self._answer(kind, request, value)
        if kind & 0x80 and reply is not None:
            reply = reply[:length]
            self._reply = [reply[at : at + 64] for at in range(0, len(reply), 64)]
            self._send_reply()
        elif (kind, request) == (0x21, 0x20) and length == 7:
            self._receiving = True
            b.w(RECEIVE)
        else:
            b.w(STATUS if reply == b"" and not length else REFUSE)

    def _answer(self, kind: int, request: int, value: int) -> bytes | None:
        if (kind, request) == (0x80, 6):
            return self._descriptor(value >> 8, value & 0xFF)
        if (kind, request) == (0, 9):
            self._configure()
            return b""
        if (kind, request) == (0x21, 0x22):
            self.lines = value
            return b""
        if (kind, request) == (2, 1):
            self._open_endpoints()
            return b""
        return self.line_coding if (kind, request) == (0xA1, 0x21) else None

    def _descriptor(self, kind: int, index: int) -> bytes | None:
        if kind == 3 and index < len(TEXTS):
            text = TEXTS[index].encode("utf-16-le") if index else b"\x09\x04"
            return bytes([2 + len(text), 3]) + text
        return {1: DEVICE, 2: CONFIGURATION}.get(kind)

    def _send_reply(self) -> None:
        self.bench.start_in(0, self._reply.pop(0))
        self._move(0x108, lambda: None)

    def _control_data(self) -> None:
        b = self.bench
        if self._receiving:
            size = b.r(0x4A0)
            b.start_out(0, size)
            self._move(0x130, lambda: self._line_coding_came(size))
        elif self._reply:
            self._send_reply()
        else:
            b.w(STATUS)

    def _line_coding_came(self, size: int) -> None:
        self._receiving = False
        self.line_coding = self.bench.machine.read(BUFFER, size)
        self.bench.w(STATUS)

    # Data

    def _configure(self) -> None:
        self.bench.w(IN_ENABLE, 1 | 1 << 1 | 1 << IN)
        self.bench.w(OUT_ENABLE, 1 | 1 << OUT)
        self._open_endpoints()

    def _open_endpoints(self) -> None:
        for address in (0x80 | IN, OUT):
            self.bench.w(STALL, address)
            self.bench.w(TOGGLE, 0x100 | address)
        self.bench.w(0x4A0 + 4 * OUT, 0)

    def _data(self) -> None:
        b = self.bench
        if b.take_event(EVENT_DATA):
            status = b.r(DATA_STATUS)
            b.w(DATA_STATUS, status)
            self._in_flight &= not status & 1 << IN
            self._out_waiting |= bool(status & 1 << 16 + OUT)
        if self._out_waiting:
            self._out_waiting = False
            size = b.r(0x4A0 + 4 * OUT)
            b.start_out(OUT, size)
            self._move(0x130 + 4 * OUT, lambda: self._data_came(size))
        elif self.outgoing and not self._in_flight:
            packet = bytes(self.outgoing[:64])
            del self.outgoing[:64]
            self._in_flight = True
            b.start_in(IN, packet)
            self._move(0x108 + 4 * IN, lambda: None)

    def _data_came(self, size: int) -> None:
        data = self.bench.machine.read(BUFFER, size)
        self.received += data
        if self.echoes:
            self.outgoing += data


def running() -> tuple[Bench, Driver]:
    """A bench whose driver has been enumerated and opened."""
    bench = Bench()
    bench.host.plug()
    bench.attach()
    driver = Driver(bench)
    assert bench.run(1.0, lambda: driver.lines == 3)
    return bench, driver
