"""SysTick: the core's own 24-bit down counter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydeploy.simulate import exceptions as exc
from tinydeploy.simulate.timeline import Event

if TYPE_CHECKING:
    from tinydeploy.simulate.bus import Block
    from tinydeploy.simulate.machine import Machine

ENABLE, TICKINT, COUNTFLAG = 1, 2, 1 << 16
MAXIMUM = 0xFFFFFF


class SysTick:
    """Counts core clocks down from the reload value; zero sets COUNTFLAG and may interrupt."""

    def __init__(self, machine: Machine, block: Block) -> None:
        self._machine = machine
        self._control = block.register(
            0x10,
            "SYST_CSR",
            0x4,
            mask=0x7,
            on_read=self._read_control,
            on_write=self._write_control,
        )
        self._reload = block.register(0x14, "SYST_RVR", mask=MAXIMUM)
        block.register(0x18, "SYST_CVR", mask=0, on_read=self._value, on_write=self._clear)
        block.status(0x1C, "SYST_CALIB", 0xC0000000)
        self._zero_at = 0
        self._stopped_value = 0
        self._flag = False
        self._event: Event | None = None

    def _rate(self) -> int:
        return self._machine.time.ticks_per_cycle

    def _value(self) -> int:
        if not self._control.value & ENABLE:
            return self._stopped_value
        remaining = max(0, self._zero_at - self._machine.time.now)
        return min(remaining // self._rate(), MAXIMUM)

    def _read_control(self) -> int:
        value = self._control.value | (COUNTFLAG if self._flag else 0)
        self._flag = False
        return value

    def _write_control(self, value: int) -> None:
        if self._event:
            self._stopped_value = max(0, self._zero_at - self._machine.time.now) // self._rate()
            self._event.cancel()
            self._event = None
        if value & ENABLE:
            self._start(self._stopped_value or self._reload.value)

    def _clear(self, value: int) -> None:
        self._flag = False
        self._stopped_value = 0
        if self._event:
            self._event.cancel()
            self._start(self._reload.value)

    def _start(self, count: int) -> None:
        if not self._reload.value:
            return
        ticks = (count + 1) * self._rate()
        self._zero_at = self._machine.time.now + ticks
        self._event = self._machine.time.after(ticks, self._reach_zero)

    def _reach_zero(self) -> None:
        self._flag = True
        if self._control.value & TICKINT:
            self._machine.exceptions.pend(exc.SYS_TICK)
        ticks = (self._reload.value + 1) * self._rate()
        late = self._machine.time.now - self._zero_at
        self._zero_at += ticks
        self._event = self._machine.time.after(max(1, ticks - late), self._reach_zero)
