"""What is in a firmware image, read from its ELF file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydeploy.errors import BuildError

ARENA_SYMBOL = "g_tensor_arena"
MODEL_SYMBOL = "g_model"
STACK_SECTION = ".stack"
LONGEST_GAP_BYTES = 1 << 16  # between parts of one image

Breakdown = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Sizes:
    """Sizes of an image in bytes.

    Attributes:
        flash_bytes: all that is loaded into flash.
        ram_bytes: initialised and zeroed data, without arena and stack.
        arena_bytes, stack_bytes: as linked; the stack of a PC program is 0.
        model_bytes: the model's share of the flash.
    """

    flash_bytes: int
    ram_bytes: int
    arena_bytes: int
    stack_bytes: int
    model_bytes: int
    code_bytes: int
    data_bytes: int

    @property
    def all_ram_bytes(self) -> int:
        """RAM with arena and stack."""
        return self.ram_bytes + self.arena_bytes + self.stack_bytes

    @property
    def flash_breakdown(self) -> Breakdown:
        """Parts of the flash by name; they add up."""
        constants = self.flash_bytes - self.model_bytes - self.code_bytes - self.data_bytes
        parts = {"model": self.model_bytes, "code": self.code_bytes, "constants": constants}
        return (*parts.items(), ("initial data", self.data_bytes))

    @property
    def ram_breakdown(self) -> Breakdown:
        """Parts of the RAM by name; they add up."""
        return (
            ("static", self.ram_bytes),
            ("arena", self.arena_bytes),
            ("stack", self.stack_bytes),
        )


def sizes_of(elf_path: Path) -> Sizes:
    """Measure an image."""
    with elf_path.open("rb") as stream:
        elf = _elf(stream)
        sections = {section.name: section for section in elf.iter_sections()}
        arena = _symbol_bytes(elf, ARENA_SYMBOL)
        stack = sections[STACK_SECTION]["sh_size"] if STACK_SECTION in sections else 0
        data = _total(sections, loaded=True, flags=_WRITE)
        in_flash = _total(sections, loaded=True)
        return Sizes(
            flash_bytes=in_flash,
            ram_bytes=data + _total(sections, loaded=False) - arena - stack,
            arena_bytes=arena,
            stack_bytes=stack,
            model_bytes=_symbol_bytes(elf, MODEL_SYMBOL),
            code_bytes=_total(sections, loaded=True, flags=_EXECUTE),
            data_bytes=data,
        )


def flash_bytes_of(elf_path: Path, origin: int) -> bytes:
    """The image as it lies in flash, from `origin` to its last byte; gaps read as erased flash.

    Raises:
        BuildError: it does not start at `origin`, or reaches far beyond itself.
    """
    with elf_path.open("rb") as stream:
        segments = sorted(_load_segments(_elf(stream)))
    end = max(address + len(data) for address, data in segments)
    longest = sum(len(data) for _, data in segments) + LONGEST_GAP_BYTES
    if segments[0][0] != origin or end - origin > longest:
        raise BuildError(
            f"{elf_path} covers {segments[0][0]:#x} to {end:#x} instead of starting at {origin:#x}",
            "the linker script of the board does not fit the compiler; try the other toolchain",
        )
    flat = bytearray(b"\xff" * (end - origin))
    for address, data in segments:
        flat[address - origin : address - origin + len(data)] = data
    return bytes(flat)


def _load_segments(elf: Any) -> Iterator[tuple[int, bytes]]:
    for segment in elf.iter_segments("PT_LOAD"):
        if segment["p_filesz"]:
            yield segment["p_paddr"], segment.data()


def _elf(stream: Any) -> Any:
    from elftools.elf.elffile import ELFFile

    return ELFFile(stream)


_WRITE, _ALLOC, _EXECUTE = 1, 2, 4  # SHF_ flags


def _total(sections: dict[str, Any], *, loaded: bool, flags: int = 0) -> int:
    """Bytes in sections that take memory, are in the file or not, and have all of `flags`."""
    return sum(
        section["sh_size"]
        for section in sections.values()
        if section["sh_flags"] & (_ALLOC | flags) == _ALLOC | flags
        and (section["sh_type"] != "SHT_NOBITS") == loaded
    )


def _symbol_bytes(elf: Any, name: str) -> int:
    table = elf.get_section_by_name(".symtab")
    symbols = table.get_symbol_by_name(name) if table is not None else None
    return int(symbols[0]["st_size"]) if symbols else 0
