"""Rules for operators that move numbers and change none: slices, padding, transposition, stacking.

All are one loop nest (firmware/dsp/move.h), found from steps through the two tensors; dimensions
that lie behind one another on both sides are joined.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinydeploy.abi import limits
from tinydeploy.graph.ir import Op, Tensor
from tinydeploy.lower.lowering import (
    Lowering,
    quantization_of,
    refusal,
    require_int8,
    require_limit,
    scale_of,
)
from tinydeploy.lower.plan import Buffer, Constant, Pointer

_DIMS = limits.MOVE_DIMS.most
_MASKS = ("ellipsis_mask", "new_axis_mask")

Steps = Sequence[int]


def concatenation(lowering: Lowering, op: Op) -> None:
    """CONCATENATION of int8 tensors of one quantization."""
    result = op.outputs[0]
    _require_same(op, *op.operands, result)
    if op.options.get("fused_activation_function", "NONE") != "NONE":
        raise refusal(op, "has a fused activation")
    axis = int(op.options["axis"]) % len(result.shape)
    output, steps, at = lowering.output(op), _steps(result.shape), 0
    for tensor in op.operands:
        dense = _steps(tensor.shape)
        _move(lowering, op, tensor, output, tensor.shape, dense, steps, at=at * steps[axis])
        at += tensor.shape[axis]


def pack(lowering: Lowering, op: Op) -> None:
    """PACK: stack tensors along a new axis."""
    result = op.outputs[0]
    _require_same(op, *op.operands, result)
    axis = int(op.options.get("axis", 0)) % len(result.shape)
    output, steps = lowering.output(op), _steps(result.shape)
    inside = [*steps[:axis], *steps[axis + 1 :]]
    for index, tensor in enumerate(op.operands):
        dense = _steps(tensor.shape)
        _move(lowering, op, tensor, output, tensor.shape, dense, inside, at=index * steps[axis])


def split(lowering: Lowering, op: Op) -> None:
    """SPLIT, SPLIT_V and UNPACK: parts along an axis, each an output."""
    source, axis = _split_source(op)
    _require_same(op, source, *op.outputs)
    steps = _steps(source.shape)
    at = 0
    for result in op.outputs:
        taken = result.shape[axis] if op.code != "UNPACK" else 1
        counts = [*source.shape]
        counts[axis] = taken
        target = lowering.buffer(result)
        _move(lowering, op, source, target, counts, steps, _steps(counts), offset=at * steps[axis])
        at += taken


def transpose(lowering: Lowering, op: Op) -> None:
    """TRANSPOSE by a constant permutation."""
    source, result = op.operands[0], op.outputs[0]
    _require_same(op, source, result)
    order = _numbers(op, op.input(1))
    steps = _steps(source.shape)
    _move(
        lowering, op, source, lowering.output(op), result.shape,
        [steps[axis] for axis in order], _steps(result.shape),
    )  # fmt: skip


def slices(lowering: Lowering, op: Op) -> None:
    """SLICE and STRIDED_SLICE with constant bounds."""
    source, result = op.operands[0], op.outputs[0]
    _require_same(op, source, result)
    begins = _numbers(op, op.input(1))
    strides = [1] * len(begins)
    counts = list(result.shape)
    if op.code == "STRIDED_SLICE":
        if any(op.options.get(mask, 0) for mask in _MASKS) or op.options.get("offset"):
            raise refusal(op, "has an ellipsis, a new axis or an offset")
        strides = _numbers(op, op.input(3))
        begins, counts = _strided(op, source, begins, _numbers(op, op.input(2)), strides)
    steps = _steps(source.shape)
    offset = sum(begin * step for begin, step in zip(begins, steps, strict=True))
    through = [stride * step for stride, step in zip(strides, steps, strict=True)]
    _move(lowering, op, source, lowering.output(op), counts, through, _steps(counts), offset=offset)


def pad(lowering: Lowering, op: Op) -> None:
    """PAD and PADV2 with constant borders: fill, then move the input to its place."""
    source, result = op.operands[0], op.outputs[0]
    _require_same(op, source, result)
    value = scale_of(result)[1]
    if op.code == "PADV2":
        value = _numbers(op, op.input(2))[0]
    before = _numbers(op, op.input(1))[::2]
    output, steps = lowering.output(op), _steps(result.shape)
    lowering.call(
        op,
        "dsp/copy.h",
        "td_fill",
        [Pointer(output)],
        reads=[],
        writes=output,
        params_type="FillParams",
        params={"bytes": result.nbytes, "value": value},
    )
    at = sum(size * step for size, step in zip(before, steps, strict=True))
    _move(lowering, op, source, output, source.shape, _steps(source.shape), steps, at=at)


def _split_source(op: Op) -> tuple[Tensor, int]:
    if op.code == "SPLIT":
        source, axis = op.operands[1], _numbers(op, op.input(0))[0]
    elif op.code == "SPLIT_V":
        source, axis = op.operands[0], _numbers(op, op.input(2))[0]
    else:
        source, axis = op.operands[0], int(op.options.get("axis", 0))
    return source, axis % len(source.shape)


def _strided(
    op: Op, source: Tensor, begins: Steps, ends: Steps, strides: Steps
) -> tuple[list[int], list[int]]:
    """First index and number of indices along each axis, masks and negative indices resolved."""
    firsts, counts = [], []
    for axis, size in enumerate(source.shape):
        bit, stride = 1 << axis, strides[axis]
        begin = None if op.options.get("begin_mask", 0) & bit else begins[axis]
        end = None if op.options.get("end_mask", 0) & bit else ends[axis]
        if op.options.get("shrink_axis_mask", 0) & bit:
            firsts.append(begins[axis] % size)
            counts.append(1)
            continue
        taken = range(size)[begin:end:stride]
        firsts.append(taken.start)
        counts.append(len(taken))
    if math.prod(counts) != op.outputs[0].size:
        raise refusal(op, "has an output of another size than its bounds say")
    return firsts, counts


def _require_same(op: Op, *tensors: Tensor) -> None:
    require_int8(op, *tensors)
    if any(not quantization_of(t).same(tensors[-1].quantization) for t in tensors):
        raise refusal(op, "has tensors of different scales")


def _numbers(op: Op, tensor: Tensor | None) -> list[int]:
    """The integers of a constant operand."""
    if tensor is None or tensor.data is None:
        raise refusal(op, "has bounds that are not constant")
    return [int(value) for value in tensor.data.reshape(-1)]


def _steps(shape: Steps) -> list[int]:
    """Bytes from index to index along each axis of a dense int8 tensor."""
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def _move(
    lowering: Lowering,
    op: Op,
    source: Tensor,
    target: Buffer,
    counts: Steps,
    input_steps: Steps,
    output_steps: Steps,
    *,
    offset: int = 0,
    at: int = 0,
) -> None:
    """Append a step that moves from `source` + offset to `target` + at."""
    run, loops = _joined(counts, input_steps, output_steps)
    require_limit(op, limits.MOVE_DIMS, len(loops))
    nest = [(1, 0, 0)] * (_DIMS - len(loops)) + loops
    columns = list(zip(*nest, strict=True))
    if source.data is not None:
        given: Constant | Pointer = Constant("given", source.data.reshape(-1))
    else:
        given = Pointer(lowering.buffer(source), "const int8_t")
    part = Buffer(target.name, target.size - at, base=target, shift=at)
    lowering.call(
        op,
        "dsp/move.h",
        "td_move",
        [given, Pointer(part)],
        reads=[given.buffer] if isinstance(given, Pointer) else [],
        writes=target,
        params_type="MoveParams",
        params={
            "offset": offset,
            "bytes": run,
            "counts": columns[0],
            "input_steps": columns[1],
            "output_steps": columns[2],
        },
    )


def _joined(
    counts: Steps, input_steps: Steps, output_steps: Steps
) -> tuple[int, list[tuple[int, int, int]]]:
    """Bytes of a run, and the loops around it, outermost first."""
    loops: list[tuple[int, int, int]] = []
    for count, ins, outs in zip(counts, input_steps, output_steps, strict=True):
        if count == 1:
            continue
        if loops and loops[-1][1] == count * ins and loops[-1][2] == count * outs:
            loops[-1] = (loops[-1][0] * count, ins, outs)
        else:
            loops.append((count, ins, outs))
    if loops and loops[-1][1:] == (1, 1):
        return loops.pop()[0], loops
    return 1, loops
