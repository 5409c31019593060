"""The base of a firmware stays small, and an operator that is registered shows."""

from __future__ import annotations

import re

import pytest
from tinydeploy import boards
from tinydeploy.bench import flash_cost
from tinydeploy.config import ROOT
from tinydeploy.ops.types import SUPPORTED


@pytest.mark.parametrize("name", ["nano33", "sparkfun_edge"])
def test_base_meets_its_goal(name: str) -> None:
    board = boards.load(name)
    for cost in (flash_cost.base(board), flash_cost.compiled_base(board)):
        print(cost)
        assert 4_000 < cost.flash_bytes <= flash_cost.GOAL_FLASH_BYTES
        assert 500 < cost.ram_bytes <= flash_cost.GOAL_RAM_BYTES


def test_an_operator_costs_flash() -> None:
    board = boards.load("nano33")
    below = flash_cost.base(board)
    reshape, shape, together = flash_cost.operators(["RESHAPE", "SHAPE"], board, below)
    assert 100 < reshape.flash_bytes < 1_000
    assert reshape.ram_bytes == shape.ram_bytes <= 4  # the resolver's count, if there is any
    both = reshape.flash_bytes + shape.flash_bytes
    assert max(reshape.flash_bytes, shape.flash_bytes) < together.flash_bytes <= both


def test_the_document_has_every_operator() -> None:
    text = (ROOT / "docs" / "flash_cost.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\w+) \| ([\d,]+) \|$", text, re.MULTILINE))
    assert set(rows) == set(SUPPORTED)
    assert all(int(cost.replace(",", "")) > 0 for cost in rows.values())


def test_variants_are_what_a_build_makes() -> None:
    """Many in one run, and one image by itself."""
    board = boards.load("nano33")
    below = flash_cost.base(board)
    alone = flash_cost._built("ABS", ["AddAbs"], board, "zig")
    abs_, _ = flash_cost.operators(["ABS"], board, below)
    assert abs_.flash_bytes == alone.flash_bytes - below.flash_bytes


def test_usb_costs_less_than_its_goal() -> None:
    board = boards.load("nano33")
    port = flash_cost.usb(board, flash_cost.compiled_base(board))
    print(port)
    assert 1_000 < port.flash_bytes < 3_584
    assert 200 < port.ram_bytes < 512
