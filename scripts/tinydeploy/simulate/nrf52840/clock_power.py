"""CLOCK and POWER share a page at 0x40000000 (docs/boards/nano33.md, 1 and 5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.nrf52840.base import NrfBlock

BASE = 0x40000000
HFXO_START_S = 0.36e-3
LFXO_START_S = 0.25
LFRC_START_S = 0.6e-3
USB_REGULATOR_S = 1e-3  # VBUS to OUTPUTRDY; assumed
RUNNING, CRYSTAL = 1 << 16, 1


@dataclass
class Retained:
    """What survives a reset other than power-on."""

    reset_reason: int = 0
    gpregret: int = 0
    gpregret2: int = 0


class ClockPower(NrfBlock):
    """Oscillators, reset reason, retained bytes, DC/DC converter.

    Args:
        system_off: called when the firmware switches the chip off.
        vbus: whether USB has been supplying 5 V all the while.
        dcdc: whether the board has the inductor of the DC/DC converter.

    Attributes:
        on_vbus_lost, on_crystal_stop: called then, for the USBD.
    """

    def __init__(
        self,
        machine: Machine,
        retained: Retained,
        system_off: Callable[[], None],
        *,
        vbus: bool = False,
        dcdc: bool = True,
    ) -> None:
        super().__init__(machine, "CLOCK", BASE)
        self.vbus = self.output_ready = vbus
        self.on_vbus_lost: Callable[[], None] = lambda: None
        self.on_crystal_stop: Callable[[], None] = lambda: None
        self._vbus_lost_at = -machine.time.ticks(1.0)  # long ago
        self._retained = retained
        self._hfxo = False
        self._lfclk_source = 0
        self._lfclk_running = False
        self._system_off = system_off
        self._has_inductor = dcdc
        self._declare_clock()
        self._declare_power()

    @property
    def crystal_runs(self) -> bool:
        """Whether HFCLK comes from the crystal."""
        return self._hfxo

    @property
    def vbus_gone_s(self) -> float:
        """For how long there has been no VBUS."""
        time = self.machine.time
        return 0.0 if self.vbus else (time.now - self._vbus_lost_at) / time.tick_hz

    def set_vbus(self, present: bool) -> None:
        """USB begins or ceases to supply 5 V."""
        self.vbus, self.output_ready = present, False
        if present:
            self.happen("USBDETECTED")
            time = self.machine.time
            time.after(time.ticks(USB_REGULATOR_S), self._regulator_runs)
        else:
            self._vbus_lost_at = self.machine.time.now
            self.on_vbus_lost()
            self.happen("USBREMOVED")

    def _regulator_runs(self) -> None:
        if self.vbus:
            self.output_ready = True
            self.happen("USBPWRRDY")

    def leave_dcdc_on(self) -> None:
        """As the bootloader does."""
        self._dcdc.value = 1

    def leave_lfclk_running(self) -> None:
        """As the bootloader does: LFCLK from the crystal."""
        self._lfclk_source, self._lfclk_running = 1, True

    def _declare_clock(self) -> None:
        self.task(0x000, "HFCLKSTART", self._start_hfxo)
        self.task(0x004, "HFCLKSTOP", self._stop_hfxo)
        self.task(0x008, "LFCLKSTART", self._start_lfclk)
        self.task(0x00C, "LFCLKSTOP", self._stop_lfclk)
        for offset, name in ((0x100, "HFCLKSTARTED"), (0x104, "LFCLKSTARTED")):
            self.event(offset, name)
        for offset in (0x10C, 0x110, 0x538):  # erratum 36: start-up code clears them
            self.register(offset, f"ERRATUM36+{offset:03X}")
        self.status(0x40C, "HFCLKSTAT", lambda: RUNNING | (CRYSTAL if self._hfxo else 0))
        self.status(
            0x418,
            "LFCLKSTAT",
            lambda: self._lfclk_source | (RUNNING if self._lfclk_running else 0),
        )
        self._lfclksrc = self.register(
            0x518, "LFCLKSRC", mask=0x30003, on_write=self._check_stopped
        )
        self.register(0x55C, "TRACECONFIG", mask=0x30003, on_write=self._check_trace)

    def _declare_power(self) -> None:
        kept = self._retained
        for offset, name in ((0x11C, "USBDETECTED"), (0x120, "USBREMOVED"), (0x124, "USBPWRRDY")):
            self.event(offset, name)
        self.task(0x078, "CONSTLAT", lambda: None)
        self.task(0x07C, "LOWPWR", lambda: None)
        self.register(
            0x400,
            "RESETREAS",
            mask=0,
            on_read=lambda: kept.reset_reason,
            on_write=lambda value: setattr(kept, "reset_reason", kept.reset_reason & ~value),
        )
        for offset, name in ((0x51C, "gpregret"), (0x520, "gpregret2")):
            self._retained_byte(offset, name)
        self.trigger(0x500, "SYSTEMOFF", lambda value: self._system_off())
        self._dcdc = self.register(0x578, "DCDCEN", mask=1, on_write=self._check_dcdc)
        self.register(0x580, "DCDCEN0", mask=1)
        self.status(0x438, "USBREGSTATUS", lambda: self.vbus | self.output_ready << 1)
        self.register(0x558, "APPROTECT.DISABLE", mask=0xFF)

    def _check_dcdc(self, value: int) -> None:
        if value & 1 and not self._has_inductor:
            self.violate("DCDCEN", "the board has no inductor: the chip would lose its supply")

    def _retained_byte(self, offset: int, name: str) -> None:
        self.register(
            offset,
            name.upper(),
            mask=0,
            on_read=lambda: int(getattr(self._retained, name)),
            on_write=lambda value: setattr(self._retained, name, value & 0xFF),
        )

    def _start_hfxo(self) -> None:
        if self._hfxo:
            self.happen("HFCLKSTARTED")
        else:
            self.machine.time.after(self.machine.time.ticks(HFXO_START_S), self._hfxo_runs)

    def _hfxo_runs(self) -> None:
        self._hfxo = True
        self.happen("HFCLKSTARTED")

    def _stop_hfxo(self) -> None:
        self.on_crystal_stop()
        self._hfxo = False

    def _start_lfclk(self) -> None:
        seconds = LFXO_START_S if self._lfclksrc.value & 3 == 1 else LFRC_START_S
        if self._lfclk_running:
            seconds = 0
        self.machine.time.after(self.machine.time.ticks(seconds), self._lfclk_runs)

    def _lfclk_runs(self) -> None:
        self._lfclk_source, self._lfclk_running = self._lfclksrc.value & 3, True
        self.happen("LFCLKSTARTED")

    def _stop_lfclk(self) -> None:
        self._lfclk_running = False

    def _check_stopped(self, value: int) -> None:
        if self._lfclk_running:
            self.violate("LFCLKSRC", "may only change while LFCLK is stopped")

    def _check_trace(self, value: int) -> None:
        if value:
            self.violate("TRACECONFIG", "takes P1.00, the I2C pull-up: must stay 0")
