"""The USBD as the host sees it: what it answers on the bus."""

from __future__ import annotations

from collections.abc import Callable

from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.nrf52840.clock_power import ClockPower
from tinydeploy.simulate.nrf52840.usbd_dma import UsbdDma
from tinydeploy.simulate.nrf52840.usbd_endpoints import (
    ControlEndpoint,
    InEndpoint,
    OutEndpoint,
)
from tinydeploy.simulate.nrf52840.usbd_registers import (
    ENDPOINTS,
    RESUME,
    SUSPEND,
    UsbdRegisters,
)
from tinydeploy.simulate.timeline import Event
from tinydeploy.simulate.usb_bus import FRAME_S, Answer, Packet, Setup

SUSPEND_S = 3e-3  # of silence on the bus: USB 2.0, 7.1.7.6
SOF_INTERRUPT = 1 << 21


class UsbdLine(UsbdRegisters):
    """Implements `usb_bus.UsbDevice`.

    Attributes:
        ready: READY was signalled since it was enabled.
        suspended: the bus is silent, and the firmware was told.
    """

    def __init__(self, machine: Machine, power: ClockPower) -> None:
        super().__init__(machine)
        self.on_change: Callable[[], None] = lambda: None
        self.ready = False
        self.suspended = False
        self._power = power
        self._dma = UsbdDma(self)
        self._control = ControlEndpoint(self._data_done, self._set_address)
        self._in = [InEndpoint() for _ in range(ENDPOINTS)]
        self._out = [OutEndpoint() for _ in range(ENDPOINTS)]
        self._frames_since: int | None = None
        self._frame_seen = 0
        self._silence: Event | None = None
        self.frame_counter.on_read = lambda: self._frame() & 0x7FF
        start_of_frame = self.registers[0x154]
        start_of_frame.on_read = lambda: int(self._frame() > self._frame_seen)
        start_of_frame.on_write = self._clear_start_of_frame

    @property
    def is_attached(self) -> bool:
        """Whether the pull-up shows."""
        return bool(self.ready and self.pullup.value and self._power.vbus)

    @property
    def _hears(self) -> bool:
        return self.is_attached and self._power.crystal_runs and not self.low_power.value

    def bus_reset(self) -> None:
        """All endpoints but 0 are disabled, whatever was going on has ended."""
        if not self.is_attached:
            return
        self.frames(False)
        self._silence = self._cancelled(self._silence)
        self.suspended = False
        self.address.value = 0
        self.in_enable.value = self.out_enable.value = 1
        self._drop_all()
        self.happen("USBRESET")

    def frames(self, running: bool) -> None:
        """Starts of frame come, or the bus falls silent."""
        if running == (self._frames_since is not None):
            return
        self._frames_since = self.machine.time.now if running else None
        self._frame_seen = 0
        if running:
            self._silence = self._cancelled(self._silence)
            self._plan_start_of_frame()
        else:
            self._watch_for_silence()

    def bus_resume(self) -> None:
        """The host drives the bus to its resume state."""
        if self.suspended:
            self.suspended = False
            self.cause(RESUME)

    def setup(self, address: int, data: bytes) -> Answer:
        """A SETUP is always taken, and ends the transfer before it."""
        if not self._is_meant(address):
            return Answer.NOTHING
        for register, byte in zip(self.setup_bytes, data, strict=True):
            register.value = byte
        self._control.begin(Setup.unpack(data))
        self.happen("EP0SETUP")
        return Answer.ACK

    def take_in(self, address: int, endpoint: int) -> Packet | Answer:
        """An IN token."""
        if not self._is_meant(address) or not self.in_enable.value >> endpoint & 1:
            return Answer.NOTHING
        return self._in[endpoint].token() if endpoint else self._control.take_in()

    def acknowledge(self, endpoint: int) -> None:
        """The packet has arrived."""
        if endpoint:
            self._in[endpoint].acknowledged()
            self.data_transferred(endpoint)
        else:
            self._control.acknowledged()

    def give_out(self, address: int, endpoint: int, packet: Packet) -> Answer:
        """An OUT transaction."""
        if not self._is_meant(address) or not self.out_enable.value >> endpoint & 1:
            return Answer.NOTHING
        if not endpoint:
            return self._control.receive(packet)
        answer, is_new = self._out[endpoint].receive(packet)
        if is_new:
            self.data_transferred(16 + endpoint)
        return answer

    def _is_meant(self, address: int) -> bool:
        return self._hears and address == self.address.value

    def _data_done(self) -> None:
        self.happen("EP0DATADONE")

    def _set_address(self, address: int) -> None:
        self.address.value = address

    def _drop_all(self) -> None:
        self._control.reset()
        for to_host, to_device in zip(self._in, self._out, strict=True):
            to_host.drop()
            to_device.drop()

    # Frames and silence

    def _watch_for_silence(self) -> None:
        time = self.machine.time
        self._silence = self._cancelled(self._silence)
        self._silence = time.after(time.ticks(SUSPEND_S), self._fall_asleep)

    def _fall_asleep(self) -> None:
        self._silence = None
        if self.is_attached and self._frames_since is None and not self.suspended:
            self.suspended = True
            self.cause(SUSPEND)

    @staticmethod
    def _cancelled(event: Event | None) -> None:
        if event:
            event.cancel()

    def _frame(self) -> int:
        """Frames since they began."""
        if self._frames_since is None:
            return self._frame_seen
        time = self.machine.time
        return (time.now - self._frames_since) // time.ticks(FRAME_S)

    def _clear_start_of_frame(self, value: int) -> None:
        self._frame_seen = self._frame()
        self.update_line()

    def _plan_start_of_frame(self) -> None:
        """The simulator stops in each millisecond only where the interrupt is wanted."""
        if self._frames_since is not None and self._interrupts & SOF_INTERRUPT:
            time = self.machine.time
            ticks = time.ticks(FRAME_S)
            time.after(ticks - (time.now - self._frames_since) % ticks, self._start_of_frame)

    def _start_of_frame(self) -> None:
        if self._frames_since is not None:
            self.happen("SOF")
            self._plan_start_of_frame()

    def _set_interrupts(self, value: int) -> None:
        begins = value & ~self._interrupts & SOF_INTERRUPT
        super()._set_interrupts(value)
        if begins:
            self._plan_start_of_frame()
