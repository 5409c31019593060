"""What all nRF peripherals have in common: tasks, events, shortcuts and interrupt enables."""

from __future__ import annotations

from collections.abc import Callable

from tinydeploy.simulate.bus import Block, Register
from tinydeploy.simulate.machine import Machine

SHORTS, INTEN, INTENSET, INTENCLR = 0x200, 0x300, 0x304, 0x308


class NrfBlock(Block):
    """A peripheral at 0x40000000 + 0x1000 * irq with the task and event scheme of the nRF52."""

    def __init__(self, machine: Machine, name: str, base: int, irq: int | None = None) -> None:
        super().__init__(machine, name, base)
        self.irq = base >> 12 & 0xFF if irq is None else irq
        self._events: dict[str, tuple[int, Register]] = {}
        self._interrupts = 0
        self._interrupting: list[Register] = []  # the events that interrupt
        self._shorts: list[tuple[str, int, Callable[[], None]]] = []
        self.register(SHORTS, "SHORTS")
        self.register(
            INTEN, "INTEN", mask=0, on_read=lambda: self._interrupts, on_write=self._set_interrupts
        )
        self.register(
            INTENSET,
            "INTENSET",
            mask=0,
            on_read=lambda: self._interrupts,
            on_write=lambda value: self._set_interrupts(self._interrupts | value),
        )
        self.register(
            INTENCLR,
            "INTENCLR",
            mask=0,
            on_read=lambda: self._interrupts,
            on_write=lambda value: self._set_interrupts(self._interrupts & ~value),
        )

    def task(self, offset: int, name: str, action: Callable[[], None]) -> None:
        """Declare a task: writing 1 does it."""

        def write(value: int) -> None:
            if value & 1:
                action()

        self.trigger(offset, f"TASKS_{name}", write)

    def event(self, offset: int, name: str) -> None:
        """Declare an event; its interrupt bit follows from its offset."""
        register = self.register(
            offset, f"EVENTS_{name}", mask=1, on_write=lambda value: self.update_line()
        )
        self._events[name] = ((offset - 0x100) // 4, register)

    def short(self, event: str, bit: int, action: Callable[[], None]) -> None:
        """Declare a shortcut from an event to a task, enabled by a bit of SHORTS."""
        self._shorts.append((event, bit, action))

    def happen(self, name: str) -> None:
        """An event happens: set it, interrupt if enabled, carry out its shortcuts."""
        self._events[name][1].value = 1
        self.update_line()
        for event, bit, action in self._shorts:
            if event == name and self.registers[SHORTS].value >> bit & 1:
                action()

    def has_happened(self, name: str) -> bool:
        """Whether an event is set."""
        return bool(self._events[name][1].value)

    def enable_interrupt(self, name: str) -> None:
        """As INTENSET, for the state that a bootloader leaves."""
        self._let_interrupt(self._interrupts | 1 << self._events[name][0])

    def update_line(self) -> None:
        """Interrupt request: some event is set and enabled."""
        level = False
        for event in self._interrupting:
            if event.value:
                level = True
        self.machine.exceptions.set_line(self.irq, level)

    def _set_interrupts(self, value: int) -> None:
        self._let_interrupt(value)
        self.update_line()

    def _let_interrupt(self, value: int) -> None:
        self._interrupts = value
        self._interrupting = [event for bit, event in self._events.values() if value >> bit & 1]
