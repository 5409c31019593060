"""The firmware image as it lies in flash, read from its ELF file."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tinydeploy.boards import Board
from tinydeploy.simulate.violations import SimulationError

HINT = "`tinydeploy build` makes one for the board that --board names"


@dataclass(frozen=True)
class Segment:
    """Bytes, the address at which a flasher puts them, and the one at which they are used."""

    address: int
    data: bytes
    run_address: int


@dataclass(frozen=True)
class Symbol:
    """A name in the image."""

    address: int
    size: int


@dataclass(frozen=True)
class ElfImage:
    """What is flashed, and the names in it."""

    path: Path
    segments: tuple[Segment, ...]
    symbols: dict[str, Symbol]

    def read(self, address: int, size: int) -> bytes | None:
        """Bytes of the image, None where it has none."""
        for segment in self.segments:
            offset = address - segment.address
            if offset >= 0 and offset + size <= len(segment.data):
                return segment.data[offset : offset + size]
        return None

    def flat(self, origin: int) -> bytes:
        """What a flasher writes from `origin` on; gaps are filled as erased flash reads."""
        end = max(segment.address + len(segment.data) for segment in self.segments)
        content = bytearray(b"\xff" * (end - origin))
        for segment in self.segments:
            at = segment.address - origin
            content[at : at + len(segment.data)] = segment.data
        return bytes(content)


def load(path: Path) -> ElfImage:
    """Read an ELF file; raises SimulationError if it is none for a Cortex-M."""
    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            if elf["e_machine"] != "EM_ARM":
                raise SimulationError(f"{path} is an ELF file, but not for ARM", HINT)
            return ElfImage(path, tuple(_segments(elf)), _symbols(elf))
    except FileNotFoundError as error:
        raise SimulationError(f"there is no firmware at {path}", HINT) from error
    except ELFError as error:
        raise SimulationError(f"{path} is not an ELF file: {error}", HINT) from error


def _segments(elf: ELFFile) -> Iterator[Segment]:
    """Sections at their load addresses, as objcopy makes a flat image of them.

    Whole segments would not do: the first one may begin with the ELF header itself.
    """
    loads = list(elf.iter_segments("PT_LOAD"))
    for section in elf.iter_sections():
        loaded = section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_type"] != "SHT_NOBITS"
        if not loaded or not section["sh_size"]:
            continue
        for load in loads:
            offset = section["sh_addr"] - load["p_vaddr"]
            if offset >= 0 and offset + section["sh_size"] <= load["p_filesz"]:
                address = load["p_paddr"] + offset
                yield Segment(address, section.data(), section["sh_addr"])
                break


def _symbols(elf: ELFFile) -> dict[str, Symbol]:
    table = elf.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return {}
    return {
        symbol.name: Symbol(symbol["st_value"], symbol["st_size"])
        for symbol in table.iter_symbols()
        if symbol.name and not symbol.name.startswith("$")
    }


def check(image: ElfImage, board: Board) -> None:
    """Raise SimulationError unless the image fits the board and starts with a vector table."""
    end = board.flash_origin + board.flash_size
    for segment in image.segments:
        if segment.address < board.flash_origin or segment.address + len(segment.data) > end:
            raise SimulationError(
                f"{image.path.name} has bytes at {segment.address:#010x}, outside the application "
                f"flash of {board.id} ({board.flash_origin:#x} to {end:#x})",
                HINT,
            )
    start = image.read(board.flash_origin, 8)
    stack, entry = struct.unpack("<II", start) if start else (0, 0)
    in_ram = board.ram_origin < stack <= board.ram_origin + board.ram_size
    if not in_ram or not entry & 1 or image.read(entry & ~1, 2) is None:
        raise SimulationError(
            f"{image.path.name} has no vector table at {board.flash_origin:#x}: it starts with "
            f"stack {stack:#010x}, entry {entry:#010x}",
            "the linker script must put the vector table first: a stack in RAM, an odd entry point",
        )
