"""Sizes at the limits of the kernels, one below and one above each, from their declarations.

A generator asks `Draw.size` for a size by the name that `abi.limits` and `abi.params` give it: a
limit that is declared there is drawn from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from tinydeploy.abi import limits, params

# Sizes that follow from others, or that no model has as such.
_FOLLOW = """
    out_height out_width pad_top pad_left row_words steps batch band pairs left copies_rows
    is_signed input_zero_point output_zero_point zero_point_a zero_point_b lowest highest
    group_depth group_outputs taps positions step stride up down
"""
DERIVED = frozenset(_FOLLOW.split())
MOST = 1 << 16  # what fits the simulated core
# TFLM holds these in 16 bits and computes anything beyond.
_SHORT = ("stride_height", "stride_width", "dilation_height", "dilation_width")
_SHORT_MOST = (1 << 15) - 1


@dataclass(frozen=True)
class Edge:
    """A size to be drawn as `value`, `most` being the last that is within the limit."""

    size: str
    value: int
    most: int


def _most(size: str) -> int:
    return _SHORT_MOST if size in _SHORT else MOST


@cache
def edges_of(code: str) -> tuple[Edge, ...]:
    """All edges of an operator."""
    named = [(limit.size, limit.most) for limit in limits.LIMITS if code in limit.operators]
    for struct in params.OF_OPERATOR.get(code, ()):
        named += [(f.name, f.range[1]) for f in struct.fields if f.name not in DERIVED]
    unique = sorted({pair for pair in named if pair[0] and pair[1] <= _most(pair[0])})
    return tuple(Edge(size, most + step, most) for size, most in unique for step in (-1, 0, 1))
