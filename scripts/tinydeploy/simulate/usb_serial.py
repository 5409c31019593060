"""The serial port that a host makes of a CDC-ACM device, with the interface of `SerialLine`."""

from __future__ import annotations

from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.usb_bus import Setup, UsbPort
from tinydeploy.simulate.usb_descriptors import COMMUNICATIONS
from tinydeploy.simulate.usb_host import State, UsbHost
from tinydeploy.simulate.usb_transfers import Transfer

SET_LINE_CODING, GET_LINE_CODING, SET_CONTROL_LINE_STATE = 0x20, 0x21, 0x22
TO_INTERFACE, FROM_INTERFACE = 0x21, 0xA1
DTR, RTS = 1, 2
FAST_BAUD = 921600  # only to tell when a read ends: USB moves packets, not characters


class UsbSerial:
    """A serial port over USB.

    Attributes:
        host: the host that it is on.
        received: what the device has sent and was not read yet.
        baud: as `SerialLine.baud`; the rate of the line coding is `rate`.
        is_open: opened by a program; only then data is fetched, as kernels do it.
    """

    def __init__(self, machine: Machine, port: UsbPort, rate: int) -> None:
        self.host = UsbHost(machine, port)
        self.received = bytearray()
        self.baud = float(FAST_BAUD)
        self.rate = rate
        self.is_open = True
        self.lines = DTR | RTS
        self._unsent = bytearray()
        self.host.on_configured = self._configured
        self.host.on_data = self.received.extend
        self.host.wants_data = lambda: self.is_open

    @property
    def busy(self) -> bool:
        """Whether something for the device is still on its way."""
        return bool(self._unsent) or self.host.busy

    @property
    def is_ready(self) -> bool:
        """Whether the device has been enumerated."""
        return self.host.state is State.CONFIGURED

    def send(self, data: bytes) -> None:
        """To the device; kept until there is one."""
        if self.is_ready:
            self.host.send(data)
        else:
            self._unsent += data

    def restart(self) -> None:
        """Go on after the chip was reset."""
        self.host.restart()

    def open(self, rate: int) -> None:
        """A program opens the port."""
        self.is_open, self.lines = True, DTR | RTS
        self.set_rate(rate)
        self._tell_lines()

    def close(self) -> None:
        """It closes it: DTR falls, what was not sent is forgotten."""
        self.is_open, self.lines = False, 0
        self._unsent.clear()
        self._tell_lines()

    def set_rate(self, rate: int) -> None:
        """Set the bit rate of the line coding."""
        self.rate = rate
        if self.is_ready:
            coding = line_coding(rate)
            self.host.submit(
                Transfer(self._setup(TO_INTERFACE, SET_LINE_CODING, length=len(coding)), coding)
            )

    def set_lines(self, *, dtr: bool, rts: bool) -> None:
        """Set the control lines."""
        self.lines = DTR * dtr | RTS * rts
        self._tell_lines()

    def _tell_lines(self) -> None:
        if self.is_ready:
            setup = self._setup(TO_INTERFACE, SET_CONTROL_LINE_STATE, value=self.lines)
            self.host.submit(Transfer(setup))

    def _configured(self) -> None:
        """A port that a program holds open is set up again when the device is back."""
        self.received.clear()
        if self.is_open:
            self.set_rate(self.rate)
            self._tell_lines()
            data, self._unsent = bytes(self._unsent), bytearray()
            self.host.send(data)

    def _setup(self, kind: int, request: int, value: int = 0, length: int = 0) -> Setup:
        configuration = self.host.configuration
        control = configuration.interface(COMMUNICATIONS) if configuration else None
        return Setup(kind, request, value, control.number if control else 0, length)


def line_coding(rate: int) -> bytes:
    """Eight bits, no parity, one stop bit (PSTN 1.2, 6.3.11)."""
    return rate.to_bytes(4, "little") + bytes((0, 0, 8))
