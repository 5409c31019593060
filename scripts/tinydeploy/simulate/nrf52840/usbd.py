"""USBD: the full-speed USB device controller (docs/boards/nano33.md, 7).

What the sources leave open is decided to the firmware's disadvantage: toggles outlive a bus reset,
a transfer of EasyDMA that loses VBUS never ends, and data for a control transfer that a new SETUP
has ended is dropped. Isochronous endpoints and remote wake-up are not modelled: using them is a
violation. Accesses that are wrong only because of something on the bus that the firmware cannot
have seen yet (its event is still set) are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.nrf52840.clock_power import ClockPower
from tinydeploy.simulate.nrf52840.usbd_endpoints import InEndpoint, OutEndpoint, Stage
from tinydeploy.simulate.nrf52840.usbd_errata import Errata
from tinydeploy.simulate.nrf52840.usbd_line import UsbdLine
from tinydeploy.simulate.nrf52840.usbd_registers import ENDPOINTS, READY, RESUME, WAKE_UP_ALLOWED

READY_S = 100e-6  # ENABLE to READY; assumed
WAKE_UP_S = 50e-6  # LOWPOWER = 0 to USBWUALLOWED; assumed
VBUS_GRACE_S = 1e-3  # a cable pulled between the look at VBUS and the access is no fault
ISOCHRONOUS = 1 << 8


class Usbd(UsbdLine):
    """The controller as the firmware sees it.

    Args:
        power: has VBUS, the regulator and the crystal.
        errata: the registers around it that make it work.
    """

    def __init__(self, machine: Machine, power: ClockPower, errata: Errata) -> None:
        super().__init__(machine, power)
        self._errata = errata
        self._pulls = False
        power.on_vbus_lost = self._vbus_lost
        power.on_crystal_stop = self._crystal_stops
        self._declare_tasks()
        self._connect_registers()

    def _declare_tasks(self) -> None:
        for n in range(ENDPOINTS):
            self.task(0x004 + 4 * n, f"STARTEPIN[{n}]", partial(self._start_in, n))
            self.task(0x028 + 4 * n, f"STARTEPOUT[{n}]", partial(self._start_out, n))
        self.task(0x04C, "EP0RCVOUT", self._receive_out)
        self.task(0x050, "EP0STATUS", self._allow_status)
        self.task(0x054, "EP0STALL", self._stall_control)
        self.short("EP0DATADONE", 0, partial(self._start_in, 0))
        self.short("EP0DATADONE", 1, partial(self._start_out, 0))
        self.short("EP0DATADONE", 2, self._finish_control)
        self.short("ENDEPOUT[0]", 3, self._finish_control)
        self.short("ENDEPOUT[0]", 4, self._receive_out)

    def _connect_registers(self) -> None:
        self.enable.on_write = self._write_enable
        self.pullup.on_write = self._write_pullup
        self.low_power.on_write = self._write_low_power
        self.stall_select.on_write = self._write_stall
        self.toggle_select.on_write = self._write_toggle
        self.toggle_select.on_read = self._read_toggle
        self.in_enable.on_write = self._write_in_enable
        self.out_enable.on_write = self._write_out_enable
        for n in range(ENDPOINTS):
            self.size[n].on_read = partial(self._read_size, n)
            self.size[n].on_write = partial(self._arm, n)
            self.in_halted[n].on_read = partial(self._is_halted, self._in, n)
            self.out_halted[n].on_read = partial(self._is_halted, self._out, n)

    # Power

    def _write_enable(self, value: int) -> None:
        if not value & 1:
            self._switch_off()
            self.pullup.value = self.low_power.value = 0
            self._pulls = False
            return
        if not (self._errata.prepared_187 and self._errata.prepared_171):
            self.violate("ENABLE", "errata 187 and 171: 0x4006ED14 = 3 and 0x4006EC14 = 0xC0 first")
        if self._power.vbus_gone_s > VBUS_GRACE_S:
            self.violate("ENABLE", "there is no VBUS: wait for USBDETECTED")
        self.machine.time.after(self.machine.time.ticks(READY_S), self._become_ready)

    def _become_ready(self) -> None:
        if self.enable.value and self._power.vbus:
            self.ready = True
            self.cause(READY)

    def _switch_off(self) -> None:
        self.ready = self.suspended = False
        self._frames_since = None
        self._dma.cancel()
        self._drop_all()
        self.on_change()

    def _vbus_lost(self) -> None:
        self._switch_off()

    def _crystal_stops(self) -> None:
        if self.is_attached and not self.suspended:
            self.violate("HFCLKSTOP", "USB needs HFXO unless suspended, detached or without VBUS")

    def _write_pullup(self, value: int) -> None:
        if bool(value & 1) == self._pulls:
            return
        self._pulls = bool(value & 1)
        if self._pulls and self._power.vbus:
            self._check_pullup()
            self._watch_for_silence()
        self.on_change()

    def _check_pullup(self) -> None:
        needs = (
            (self.ready, "wait for READY in EVENTCAUSE first"),
            (self._errata.is_done, "errata 171 and 187: both registers back to 0, and locked"),
            (self.erratum_166_done, "erratum 166: 0x40027800 = 0x7E3, 0x40027804 = 0x40 first"),
            (self._power.output_ready, "wait for the regulator: USBPWRRDY or OUTPUTRDY"),
            (self._power.crystal_runs, "HFXO must run: USB needs its accuracy"),
        )
        for is_met, rule in needs:
            if not is_met:
                self.violate("USBPULLUP", rule)

    def _write_low_power(self, value: int) -> None:
        if value & 1:
            if not self.suspended and not self.event_cause.value & RESUME:
                self.violate("LOWPOWER", "only while the bus is suspended")
            if self._dma.is_busy:
                self.violate("LOWPOWER", "EasyDMA is busy: wait for its END event")
            return
        if not self._power.crystal_runs:
            self.violate("LOWPOWER", "HFXO must run before leaving it")
        if not self._errata.prepared_171:
            self.violate("LOWPOWER", "erratum 171: 0x4006EC14 = 0xC0 before leaving it")
        time = self.machine.time
        time.after(time.ticks(WAKE_UP_S), lambda: self.cause(WAKE_UP_ALLOWED))

    # Tasks

    def _operational(self, register: str) -> bool:
        """Whether a task can do anything; without VBUS it silently does nothing."""
        if not self._power.vbus:
            return False
        if not self.ready:
            self.violate(register, "no effect before READY; VBUS was lost? then ENABLE = 0 and 1")
        if self.low_power.value:
            self.violate(register, "no effect while LOWPOWER is 1")
        return self.ready and not self.low_power.value

    def _is_overtaken(self, *, by_setup: bool) -> bool:
        """Whether the host has ended what the firmware is about, which can't know it yet."""
        return self.has_happened("USBRESET") or (by_setup and self.has_happened("EP0SETUP"))

    def _start_in(self, n: int) -> None:
        if not self._operational(f"TASKS_STARTEPIN[{n}]"):
            return
        endpoint = self._in[n] if n else self._control
        is_void = self._is_overtaken(by_setup=n == 0)
        generation = -1 if is_void else endpoint.generation
        if not is_void:
            self._check_start_in(f"TASKS_STARTEPIN[{n}]", n)

        def done(data: bytes) -> None:
            if generation == endpoint.generation:
                endpoint.packet = data
                self.on_change()

        self._dma.load(n, done)

    def _check_start_in(self, task: str, n: int) -> None:
        control = self._control
        if n:
            if not self.in_enable.value >> n & 1:
                self.violate(task, "the endpoint is not enabled in EPINEN")
            if self._in[n].packet is not None:
                self.violate(task, "the host has not taken the last packet: wait for EPDATA")
            return
        if control.stage is not Stage.DATA or not control.setup.is_in:
            self.violate(task, "the control transfer has no data stage to the host")
        if control.packet is not None:
            self.violate(task, "the host has not taken the last packet: wait for EP0DATADONE")
        if control.sent + self.in_dma[0].count.value > control.setup.length:
            self.violate(task, f"the host asked for no more than {control.setup.length} bytes")

    def _start_out(self, n: int) -> None:
        if not self._operational(f"TASKS_STARTEPOUT[{n}]"):
            return
        endpoint = self._out[n] if n else self._control
        waiting = endpoint.waiting
        if waiting is None and not self._is_overtaken(by_setup=n == 0):
            self.violate(f"TASKS_STARTEPOUT[{n}]", "no packet has come: wait for EPDATA")

        def done() -> None:
            if waiting is not None and endpoint.waiting is waiting:
                endpoint.waiting = None
                self.on_change()

        self._dma.store(n, waiting or b"", done)

    def _receive_out(self) -> None:
        if not self._may_go_on("TASKS_EP0RCVOUT"):
            return
        control = self._control
        if control.setup.is_in or control.received >= control.setup.length:
            self.violate("TASKS_EP0RCVOUT", "the control transfer has no more data from the host")
        control.may_receive = True
        self.on_change()

    def _allow_status(self) -> None:
        if not self._may_go_on("TASKS_EP0STATUS"):
            return
        if self._control.sets_address:
            self.violate(
                "TASKS_EP0STATUS", "SET_ADDRESS is the hardware's alone: ignore it", warning=True
            )
        if not self._control.data_is_complete:
            self.violate("TASKS_EP0STATUS", "the data stage is not over")
        self._finish_control()

    def _finish_control(self) -> None:
        self._control.may_finish = True
        self.on_change()

    def _stall_control(self) -> None:
        if not self._operational("TASKS_EP0STALL") or self._is_overtaken(by_setup=True):
            return
        if self._control.stage is Stage.IDLE:
            self.violate("TASKS_EP0STALL", "no control transfer is going on")
        self._control.stall()
        self.on_change()

    def _may_go_on(self, task: str) -> bool:
        """Whether a task of endpoint 0 means the transfer that is going on."""
        if not self._operational(task) or self._is_overtaken(by_setup=True):
            return False
        if self._dma.is_busy:
            self.violate(task, "EasyDMA is busy: wait for its END event")
        going_on = self._control.stage in (Stage.DATA, Stage.STATUS)
        if not going_on and not self._control.sets_address:
            self.violate(task, "no control transfer is going on")
        return going_on

    # Endpoints

    def _write_in_enable(self, value: int) -> None:
        self._refuse_isochronous("EPINEN", value)
        for n in range(1, ENDPOINTS):
            if not value >> n & 1:
                self._in[n].drop()
        self.on_change()

    def _write_out_enable(self, value: int) -> None:
        self._refuse_isochronous("EPOUTEN", value)
        for n in range(1, ENDPOINTS):
            self._out[n].set_up_anew = True
            if not value >> n & 1:
                self._out[n].drop()
        self.on_change()

    def _refuse_isochronous(self, register: str, value: int) -> None:
        if value & ISOCHRONOUS:
            self.violate(register, "isochronous endpoints are not modelled")

    def _arm(self, n: int, value: int) -> None:
        """Any write to SIZE.EPOUT lets the next packet in, and drops one that waits."""
        endpoint = self._out[n]
        if n == 0 or not self.out_enable.value >> n & 1:
            return
        if endpoint.waiting is not None and not endpoint.set_up_anew:
            self.violate(f"SIZE.EPOUT[{n}]", "drops the packet that waits: STARTEPOUT first")
        if self._dma.is_busy:
            self.violate(f"SIZE.EPOUT[{n}]", "written while EasyDMA is busy")
        endpoint.waiting = None
        endpoint.armed = True
        self.on_change()

    def _read_size(self, n: int) -> int:
        if self._dma.is_busy:
            self.violate(f"SIZE.EPOUT[{n}]", "read while EasyDMA is busy")
        return self._out[n].size if n else self._control.size

    @staticmethod
    def _is_halted(endpoints: Sequence[InEndpoint | OutEndpoint], n: int) -> int:
        return int(endpoints[n].halted)

    def _write_stall(self, value: int) -> None:
        n, is_in = value & 7, bool(value & 0x80)
        if n == 0:
            self.violate("EPSTALL", "endpoint 0 is stalled by TASKS_EP0STALL")
            return
        endpoint = self._in[n] if is_in else self._out[n]
        endpoint.halted = bool(value & 0x100)
        if not is_in:
            self._out[n].set_up_anew = True
        self.on_change()

    def _write_toggle(self, value: int) -> None:
        n, is_in, toggle = value & 7, bool(value & 0x80), value >> 8 & 3
        if n == 0 and toggle:
            self.violate("DTOGGLE", "the toggles of endpoint 0 are the hardware's")
            return
        if toggle:
            endpoint = self._in[n] if is_in else self._out[n]
            endpoint.toggle = toggle - 1
            if not is_in:
                self._out[n].set_up_anew = True

    def _read_toggle(self) -> int:
        selected = self.toggle_select.value & 0x87
        n, is_in = selected & 7, bool(selected & 0x80)
        toggle = self._in[n].toggle if is_in else self._out[n].toggle
        return selected | (toggle + 1) << 8
