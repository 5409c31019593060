"""Register blocks: a register is declared with what reading and writing it does.

    uart = Block(machine, "UART0", 0x4001C000)
    uart.register(0x30, "CR", reset=0x300, on_write=self._write_control)

A read or write of an offset that is not declared is reported as a violation: a simulator that
answers 0 there would let firmware pass that waits forever on the board.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinydeploy.simulate.machine import Machine

ReadAction = Callable[[], int]
WriteAction = Callable[[int], None]
WORD = 0xFFFFFFFF


@dataclass
class Register:
    """A 32-bit register.

    Attributes:
        mask: bits that a write changes; 0 makes the register read-only.
        on_read: gives the value instead of the stored one.
        on_write: called with the value after it was stored.
    """

    name: str
    value: int = 0
    mask: int = WORD
    on_read: ReadAction | None = None
    on_write: WriteAction | None = None
    readable: bool = True


class Block:
    """The registers of one peripheral.

    Args:
        any_size: byte and halfword accesses are allowed, as in the CPU's own registers.
        is_powered: asked before each access; False makes the access a violation.
    """

    def __init__(
        self,
        machine: Machine,
        name: str,
        base: int,
        *,
        any_size: bool = False,
        is_powered: Callable[[], bool] | None = None,
    ) -> None:
        self.machine = machine
        self.name = name
        self.base = base
        self.registers: dict[int, Register] = {}
        self._any_size = any_size
        self._is_powered = is_powered

    def register(
        self,
        offset: int,
        name: str,
        reset: int = 0,
        *,
        mask: int = WORD,
        on_read: ReadAction | None = None,
        on_write: WriteAction | None = None,
    ) -> Register:
        """Declare a register that can be read and written."""
        register = Register(name, reset, mask, on_read, on_write)
        self.registers[offset] = register
        return register

    def status(self, offset: int, name: str, source: int | ReadAction) -> Register:
        """Declare a read-only register: a constant or what `source()` gives; writes are ignored."""
        if isinstance(source, int):
            return self.register(offset, name, source, mask=0)
        return self.register(offset, name, mask=0, on_read=source)

    def trigger(self, offset: int, name: str, action: WriteAction) -> Register:
        """Declare a write-only register; it reads 0."""
        register = self.register(offset, name, mask=0, on_write=action)
        register.readable = False
        return register

    def read(self, offset: int, size: int) -> int:
        """A load of `size` bytes by the CPU."""
        register = self.registers.get(offset) if size == 4 else None
        if register is None or self._is_powered:
            register = self._find(offset, size, "read")
            if register is None:
                return 0
        value = register.on_read() if register.on_read else register.value
        return value >> 8 * (offset & 3) & ((1 << 8 * size) - 1)

    def write(self, offset: int, size: int, value: int) -> None:
        """A store of `size` bytes by the CPU."""
        register = self.registers.get(offset) if size == 4 else None
        if register is None or self._is_powered:
            register = self._find(offset, size, "written")
            if register is None:
                return
        if size < 4:
            old = register.on_read() if register.on_read else register.value
            shift = 8 * (offset & 3)
            lane = ((1 << 8 * size) - 1) << shift
            value = old & ~lane | value << shift & lane
        register.value = register.value & ~register.mask | value & register.mask
        if register.on_write:
            register.on_write(value)

    @property
    def is_always_powered(self) -> bool:
        """Whether accesses need no look at its power."""
        return self._is_powered is None

    def violate(self, register: str, rule: str, *, warning: bool = False) -> None:
        """Report a broken rule of one of this block's registers."""
        self.machine.violate(f"{self.name}.{register}", rule, warning=warning)

    def _find(self, offset: int, size: int, verb: str) -> Register | None:
        if self._is_powered and not self._is_powered():
            self.violate(f"+{offset:#05x}", f"{verb} while the block has no power or clock")
            return None
        register = self.registers.get(offset & ~3)
        if register is None:
            self.violate(f"+{offset:#05x}", f"{verb}, but this register is not modelled")
        elif size != 4 and not self._any_size:
            self.violate(register.name, f"{verb} with {size} bytes: word accesses only")
            return None
        return register


class Bus:
    """Dispatches accesses of an address range to the blocks in it.

    A block takes the addresses from its base up to the next block, at most `span` bytes.
    """

    def __init__(self, machine: Machine, base: int, size: int, span: int = 0x1000) -> None:
        self._machine = machine
        self._base = base
        self._span = span
        self._blocks: dict[int, Block] = {}
        self._plain: dict[int, Register] = {}  # whose words may be read at any time
        machine.memory.map_io(base, size, self.read, self.write)

    def add(self, block: Block) -> None:
        """Put a block at its base address."""
        self._blocks[(block.base - self._base) // self._span] = block
        self._plain.clear()

    def read(self, offset: int, size: int) -> int:
        """Called by the machine, `offset` from the start of the range."""
        register = self._plain.get(offset)
        if register is not None and size == 4:  # firmware that waits reads it again and again
            return register.on_read() if register.on_read else register.value
        block = self._blocks.get(offset // self._span)
        if block is None:
            self._absent(offset, "read")
            return 0
        self._note_plain(offset, block)
        return block.read(self._base + offset - block.base, size)

    def write(self, offset: int, size: int, value: int) -> None:
        """Called by the machine, `offset` from the start of the range."""
        block = self._blocks.get(offset // self._span)
        if block is None:
            self._absent(offset, "written")
            return
        block.write(self._base + offset - block.base, size, value)

    def _note_plain(self, offset: int, block: Block) -> None:
        register = block.registers.get(self._base + offset - block.base)
        if register is not None and block.is_always_powered:
            self._plain[offset] = register

    def _absent(self, offset: int, verb: str) -> None:
        self._machine.violate(
            f"{self._base + offset:#010x}", f"{verb}, but no peripheral is modelled there"
        )
