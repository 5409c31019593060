"""The helper functions of the boot ROM (docs/boards/sparkfun_edge.md, 1.4)."""

from __future__ import annotations

from collections.abc import Callable

from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.registers import Reg

PROGRAM_KEY = 0x12344321
PAGE_BYTES, INSTANCE_BYTES = 0x2000, 0x80000
PROTECTED_END = 0xC000
PAGE_ERASE_S, WORD_PROGRAM_S = 20e-3, 30e-6
CALL_CYCLES, DELAY_CYCLES = 10, 3
OK, FAILED = 0, 1


class BootRom:
    """Answers calls into 0x08000000.

    Args:
        write_word: stores a word with the marks that the peripherals want for such writes.
    """

    def __init__(self, machine: Machine, write_word: Callable[[int, int], None]) -> None:
        self._machine = machine
        self._write_word = write_word
        self._functions: dict[int, Callable[[list[int]], int]] = {
            0x08000050: self._erase_page,
            0x08000054: self._program,
            0x08000074: lambda arguments: machine.memory.load_word(arguments[0]),
            0x08000078: self._store,
            0x0800009C: self._delay,
        }
        machine.stops.on_fetch = self.call

    def call(self, address: int) -> bool:
        """Carry out the helper at `address` and return to its caller; False if there is none."""
        function = self._functions.get(address)
        if function is None:
            return False
        machine = self._machine
        arguments = [machine.reg(r) for r in (Reg.R0, Reg.R1, Reg.R2, Reg.R3)]
        machine.counter.cycles += CALL_CYCLES
        machine.set_reg(Reg.R0, function(arguments))
        machine.set_pc(machine.reg(Reg.LR) & ~1)
        return True

    def _delay(self, arguments: list[int]) -> int:
        self._machine.counter.cycles += DELAY_CYCLES * arguments[0]
        return 0

    def _store(self, arguments: list[int]) -> int:
        self._write_word(arguments[0], arguments[1])
        return 0

    def _erase_page(self, arguments: list[int]) -> int:
        key, instance, page = arguments[:3]
        address = instance * INSTANCE_BYTES + page * PAGE_BYTES
        if not self._allowed(key, address):
            return FAILED
        self._machine.flash.erase(address, PAGE_BYTES)
        self._finish(PAGE_ERASE_S)
        return OK

    def _program(self, arguments: list[int]) -> int:
        key, source, target, words = arguments
        if not self._allowed(key, target):
            return FAILED
        if not self._machine.memory.is_ram(source, 4 * words):
            self._machine.violate("ROM.program", "the source must lie in SRAM")
            return FAILED
        for offset in range(0, 4 * words, 4):
            word = self._machine.read(source + offset, 4)
            self._machine.flash.write_word(target + offset, word)
        self._finish(words * WORD_PROGRAM_S)
        return OK

    def _allowed(self, key: int, address: int) -> bool:
        machine = self._machine
        if not machine.reg(Reg.PRIMASK):
            machine.violate("ROM.flash", "interrupts must be off around calls")
        if address < PROTECTED_END:
            machine.violate("ROM.flash", f"{address:#x} belongs to the secure bootloader")
            return False
        return key == PROGRAM_KEY

    def _finish(self, seconds: float) -> None:
        time = self._machine.time
        time.skip_to(time.now + time.ticks(seconds))
