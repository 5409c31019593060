"""Operators that cut out and write in parts of a tensor."""

from __future__ import annotations

from tinydeploy.fuzz.draw import Draw, Types, UnfitError


def slice_(draw: Draw, code: str, types: Types) -> None:
    """SLICE; a size of -1 means to the end."""
    x = draw.source(types.data)
    begin = [draw.integer(0, n - 1) for n in x.shape]
    size = [draw.integer(1, n - b) for n, b in zip(x.shape, begin, strict=True)]
    said = [
        -1 if b + s == n and draw.chance(0.5) else s
        for n, b, s in zip(x.shape, begin, size, strict=True)
    ]
    draw.result(
        code, [x, draw.numbers(begin), draw.numbers(said)], size, types.result, x.quantization
    )


def strided_slice(draw: Draw, code: str, types: Types) -> None:
    """STRIDED_SLICE with negative strides, open ends and dimensions that vanish."""
    x = draw.source(types.data)
    begin = [draw.integer(-n, n - 1) for n in x.shape]
    end = [draw.integer(-n - 1, n + 1) for n in x.shape]
    stride = [draw.pick((1, 1, 1, 2, 3, -1, -2)) for _ in x.shape]
    every = (1 << len(x.shape)) - 1
    begin_mask, end_mask = draw.integer(0, every), draw.integer(0, every)
    shrink = 0
    for axis in range(len(x.shape)):
        if draw.chance(0.15):
            shrink |= 1 << axis
            stride[axis] = 1
            begin_mask &= ~(1 << axis)
            end[axis] = begin[axis] + 1 if begin[axis] != -1 else x.shape[axis]
    shape = []
    for axis, n in enumerate(x.shape):
        first = None if begin_mask >> axis & 1 else begin[axis]
        last = None if end_mask >> axis & 1 else end[axis]
        count = len(range(n)[first : last : stride[axis]])
        if count == 0:
            raise UnfitError
        if not shrink >> axis & 1:
            shape.append(count)
    if not shape:
        raise UnfitError
    inputs = [x, draw.numbers(begin), draw.numbers(end), draw.numbers(stride)]
    draw.result(
        code, inputs, shape, types.result, x.quantization, begin_mask=begin_mask,
        end_mask=end_mask, shrink_axis_mask=shrink,
    )  # fmt: skip


def dynamic_update_slice(draw: Draw, code: str, types: Types) -> None:
    """DYNAMIC_UPDATE_SLICE, which moves starts that are out of range."""
    x = draw.source(types.data)
    shape = tuple(draw.integer(1, n) for n in x.shape)
    update = draw.other(types.data, shape, like=x)
    starts = draw.numbers([draw.integer(-1, n) for n in x.shape])
    draw.result(code, [x, update, starts], x.shape, types.result, x.quantization)


GENERATORS = {
    "DYNAMIC_UPDATE_SLICE": dynamic_update_slice,
    "SLICE": slice_,
    "STRIDED_SLICE": strided_slice,
}
