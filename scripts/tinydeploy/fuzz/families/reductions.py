"""Reductions over axes."""

from __future__ import annotations

from tinydeploy.fuzz.draw import Draw, Types
from tinydeploy.graph.ir import Type


def reduction(draw: Draw, code: str, types: Types) -> None:
    """MEAN, SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_ALL; one time in three over an image."""
    x = draw.source(types.data, (4,) if draw.chance(0.5) else (1, 2, 3, 4))
    pixels = draw.edge_of("window_pixels")
    if pixels is not None:
        x = draw.source(types.data, shape=(1, *draw.rectangle(pixels), draw.integer(1, 3)))
    rank = len(x.shape)
    axes = [axis for axis in range(rank) if draw.chance(0.5)] or [draw.integer(0, rank - 1)]
    if pixels is not None or (rank == 4 and draw.chance(0.6)):
        axes = [1, 2]
    keep = draw.chance(0.5)
    shape = [1 if axis in axes else n for axis, n in enumerate(x.shape) if keep or axis not in axes]
    same = code.startswith("REDUCE") or draw.chance(0.3)
    signed = [axis - rank if draw.chance(0.2) else axis for axis in axes]
    draw.result(
        code, [x, draw.numbers(signed)], shape, types.result, x.quantization if same else None,
        keep_dims=keep,
    )  # fmt: skip


def arg(draw: Draw, code: str, types: Types) -> None:
    """ARG_MAX and ARG_MIN."""
    x = draw.source(types.data)
    axis, signed = draw.axis(len(x.shape))
    shape = (*x.shape[:axis], *x.shape[axis + 1 :])
    draw.result(code, [x, draw.numbers([signed])], shape, Type.INT32, output_type="INT32")


def cumsum(draw: Draw, code: str, types: Types) -> None:
    """CUMSUM."""
    x = draw.source(types.data)
    _, signed = draw.axis(len(x.shape))
    draw.result(
        code, [x, draw.numbers([signed])], x.shape, types.result, exclusive=draw.chance(0.5),
        reverse=draw.chance(0.5),
    )  # fmt: skip


def add_n(draw: Draw, code: str, types: Types) -> None:
    """ADD_N of tensors of one scale."""
    first = draw.source(types.data)
    others = [
        draw.source(types.data, shape=first.shape, like=first) for _ in range(draw.integer(1, 4))
    ]
    draw.result(code, [first, *others], first.shape, types.result)


GENERATORS = {
    **dict.fromkeys(["MEAN", "REDUCE_ALL", "REDUCE_MAX", "REDUCE_MIN", "SUM"], reduction),
    "ADD_N": add_n,
    "ARG_MAX": arg,
    "ARG_MIN": arg,
    "CUMSUM": cumsum,
}
