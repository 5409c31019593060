"""Rules for operators that move numbers and change none: slices, padding, transposition, stacking.

All are one loop nest (firmware/dsp/move.h), found from the strides of the two tensors; dimensions
that are contiguous on both sides are joined. What is moved are bytes: elements of any type
of whole bytes, whatever their scale, which TFLM does not look at here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinydeploy.graph.ir import Op, Tensor, Type
from tinydeploy.graph.write_tflite import constant_bytes
from tinydeploy.lower.lowering import KernelCall, Lowering, refusal, scale_of
from tinydeploy.lower.plan.ir import Buffer, Pointer
from tinydeploy.lower.rules import strided_copy
from tinydeploy.lower.rules.strided_copy import StridedCopy, constant_integers, strides_of

_MASKS = ("ellipsis_mask", "new_axis_mask")
_PADDED = (Type.INT8, Type.INT16, Type.INT32, Type.FLOAT32)

Strides = Sequence[int]


def concatenation(lowering: Lowering, op: Op) -> None:
    """CONCATENATION along any axis."""
    result = op.outputs[0]
    if op.options.get("fused_activation_function", "NONE") != "NONE":
        raise refusal(op, "has a fused activation")
    axis = int(op.options["axis"]) % len(result.shape)
    output, strides, at = lowering.output(op), strides_of(result), 0
    for tensor in op.operands:
        if tensor.size:
            dense = strides_of(tensor)
            copy = StridedCopy(tensor.shape, dense, strides, output_offset=at * strides[axis])
            strided_copy.move(lowering, op, tensor, output, copy)
        at += tensor.shape[axis]


def pack(lowering: Lowering, op: Op) -> None:
    """PACK: stack tensors along a new axis."""
    result = op.outputs[0]
    axis = int(op.options.get("axis", 0)) % len(result.shape)
    output, strides = lowering.output(op), strides_of(result)
    inside = [*strides[:axis], *strides[axis + 1 :]]
    for index, tensor in enumerate(op.operands):
        dense = strides_of(tensor)
        copy = StridedCopy(tensor.shape, dense, inside, output_offset=index * strides[axis])
        strided_copy.move(lowering, op, tensor, output, copy)


def split(lowering: Lowering, op: Op) -> None:
    """SPLIT, SPLIT_V and UNPACK: parts along an axis, each an output."""
    source, axis = _split_source(op)
    strides, at = strides_of(source), 0
    for result in op.outputs:
        taken = result.shape[axis] if op.code != "UNPACK" else 1
        counts = [*source.shape]
        counts[axis] = taken
        target, dense = lowering.buffer(result), strided_copy.dense_strides(counts, result)
        if result.size:
            copy = StridedCopy(counts, strides, dense, at * strides[axis])
            strided_copy.move(lowering, op, source, target, copy)
        at += taken


def transpose(lowering: Lowering, op: Op) -> None:
    """TRANSPOSE by a constant permutation."""
    source = op.operands[0]
    strides = strides_of(source)
    through = [strides[axis] for axis in constant_integers(op, op.input(1))]
    strided_copy.gather(lowering, op, source, op.outputs[0].shape, through)


def slices(lowering: Lowering, op: Op) -> None:
    """SLICE and STRIDED_SLICE with constant bounds."""
    source, result = op.operands[0], op.outputs[0]
    begins, counts = constant_integers(op, op.input(1)), list(result.shape)
    strides = [1] * len(begins)
    if op.code == "STRIDED_SLICE":
        if any(op.options.get(mask, 0) for mask in _MASKS) or op.options.get("offset"):
            raise refusal(op, "has an ellipsis, a new axis or an offset")
        strides = constant_integers(op, op.input(3))
        begins, counts = _strided(op, source, begins, constant_integers(op, op.input(2)), strides)
    source_strides = strides_of(source)
    strides += [1] * (len(source_strides) - len(strides))
    offset = sum(begin * step for begin, step in zip(begins, source_strides, strict=True))
    through = [stride * step for stride, step in zip(strides, source_strides, strict=True)]
    strided_copy.gather(lowering, op, source, counts, through, offset=offset)


def pad(lowering: Lowering, op: Op) -> None:
    """PAD and PADV2 with constant borders: fill, then move the input to its place."""
    source, result = op.operands[0], op.outputs[0]
    if result.type not in _PADDED:
        raise refusal(op, f"pads {result.type.label}")
    before = constant_integers(op, op.input(1))[::2]
    output, strides = lowering.output(op), strides_of(result)
    _fill(lowering, op, output, _border(op, result))
    at = sum(size * step for size, step in zip(before, strides, strict=True))
    copy = StridedCopy(source.shape, strides_of(source), strides, output_offset=at)
    strided_copy.move(lowering, op, source, output, copy)


def depth_to_space(lowering: Lowering, op: Op) -> None:
    """DEPTH_TO_SPACE: batch, block row, row within, block column, column within, channel."""
    source, result, edge = op.operands[0], op.outputs[0], int(op.options["block_size"])
    batches, height, width, _ = source.shape
    depth = result.shape[3]
    image, row, pixel, one = strides_of(source)
    counts = (batches, height, edge, width, edge, depth)
    through = (image, row, edge * depth * one, pixel, depth * one, one)
    strided_copy.gather(lowering, op, source, counts, through)


def space_to_depth(lowering: Lowering, op: Op) -> None:
    """SPACE_TO_DEPTH: batch, block row, block column, row within, column within, channel."""
    source, result, edge = op.operands[0], op.outputs[0], int(op.options["block_size"])
    batches, height, width, _ = result.shape
    image, row, pixel, one = strides_of(source)
    counts = (batches, height, width, edge, edge, source.shape[3])
    through = (image, edge * row, edge * pixel, row, pixel, one)
    strided_copy.gather(lowering, op, source, counts, through)


def reverse(lowering: Lowering, op: Op) -> None:
    """REVERSE_V2 along constant axes."""
    source = op.operands[0]
    strides, offset = strides_of(source), 0
    for axis in {axis % len(source.shape) for axis in constant_integers(op, op.input(1))}:
        offset += (source.shape[axis] - 1) * strides[axis]
        strides[axis] = -strides[axis]
    strided_copy.gather(lowering, op, source, source.shape, strides, offset=offset)


def broadcast(lowering: Lowering, op: Op) -> None:
    """BROADCAST_TO: axes of one element again and again."""
    source, result = op.operands[0], op.outputs[0]
    missing = len(result.shape) - len(source.shape)
    own = zip(source.shape, strides_of(source), strict=True)
    through = [0] * missing + [0 if size == 1 else step for size, step in own]
    strided_copy.gather(lowering, op, source, result.shape, through)


def nearest(lowering: Lowering, op: Op) -> None:
    """RESIZE_NEAREST_NEIGHBOR by whole numbers: every pixel again and again."""
    source, result = op.operands[0], op.outputs[0]
    if op.options.get("align_corners"):
        raise refusal(op, "aligns corners")
    batches, *given, depth = source.shape
    times = [_times(op, size, now) for size, now in zip(given, result.shape[1:3], strict=True)]
    image, row, pixel, one = strides_of(source)
    counts = (batches, given[0], times[0], given[1], times[1], depth)
    strided_copy.gather(lowering, op, source, counts, (image, row, 0, pixel, 0, one))


def gather(lowering: Lowering, op: Op) -> None:
    """GATHER by constant indices of equal distance: a slice."""
    source, result = op.operands[0], op.outputs[0]
    indices, rank = constant_integers(op, op.input(1)), len(source.shape)
    if op.options.get("batch_dims", 0):
        raise refusal(op, "gathers in batches")
    axis = int(op.options.get("axis", 0)) % rank
    stride = indices[1] - indices[0] if len(indices) > 1 else 1
    even = [indices[0] + stride * number for number in range(len(indices))]
    if indices != even or not all(0 <= index < source.shape[axis] for index in indices):
        raise refusal(op, "has indices that are no slice")
    source_strides, counts = strides_of(source), list(source.shape)
    counts[axis], offset = len(indices), indices[0] * source_strides[axis]
    if math.prod(counts) != result.size:
        raise refusal(op, "has an output of another size")
    source_strides[axis] *= stride
    strided_copy.gather(lowering, op, source, counts, source_strides, offset=offset)


def _times(op: Op, size: int, now: int) -> int:
    """How often each of `size` rows comes in `now`, as TFLM's floats have it."""
    times, rest = divmod(now, size)
    at = np.arange(now, dtype=np.float32) + np.float32(
        0.5 * bool(op.options.get("half_pixel_centers"))
    )
    taken = np.floor(at * np.float32(np.float32(size) / np.float32(now))).astype(int)
    if rest or (np.minimum(taken, size - 1) != np.arange(now) // max(times, 1)).any():
        raise refusal(op, "is no whole number of times larger")
    return times


def _border(op: Op, result: Tensor) -> bytes:
    """Bytes of an element of the border: the real zero, or what the model says."""
    if op.code != "PADV2":
        quantized = result.type in (Type.INT8, Type.INT16) and result.quantization is not None
        value = scale_of(result)[1] if quantized else 0
        return int(value).to_bytes(result.type.bits // 8, "little", signed=True)
    value_of = op.input(2)
    if value_of is None or not value_of.is_constant:
        raise refusal(op, "has a border that is not constant")
    return constant_bytes(value_of)[: result.type.bits // 8]


def _fill(lowering: Lowering, op: Op, output: Buffer, element: bytes) -> None:
    """Append a step that fills `output` with an element."""
    word = int.from_bytes(element * (4 // len(element)), "little", signed=True)
    same = len(set(element)) == 1
    value = int.from_bytes(element[:1], "little", signed=True) if same else word
    lowering.append(
        op,
        KernelCall(
            "dsp/copy.h",
            "td_fill" if same else "td_fill_words",
            [Pointer(output)],
            reads=[],
            writes=output,
            params_type="FillParams",
            params={"bytes": output.size, "value": value},
        ),
    )


def _split_source(op: Op) -> tuple[Tensor, int]:
    if op.code == "SPLIT":
        source, axis = op.operands[1], constant_integers(op, op.input(0))[0]
    elif op.code == "SPLIT_V":
        source, axis = op.operands[0], constant_integers(op, op.input(2))[0]
    else:
        source, axis = op.operands[0], int(op.options.get("axis", 0))
    return source, axis % len(source.shape)


def _strided(
    op: Op, source: Tensor, begins: Strides, ends: Strides, strides: Strides
) -> tuple[list[int], list[int]]:
    """First index and number of indices along each axis, masks and negative indices resolved.

    Axes after those that have bounds are taken whole.
    """
    firsts, counts = [], []
    for axis, size in enumerate(source.shape):
        if axis >= len(begins):
            firsts.append(0)
            counts.append(size)
            continue
        bit, stride = 1 << axis, strides[axis]
        begin = None if op.options.get("begin_mask", 0) & bit else begins[axis]
        end = None if op.options.get("end_mask", 0) & bit else ends[axis]
        if op.options.get("shrink_axis_mask", 0) & bit:
            firsts.append(0 if begin is None else begin % size)
            counts.append(1)
            continue
        taken = range(size)[begin:end:stride]
        firsts.append(taken.start)
        counts.append(len(taken))
    if math.prod(counts) != op.outputs[0].size:
        raise refusal(op, "has an output of another size than its bounds say")
    return firsts, counts
