"""The memory map of each board as regions of the MPU: what they allow is what the map says."""

from __future__ import annotations

import dataclasses
import random

import pytest
from tinydeploy import boards, protection
from tinydeploy.errors import UsageError
from tinydeploy.protection import Area, Region, Rule
from tinydeploy.stages import board_files

REAL = [board for board in map(boards.load, boards.names()) if not board.is_host]


def allowed(regions: list[Region], address: int) -> Rule:
    """By the architecture: the highest region that holds the address, without its left out parts."""
    for region in reversed(regions):
        offset = address - region.base
        part = offset * protection.SUBREGIONS // region.size if region.size else 0
        if 0 <= offset < region.size and not region.disabled >> part & 1:
            return region.rule
    return Rule.NOTHING


def wanted(areas: tuple[Area, ...], address: int) -> Rule:
    return next((area.rule for area in areas if area.holds(address)), Rule.NOTHING)


@pytest.mark.parametrize("board", REAL, ids=lambda board: board.id)
def test_regions_allow_the_areas_and_nothing_else(board: boards.Board) -> None:
    areas, regions = protection.areas(board), protection.regions(board)
    assert len(regions) <= protection.REGIONS - (board.slot_bytes != 0)
    marks = {at for area in areas for at in (area.start, area.end, *area.hole)}
    marks |= {region.base + part * region.size // 8 for region in regions for part in range(9)}
    stranger = random.Random(2)
    probes = {0, 4, 0xFFFFFFFF} | {mark + by for mark in marks for by in (-4, -1, 0, 3)}
    probes |= {stranger.randrange(1 << 32) for _ in range(5000)}
    for address in probes:
        if address >= 0:
            assert allowed(regions, address) is wanted(areas, address), hex(address)
    assert allowed(regions, 0) is Rule.NOTHING
    for region in regions:
        assert region.size & region.size - 1 == 0
        assert region.size >= 32
        assert region.base % region.size == 0
        assert not region.disabled or region.size >= 256


def test_any_stretch_of_memory_is_covered_exactly() -> None:
    stranger = random.Random(3)
    for _ in range(300):
        unit = 1 << stranger.randrange(5, 15)
        start, length = unit * stranger.randrange(60), unit * stranger.randrange(1, 60)
        area = Area("x", start, start + length, Rule.CODE)
        regions = protection.cover(area)
        for mark in (start, start + length, *(start + stranger.randrange(length) for _ in range(9))):
            for address in (mark - 1, mark):
                if address >= 0:
                    assert (allowed(regions, address) is Rule.CODE) is area.holds(address)


def test_a_map_that_takes_too_many_regions_is_refused() -> None:
    nano = boards.load("nano33")
    ragged = dataclasses.replace(nano, flash_origin=0x10420, flash_size=0x9B3E0)
    with pytest.raises(UsageError, match="regions of the MPU"):
        board_files.texts(ragged)


def test_addresses_in_words() -> None:
    name = protection.namer(boards.load("nano33"))
    assert name(0x20000000) == "RAM: read and written, never executed"
    assert name(0x1FFFFFFC) == "below the stack, which has run over"
    assert name(0) == "out of bounds, as of a null pointer"
    assert name(0x8000) == "out of bounds: the bootloader's"
    assert name(0x40002000) == "peripherals: registers"
    assert name(0x40050000) == "out of bounds"
    assert protection.namer(boards.load("host"))(0) == protection.namer(None)(0) == ""
