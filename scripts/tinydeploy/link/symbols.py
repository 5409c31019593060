"""Addresses of a firmware image as function names."""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from pathlib import Path
from typing import Any

from tinydeploy.link.fault import Symbolize


def symbolizer(elf: Path) -> Symbolize:
    """A function that names an address of `elf` as `function+0x12`, or gives it in hex."""

    def name(address: int) -> str:
        starts, symbols = _functions(elf)
        at = bisect_right(starts, address & ~1) - 1
        if at < 0 or address >= symbols[at][1]:
            return f"{address:#010x}"
        return f"{symbols[at][0]}+{(address & ~1) - starts[at]:#x}"

    return name


@cache
def _functions(elf: Path) -> tuple[list[int], list[tuple[str, int]]]:
    """Start addresses, and beside each name and end address, sorted."""
    from elftools.elf.elffile import ELFFile

    with elf.open("rb") as stream:
        table: Any = ELFFile(stream).get_section_by_name(".symtab")
        entries = table.iter_symbols() if table is not None else ()
        found = sorted(
            (entry["st_value"] & ~1, entry.name, entry["st_size"])
            for entry in entries
            if entry["st_info"]["type"] == "STT_FUNC"
        )
    return [start for start, _, _ in found], [(name, start + size) for start, name, size in found]
