"""RSTGEN, WDT, STIMER (docs/boards/sparkfun_edge.md, 1.6 and 4)."""

from __future__ import annotations

from collections.abc import Callable

from tinydeploy.simulate.bus import Block
from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.timeline import Event

SOFTWARE_POI_KEY, SOFTWARE_POR_KEY, WATCHDOG_FEED_KEY = 0x1B, 0xD4, 0xB2
WATCHDOG_HZ = {1: 128.0, 2: 16.0, 3: 1.0, 4: 1 / 16}
STIMER_HZ = {1: 3e6, 2: 187.5e3, 3: 32768.0, 4: 16384.0, 5: 1024.0, 6: 1024.0}
STIMER_CLEAR, STIMER_FREEZE = 1 << 30, 1 << 31
STIMER_IRQ, STIMER_COMPARE_IRQ, COMPARES = 22, 23, 8


class ResetGenerator(Block):
    """Software resets with their keys."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine, "RSTGEN", 0x40000000)
        self.register(0x00, "CFG", mask=3)
        self.trigger(0x04, "SWPOI", self._resetter("SWPOI", SOFTWARE_POI_KEY, "software POI"))
        self.trigger(0x08, "SWPOR", self._resetter("SWPOR", SOFTWARE_POR_KEY, "software POR"))

    def _resetter(self, register: str, key: int, reason: str) -> Callable[[int], None]:
        def write(value: int) -> None:
            if value == key:
                self.machine.request_reset(reason)
            else:
                self.violate(register, f"written without its key {key:#x}: ignored")

        return write


class Watchdog(Block):
    """WDT: resets unless fed."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine, "WDT", 0x40024000)
        self._config = self.register(0x00, "CFG", 0x00FFFF00, on_write=self._write)
        self.trigger(0x04, "RSTRT", self._feed)
        self._lock = self.trigger(0x08, "LOCK", lambda value: self._write(self._config.value))
        self.status(0x0C, "COUNT", 0)
        self._event: Event | None = None

    def _feed(self, value: int) -> None:
        if value == WATCHDOG_FEED_KEY:
            self._write(self._config.value)
        else:
            self.violate("RSTRT", f"written without its key {WATCHDOG_FEED_KEY:#x}: ignored")

    def _write(self, value: int) -> None:
        if self._event:
            self._event.cancel()
        hz = WATCHDOG_HZ.get(value >> 24 & 7)
        if value & 1 and value & 4 and hz:
            ticks = self.machine.time.ticks((value >> 8 & 0xFF) / hz)
            self._event = self.machine.time.after(
                ticks, lambda: self.machine.request_reset("watchdog")
            )


class SystemTimer(Block):
    """STIMER. It shares its page with the CTIMERs, which are not modelled."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine, "CTIMER", 0x40008000)
        self._count = 0
        self._since = 0
        self._hz = 0.0
        self._raw = 0
        self._events: dict[int, Event] = {}
        self._config = self.register(0x140, "STCFG", STIMER_FREEZE, on_write=self._configure)
        self.status(0x144, "STTMR", self._value)
        self._compares = [
            self.register(0x150 + 4 * n, f"SCMPR{n}", mask=0, on_write=self._compare_writer(n))
            for n in range(COMPARES)
        ]
        self._enabled = self.register(
            0x300, "STMINTEN", mask=0x1FF, on_write=lambda v: self._update()
        )
        self.status(0x304, "STMINTSTAT", lambda: self._raw)
        self.trigger(0x308, "STMINTCLR", lambda value: self._set_raw(self._raw & ~value))
        self.trigger(0x30C, "STMINTSET", lambda value: self._set_raw(self._raw | value))

    def _value(self) -> int:
        elapsed = (self.machine.time.now - self._since) / self.machine.time.tick_hz
        return (self._count + int(elapsed * self._hz)) & 0xFFFFFFFF

    def _configure(self, value: int) -> None:
        self._count = 0 if value & STIMER_CLEAR else self._value()
        self._since = self.machine.time.now
        source = value & 0xF
        if source and source not in STIMER_HZ:
            self.violate("STCFG", f"clock source {source} is not modelled")
        held = value & (STIMER_FREEZE | STIMER_CLEAR)
        self._hz = 0.0 if held else STIMER_HZ.get(source, 0.0)

    def _compare_writer(self, channel: int) -> Callable[[int], None]:
        def write(delta: int) -> None:
            """What is written is a distance from now; what is read is the absolute count."""
            if self._config.value >> 8 + channel & 1:
                self.violate(f"SCMPR{channel}", "must be written with its compare disabled")
            self._compares[channel].value = (self._value() + delta) & 0xFFFFFFFF
            if channel in self._events:
                self._events.pop(channel).cancel()
            if self._hz:
                ticks = self.machine.time.ticks(max(2, delta) / self._hz)
                self._events[channel] = self.machine.time.after(ticks, lambda: self._match(channel))

        return write

    def _match(self, channel: int) -> None:
        if self._config.value >> 8 + channel & 1:
            self._set_raw(self._raw | 1 << channel)

    def _set_raw(self, value: int) -> None:
        self._raw = value
        self._update()

    def _update(self) -> None:
        active = self._raw & self._enabled.value
        for n in range(COMPARES):
            self.machine.exceptions.set_line(STIMER_COMPARE_IRQ + n, bool(active >> n & 1))
        self.machine.exceptions.set_line(STIMER_IRQ, bool(active))
