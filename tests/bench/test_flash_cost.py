"""The base of a firmware stays small, and an operator that is registered shows."""

from __future__ import annotations

import pytest
from tinydeploy import boards
from tinydeploy.bench import flash_cost


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
    reshape = flash_cost.operator("RESHAPE", board, below)
    assert 100 < reshape.flash_bytes < 1_000
    assert reshape.ram_bytes == 0


def test_usb_costs_less_than_its_goal() -> None:
    board = boards.load("nano33")
    port = flash_cost.usb(board, flash_cost.compiled_base(board))
    print(port)
    assert 1_000 < port.flash_bytes < 3_584
    assert 200 < port.ram_bytes < 512
