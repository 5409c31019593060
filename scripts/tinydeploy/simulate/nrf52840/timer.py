"""TIMER0..4 and RTC1 (docs/boards/nano33.md, 5)."""

from __future__ import annotations

from collections.abc import Callable

from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.nrf52840.base import NrfBlock
from tinydeploy.simulate.timeline import Event

PCLK16M_HZ = 16_000_000
LFCLK_HZ = 32768
WIDTH_BITS = (16, 8, 24, 32)
RTC_BITS = 24


class Timer(NrfBlock):
    """A TIMER in timer or counter mode with `channels` capture/compare registers."""

    def __init__(self, machine: Machine, name: str, base: int, channels: int) -> None:
        super().__init__(machine, name, base)
        self._channels = channels
        self._running = False
        self._count = 0
        self._since = 0
        self._events_at: dict[int, Event] = {}
        self._declare()

    def _declare(self) -> None:
        self.task(0x000, "START", self._start)
        self.task(0x004, "STOP", self._stop)
        self.task(0x008, "COUNT", self._count_up)
        self.task(0x00C, "CLEAR", self._clear)
        self.task(0x010, "SHUTDOWN", self._stop)
        self._mode = self.register(0x504, "MODE", mask=3, on_write=self._check_stopped)
        self._bitmode = self.register(0x508, "BITMODE", mask=3, on_write=self._check_stopped)
        self._prescaler = self.register(
            0x510, "PRESCALER", 4, mask=0xF, on_write=self._check_stopped
        )
        self._compare = []
        for n in range(self._channels):
            self.event(0x140 + 4 * n, f"COMPARE{n}")
            self.task(0x040 + 4 * n, f"CAPTURE{n}", self._capturer(n))
            self.short(f"COMPARE{n}", n, self._clear)
            self.short(f"COMPARE{n}", 8 + n, self._stop)
            self._compare.append(
                self.register(0x540 + 4 * n, f"CC[{n}]", on_write=lambda value: self._plan())
            )

    def _capturer(self, channel: int) -> Callable[[], None]:
        def capture() -> None:
            self._compare[channel].value = self._value()

        return capture

    def _check_stopped(self, value: int) -> None:
        if self._running:
            self.violate("MODE/BITMODE/PRESCALER", "may only change while the timer is stopped")

    def _modulus(self) -> int:
        return 1 << WIDTH_BITS[self._bitmode.value]

    def _period_ticks(self) -> float:
        hz = PCLK16M_HZ >> self._prescaler.value
        return self.machine.time.tick_hz / hz

    def _value(self) -> int:
        count = self._count
        if self._running and not self._mode.value:
            count += int((self.machine.time.now - self._since) / self._period_ticks())
        return count % self._modulus()

    def _start(self) -> None:
        if not self._running:
            self._running = True
            self._since = self.machine.time.now
            self._plan()

    def _stop(self) -> None:
        self._count = self._value()
        self._running = False
        self._plan()

    def _clear(self) -> None:
        self._count = 0
        self._since = self.machine.time.now
        self._plan()

    def _count_up(self) -> None:
        if not self._mode.value or not self._running:
            self.violate("TASKS_COUNT", "needs counter mode and a started timer")
            return
        self._count = (self._count + 1) % self._modulus()
        for n in range(self._channels):
            if self._compare[n].value == self._count:
                self.happen(f"COMPARE{n}")

    def _plan(self) -> None:
        """Schedule the compare events again."""
        for event in self._events_at.values():
            event.cancel()
        self._events_at.clear()
        if not self._running or self._mode.value:
            return
        for n in range(self._channels):
            self._plan_channel(n)

    def _plan_channel(self, channel: int) -> None:
        modulus = self._modulus()
        ahead = (self._compare[channel].value - self._value()) % modulus or modulus
        reached = self._since + (self._value() - self._count + ahead) * self._period_ticks()
        delay = max(1, round(reached - self.machine.time.now))

        def reach() -> None:
            del self._events_at[channel]
            self.happen(f"COMPARE{channel}")
            if self._running and channel not in self._events_at:
                self._plan_channel(channel)

        self._events_at[channel] = self.machine.time.after(delay, reach)


class Rtc(NrfBlock):
    """An RTC as the bootloader uses it: a counter at 32768 Hz / (PRESCALER + 1) with compares."""

    def __init__(self, machine: Machine, name: str, base: int, channels: int) -> None:
        super().__init__(machine, name, base)
        self._running = False
        self._count = 0
        self._since = 0
        self._pending: list[Event] = []
        self.task(0x000, "START", self._start)
        self.task(0x004, "STOP", self._stop)
        self.task(0x008, "CLEAR", self._clear)
        self.event(0x100, "TICK")
        self.event(0x104, "OVRFLW")
        for offset, name_ in ((0x340, "EVTEN"), (0x344, "EVTENSET"), (0x348, "EVTENCLR")):
            self.register(offset, name_)
        self.status(0x504, "COUNTER", self._value)
        self._prescaler = self.register(0x508, "PRESCALER", mask=0xFFF)
        self._compare = []
        for n in range(channels):
            self.event(0x140 + 4 * n, f"COMPARE{n}")
            self._compare.append(
                self.register(
                    0x540 + 4 * n,
                    f"CC[{n}]",
                    mask=(1 << RTC_BITS) - 1,
                    on_write=lambda value: self._plan(),
                )
            )

    def leave_running(self) -> None:
        """As the bootloader does: running, compare 0 reached and its interrupt enabled."""
        self._start()
        self.enable_interrupt("COMPARE0")
        self.happen("COMPARE0")

    def _period_ticks(self) -> float:
        return self.machine.time.tick_hz * (self._prescaler.value + 1) / LFCLK_HZ

    def _value(self) -> int:
        count = self._count
        if self._running:
            count += int((self.machine.time.now - self._since) / self._period_ticks())
        return count % (1 << RTC_BITS)

    def _start(self) -> None:
        if not self._running:
            self._running, self._since = True, self.machine.time.now
            self._plan()

    def _stop(self) -> None:
        self._count, self._running = self._value(), False
        self._plan()

    def _clear(self) -> None:
        self._count, self._since = 0, self.machine.time.now
        self._plan()

    def _plan(self) -> None:
        for event in self._pending:
            event.cancel()
        self._pending.clear()
        if not self._running:
            return
        for n, register in enumerate(self._compare):
            ahead = (register.value - self._value()) % (1 << RTC_BITS)
            if ahead:
                delay = max(1, round(ahead * self._period_ticks()))
                self._pending.append(self.machine.time.after(delay, self._reacher(n)))

    def _reacher(self, channel: int) -> Callable[[], None]:
        return lambda: self.happen(f"COMPARE{channel}")
