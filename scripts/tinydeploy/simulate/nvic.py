"""NVIC registers: enable, pending, active and priority of the interrupts."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import TYPE_CHECKING

from tinydeploy.simulate import exceptions as exc
from tinydeploy.simulate.bus import Block, ReadAction

if TYPE_CHECKING:
    from tinydeploy.simulate.machine import Machine

PRIORITY_MASK = exc.PRIORITY_BITS * 0x01010101


class Nvic:
    """Declares the registers in the System Control Space; the state is in `Exceptions`."""

    def __init__(self, machine: Machine, block: Block) -> None:
        self._machine = machine
        self._block = block
        self._model = model = machine.exceptions
        block.status(0x004, "ICTR", (model.irq_count - 1) // 32)
        for word in range((model.irq_count + 31) // 32):
            self._declare_word(word, exc.FIRST_IRQ + 32 * word)
        for word in range((model.irq_count + 3) // 4):
            first = exc.FIRST_IRQ + 4 * word
            declare_priorities(block, model, 0x400 + 4 * word, f"IPR{word}", first)
        block.trigger(0xF00, "STIR", lambda value: model.pend(exc.FIRST_IRQ + (value & 0x1FF)))

    def _declare_word(self, word: int, first: int) -> None:
        model = self._model
        enabled = _reader(model.enabled, first)
        pending = _reader(model.pending, first)
        for base, name, read, act in (
            (0x100, "ISER", enabled, self._enable),
            (0x180, "ICER", enabled, model.enabled.discard),
            (0x200, "ISPR", pending, model.pend),
            (0x280, "ICPR", pending, self._clear_pending),
        ):
            write = self._writer(first, act)
            self._block.register(
                base + 4 * word, f"{name}{word}", mask=0, on_read=read, on_write=write
            )
        self._block.status(0x300 + 4 * word, f"IABR{word}", _reader(model.active, first))

    def _writer(self, first: int, act: Callable[[int], None]) -> Callable[[int], None]:
        """Calls `act(number)` for each bit that is written as 1."""
        end = exc.FIRST_IRQ + self._model.irq_count

        def write(value: int) -> None:
            for number in range(first, min(first + 32, end)):
                if value >> (number - first) & 1:
                    act(number)

        return write

    def _enable(self, number: int) -> None:
        self._model.enabled.add(number)
        self._machine.stop_soon()

    def _clear_pending(self, number: int) -> None:
        """A pending interrupt whose request line is still high becomes pending again at once."""
        if number not in self._model.lines or number in self._model.active:
            self._model.pending.discard(number)


def declare_priorities(
    block: Block, model: exc.Exceptions, offset: int, name: str, first: int
) -> None:
    """A register with the priorities of four exceptions from `first` up."""

    def write(value: int) -> None:
        for lane in range(4):
            model.priorities[first + lane] = value >> 8 * lane & exc.PRIORITY_BITS

    block.register(offset, name, mask=PRIORITY_MASK, on_write=write)


def _reader(numbers: Set[int], first: int) -> ReadAction:
    return lambda: sum(1 << n - first for n in numbers if first <= n < first + 32)
