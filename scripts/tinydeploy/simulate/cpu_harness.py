"""Cycles of single functions: a bare ELF file on the modelled CPU, without chip or firmware.

bench = CpuHarness(Path("kernel.elf"))
result = bench.call("convolve", bench.place(weights), bench.place(bytes(400)))
print(result.cycles, result.value)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinydeploy.simulate import image as images
from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.memory_map import Memory
from tinydeploy.simulate.violations import SimulationError

FLASH = Memory(0, 0x400000, is_rom=True)
RAM = Memory(0x20000000, 0x400000)
STACK_BYTES = 0x10000
ALIGNMENT = 16


@dataclass(frozen=True)
class CallResult:
    """What a call returned (r0) and what it cost."""

    value: int
    cycles: int
    instructions: int


class CpuHarness:
    """Loads an ELF file linked for 4 MiB of flash at 0 and of RAM at 0x20000000.

    Initialised data is put where it runs, so the file needs no start-up code. The FPU is on. The
    upper half of RAM holds what `place()` puts there and, at its end, the stack.
    """

    def __init__(
        self, elf: Path, *, memories: Sequence[Memory] = (FLASH, RAM), native: bool | None = None
    ) -> None:
        self.image = images.load(elf)
        self.machine = Machine(memories, native=native)
        self.machine.reset_core()
        self.machine.scs.enable_fpu()
        for segment in self.image.segments:
            self.machine.write(segment.run_address, segment.data)
        ram = next(memory for memory in memories if not memory.is_rom)
        self._free = ram.origin + ram.size // 2
        self._stack = ram.origin + ram.size

    def place(self, data: bytes) -> int:
        """Copy data into RAM, 16-byte aligned; returns its address."""
        address = self._free
        if address + len(data) > self._stack - STACK_BYTES:
            raise SimulationError("the bench has no room left for data")
        self.machine.write(address, data)
        self._free = (address + len(data) + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
        return address

    def read(self, address: int, size: int) -> bytes:
        """Bytes of memory."""
        return self.machine.read(address, size)

    def address(self, name: str) -> int:
        """Address of a symbol."""
        if name not in self.image.symbols:
            raise SimulationError(f"{self.image.path.name} has no symbol {name!r}")
        return self.image.symbols[name].address

    def call(self, function: str | int, *arguments: int) -> CallResult:
        """Call a function with up to four words; the cost includes its return."""
        address = self.address(function) if isinstance(function, str) else function
        cycles, instructions = self.machine.cycles, self.machine.instructions
        value = self.machine.call(address, *arguments, stack=self._stack)
        return CallResult(
            value, self.machine.cycles - cycles, self.machine.instructions - instructions
        )
