"""What the firmware may do where in its address space: one declaration a board.

The build makes the regions of the MPU of it (`stages/board_files.py`), the client the words for an
address that a fault names. Whatever is in no area is out of bounds: address 0, a bootloader's
flash, what lies below the stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from tinydeploy.boards import Board

REGIONS = 8  # of the Cortex-M4's MPU
SMALLEST_BYTES, WITH_SUBREGIONS_BYTES = 32, 256
SUBREGIONS = 8
STACK_OVERRUN_BYTES = 64 << 10  # so far below the stack it is most likely the stack
EXECUTE_NEVER = 1 << 28
RBAR_VALID, RASR_ENABLE = 0x10, 1


class Rule(Enum):
    """What may be done: words, and the attributes of a region (TEX, S, C, B as for such memory)."""

    CODE = "read and executed, never written", 5 << 24 | 0x2 << 16
    DATA = "read and written, never executed", EXECUTE_NEVER | 1 << 24 | 0x6 << 16
    CONSTANTS = "only read", EXECUTE_NEVER | 5 << 24 | 0x2 << 16
    DEVICE = "registers", EXECUTE_NEVER | 1 << 24 | 0x5 << 16
    NOTHING = "out of bounds", EXECUTE_NEVER

    @property
    def words(self) -> str:
        """For people."""
        return self.value[0]

    @property
    def attributes(self) -> int:
        """Bits of RASR."""
        return self.value[1]


@dataclass(frozen=True)
class Area:
    """[start, end) without `hole`, [start, end) too."""

    name: str
    start: int
    end: int
    rule: Rule
    hole: tuple[int, int] = (0, 0)

    def holds(self, address: int) -> bool:
        """Whether an address lies in it."""
        return self.start <= address < self.end and not self.hole[0] <= address < self.hole[1]


@dataclass(frozen=True)
class Region:
    """A region of the MPU: a power of two of bytes at a multiple of it, without some eighths."""

    base: int
    size: int
    disabled: int
    rule: Rule

    def rasr(self) -> int:
        """Its attribute and size register."""
        field = self.size.bit_length() - 2
        return self.rule.attributes | self.disabled << 8 | field << 1 | RASR_ENABLE


# Peripherals, and what else a chip has beside flash and RAM.
_CHIPS = {
    "nrf52840": (
        Area("chip's identity (FICR)", 0x10000000, 0x10001000, Rule.CONSTANTS),
        # Up to SPIM3, and after the gap what an erratum of the USB controller wants written.
        Area("peripherals", 0x40000000, 0x40070000, Rule.DEVICE, hole=(0x40030000, 0x40060000)),
        Area("GPIO", 0x50000000, 0x50001000, Rule.DEVICE),
    ),
    "apollo3": (
        Area("peripherals", 0x40000000, 0x40028000, Rule.DEVICE),
        Area("reset status", 0x4FFFF000, 0x50000000, Rule.DEVICE),
    ),
}


def areas(board: Board) -> tuple[Area, ...]:
    """Where the firmware of a board has business; none for a PC."""
    if board.is_host:
        return ()
    flash = Area("flash", board.flash_origin, board.flash_origin + board.flash_size, Rule.CODE)
    ram = Area("RAM", board.ram_origin, board.ram_origin + board.ram_size, Rule.DATA)
    return (flash, ram, *_CHIPS[board.chip])


def regions(board: Board) -> list[Region]:
    """The MPU's regions, from number 0 up; where two overlap the later decides."""
    return [region for area in areas(board) for region in cover(area)]


def cover(area: Area) -> list[Region]:
    """The fewest regions that allow just this area, of the ways that are tried."""
    holed = area.hole != (0, 0)
    ways = [_alone(area)]
    if not holed:
        ways += [_side_by_side(area.start, area.end, area.rule), *_around_one(area)]
    return min(filter(None, ways), key=len)


def namer(board: Board | None) -> Callable[[int], str]:
    """A function that says in words what is at an address."""
    known = areas(board) if board else ()

    def name(address: int) -> str:
        for area in known:
            if area.holds(address):
                return f"{area.name}: {area.rule.words}"
        if not board or not known:
            return ""
        if 0 < board.ram_origin - address <= STACK_OVERRUN_BYTES:
            return "below the stack, which has run over"
        if address < SMALLEST_BYTES:
            return "out of bounds, as of a null pointer"
        before = address < board.flash_origin
        return "out of bounds: the bootloader's" if before else "out of bounds"

    return name


def _sizes() -> Iterator[int]:
    return (1 << power for power in range(SMALLEST_BYTES.bit_length() - 1, 33))


def _alone(area: Area) -> list[Region]:
    """One region, eighths of it left out, if that is possible."""
    for size in _sizes():
        base = area.start & -size
        if base + size < area.end or size < WITH_SUBREGIONS_BYTES:
            continue
        disabled, fits = 0, True
        for number in range(SUBREGIONS):
            first = base + number * size // SUBREGIONS
            ends = {area.holds(edge) for edge in _edges(area, first, first + size // SUBREGIONS)}
            fits = fits and len(ends) == 1
            disabled |= (True not in ends) << number
        if fits:
            return [Region(base, size, disabled, area.rule)]
    return []


def _edges(area: Area, start: int, end: int) -> set[int]:
    """Addresses that tell whether a range is as one."""
    marks = (area.start, area.end, *area.hole)
    inside = {at for mark in marks for at in (mark - 1, mark) if start <= at < end}
    return {start, end - 1} | inside


def _side_by_side(start: int, end: int, rule: Rule) -> list[Region]:
    """One behind the other, each as long as can be."""
    found: list[Region] = []
    while start < end:
        longest = max(_beginning_at(start, end, rule), key=lambda pair: pair[0])
        start = longest[0]
        found.append(longest[1])
    return found


def _beginning_at(start: int, end: int, rule: Rule) -> Iterator[tuple[int, Region]]:
    """Regions that allow [start, x) and nothing else, each with its x."""
    for size in _sizes():
        base = start & -size
        part = size // SUBREGIONS if size >= WITH_SUBREGIONS_BYTES else size
        last = min(base + size, end) // part * part
        if start % part == 0 and start < last:
            used = range((start - base) // part, (last - base) // part)
            left_out = sum(1 << number for number in range(size // part) if number not in used)
            yield last, Region(base, size, left_out, rule)


def _around_one(area: Area) -> Iterator[list[Region]]:
    """One that holds most of it, its eighths up to either side of each end. Others add to it what
    is missing there, or lie over it and take away what is too much.
    """
    size = next(n for n in _sizes() if (area.start & -n) + n >= area.end)
    base, part = area.start & -size, max(size // SUBREGIONS, SMALLEST_BYTES)
    for start in {area.start // part * part, -(-area.start // part) * part}:
        for end in {area.end // part * part, -(-area.end // part) * part}:
            used = range((start - base) // part, (end - base) // part)
            left_out = sum(1 << number for number in range(size // part) if number not in used)
            whole = [Region(base, size, left_out, area.rule)]
            if used and (not left_out or size >= WITH_SUBREGIONS_BYTES):
                yield (
                    whole
                    + _adjusted(area.rule, area.start, start)
                    + _adjusted(area.rule, end, area.end)
                )


def _adjusted(rule: Rule, wanted: int, there: int) -> list[Region]:
    """Between two addresses: added if what is there begins later, taken away if earlier."""
    if wanted <= there:
        return _side_by_side(wanted, there, rule)
    return _side_by_side(there, wanted, Rule.NOTHING)
