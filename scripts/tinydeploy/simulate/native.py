"""Chooses the block counter: a compiled one if Zig is there, else the Python one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinydeploy.simulate.cycles import Block, BlockCounter


def make_counter(
    uc: Any, find_block: Callable[[int, int], Block | None], native: bool | None
) -> BlockCounter:
    """A counter for `uc`."""
    return BlockCounter(uc, find_block)
