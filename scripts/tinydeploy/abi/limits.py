"""Limits of the kernels, each declared once: sizes of fixed arrays, and how far a sum may go.

`emit` writes them as `firmware/abi/limits.h`. Lowering asks here before it chooses a kernel, C++
sizes its arrays by them, and the fuzzer draws sizes around them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """The most that something may be.

    Attributes:
        name: in C++ the same in camel case with a k in front.
        most: the largest that is fine.
        doc: what is limited, and what happens beyond.
    """

    name: str
    most: int
    doc: str


CONV_WINDOW_ROWS = Limit(
    "conv_window_rows", 32, "rows of a window that td_conv points to from its stack; else scratch"
)
GATHERED_PIXELS = Limit(
    "gathered_pixels", 16, "pixels that td_conv and td_pointwise take at a time"
)

LIMITS = (CONV_WINDOW_ROWS, GATHERED_PIXELS)
