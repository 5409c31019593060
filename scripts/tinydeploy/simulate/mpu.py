"""The MPU of ARMv7-M (Architecture Reference Manual, B3.5), for privileged code.

`permission` is the rule, address by address. `runs` is the same as ranges: the machine gives them
to Unicorn, which then stops at whatever is not allowed. The firmware never leaves privileged mode.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tinydeploy.simulate import exceptions as exc
from tinydeploy.simulate.access import DATA, Access, Run
from tinydeploy.simulate.registers import Reg

if TYPE_CHECKING:
    from tinydeploy.simulate.bus import Block
    from tinydeploy.simulate.machine import Machine

REGIONS = 8
CTRL_ENABLE, CTRL_HFNMIENA, CTRL_PRIVDEFENA = 1, 2, 4
RBAR_VALID = 0x10
RASR_ENABLE, RASR_EXECUTE_NEVER = 1, 1 << 28
RASR_RESERVED = 0xE8C000C0
SMALLEST_FIELD, FIRST_WITH_SUBREGIONS = 4, 7  # SIZE of 32 bytes, of 256
SYSTEM_START, SYSTEM_END = 0xE0000000, 0xE0100000  # the core's own registers: never protected
END = 1 << 32
CONTROL_NPRIV = 1


PRIVILEGED = {
    0: Access.NONE,
    1: DATA,
    2: DATA,
    3: DATA,
    5: Access.READ,
    6: Access.READ,
    7: Access.READ,
}
# Where the default map allows execution: code, SRAM, external RAM.
DEFAULT_EXECUTABLE = ((0x00000000, 0x40000000), (0x60000000, 0xA0000000))


class Mpu:
    """Eight regions, the highest number of those that hold an address decides."""

    def __init__(self, machine: Machine, block: Block) -> None:
        self._machine = machine
        self._block = block
        self._base = [0] * REGIONS
        self._attributes = [0] * REGIONS
        block.status(0xD90, "MPU_TYPE", REGIONS << 8)
        self._control = block.register(0xD94, "MPU_CTRL", mask=7, on_write=self._write_control)
        self._number = block.register(0xD98, "MPU_RNR", mask=0xFF, on_write=self._write_number)
        for alias in range(4):
            self._declare(alias)

    def _declare(self, alias: int) -> None:
        name = f"_A{alias}" if alias else ""
        self._block.register(
            0xD9C + 8 * alias,
            f"MPU_RBAR{name}",
            mask=0,
            on_read=lambda: self._base[self._region(alias)] | self._region(alias),
            on_write=lambda value: self._write_base(alias, value),
        )
        self._block.register(
            0xDA0 + 8 * alias,
            f"MPU_RASR{name}",
            mask=0,
            on_read=lambda: self._attributes[self._region(alias)],
            on_write=lambda value: self._write_attributes(alias, value),
        )

    def configure(self, control: int, regions: list[tuple[int, int]]) -> None:
        """Put it in a state that a bootloader leaves: (base, RASR) from region 0 up."""
        for number, (base, attributes) in enumerate(regions):
            self._base[number] = base & -(2 << (attributes >> 1 & 0x1F))
            self._attributes[number] = attributes
        self._control.value = control
        self.refresh()

    # The rule

    @property
    def is_on(self) -> bool:
        """Whether it looks at accesses now: not in a HardFault or NMI, unless HFNMIENA says so."""
        control = self._control.value
        if not control & CTRL_ENABLE:
            return False
        return bool(control & CTRL_HFNMIENA) or not self._is_urgent()

    def _is_urgent(self) -> bool:
        active = self._machine.exceptions.active
        return exc.HARD_FAULT in active or exc.NMI in active

    def permission(self, address: int) -> Access:
        """What privileged code may do at an address."""
        if not self.is_on or SYSTEM_START <= address < SYSTEM_END:
            return _default(address)
        for number in reversed(range(REGIONS)):
            if self._holds(number, address):
                return self._granted(number)
        return _default(address) if self._control.value & CTRL_PRIVDEFENA else Access.NONE

    def allows(self, address: int, size: int, access: Access) -> bool:
        """Whether each byte of a range may be accessed so."""
        if not self.is_on:
            return True
        ends = {address & ~31, *range(address & ~31, address + size, 32)}
        return all(access & ~self.permission(max(at, address)) == 0 for at in ends)

    def _holds(self, number: int, address: int) -> bool:
        attributes = self._attributes[number]
        if not attributes & RASR_ENABLE:
            return False
        size = 2 << (attributes >> 1 & 0x1F)
        offset = address - self._base[number]
        if not 0 <= offset < size:
            return False
        return not attributes >> 8 >> (offset * 8 // size) & 1

    def _granted(self, number: int) -> Access:
        attributes = self._attributes[number]
        data = PRIVILEGED.get(attributes >> 24 & 7, Access.NONE)
        is_code = data & Access.READ and not attributes & RASR_EXECUTE_NEVER
        return data | Access.EXECUTE if is_code else data

    def runs(self, start: int, end: int) -> Iterator[Run]:
        """[start, end) in ranges of equal permission."""
        edges = sorted({start, end, *(edge for edge in self._edges() if start < edge < end)})
        first, access = start, self.permission(start)
        for edge in edges[1:]:
            following = self.permission(edge) if edge < end else None
            if following != access:
                yield first, edge, access
            if following is not None and following != access:
                first, access = edge, following

    def _edges(self) -> Iterator[int]:
        if not self.is_on:
            return
        yield from (SYSTEM_START, SYSTEM_END)
        yield from (edge for pair in DEFAULT_EXECUTABLE for edge in pair)
        for base, attributes in zip(self._base, self._attributes, strict=True):
            if attributes & RASR_ENABLE:
                size = 2 << (attributes >> 1 & 0x1F)
                yield from range(base, base + size + 1, size // 8)

    # Registers

    def _region(self, alias: int) -> int:
        """Aliases 1 to 3 are three of the group of four that RNR is in."""
        number = self._number.value
        return (number & ~3) + alias if alias else number

    def _write_number(self, value: int) -> None:
        if value >= REGIONS:
            self._block.violate("MPU_RNR", f"there is no region {value}")
            self._number.value = 0

    def _write_base(self, alias: int, value: int) -> None:
        if value & RBAR_VALID:
            self._number.value = value & 0xF
            self._write_number(value & 0xF)
            alias = 0
        self._base[self._region(alias)] = value & ~0x1F
        self.refresh()

    def _write_attributes(self, alias: int, value: int) -> None:
        number = self._region(alias)
        self._attributes[number] = value
        self._check(number)
        self.refresh()

    def _check(self, number: int) -> None:
        """What the manual calls UNPREDICTABLE in a region that is switched on."""
        value, base = self._attributes[number], self._base[number]
        field = value >> 1 & 0x1F
        if not value & RASR_ENABLE:
            return
        broken = {
            "reserved bits are set": value & RASR_RESERVED,
            "the smallest region has 32 bytes": field < SMALLEST_FIELD,
            "a region of less than 256 bytes has no subregions": (
                field < FIRST_WITH_SUBREGIONS and value >> 8 & 0xFF
            ),
            "access permission 4 is reserved": value >> 24 & 7 == 4,
            "reserved combination of TEX, C and B": _is_reserved_type(value),
            f"the base {base:#010x} is not a multiple of the size": base % (2 << field),
        }
        for rule, is_broken in broken.items():
            if is_broken:
                self._block.violate("MPU_RASR", f"region {number}: {rule}")

    def _write_control(self, value: int) -> None:
        if value & CTRL_HFNMIENA and not value & CTRL_ENABLE:
            self._block.violate("MPU_CTRL", "HFNMIENA without ENABLE")
        if value & CTRL_ENABLE and self._machine.reg(Reg.CONTROL) & CONTROL_NPRIV:
            self._block.violate("MPU_CTRL", "unprivileged code is not modelled")
        self.refresh()

    def refresh(self) -> None:
        """Tell the machine: regions or what runs have changed."""
        self._machine.protect()


def _default(address: int) -> Access:
    executable = any(start <= address < end for start, end in DEFAULT_EXECUTABLE)
    return Access.ALL if executable else DATA


# TEX, C, B; with TEX of 4 and more, C and B name a cache policy, and all are taken.
RESERVED_TYPES = {(1, 0, 1), (2, 0, 1), (2, 1, 0), (2, 1, 1)} | {
    (3, c, b) for c in (0, 1) for b in (0, 1)
}


def _is_reserved_type(attributes: int) -> bool:
    return (attributes >> 19 & 7, attributes >> 17 & 1, attributes >> 16 & 1) in RESERVED_TYPES
