"""Steps that move bytes: a loop nest through two arrangements, or rows where that is all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinydeploy.abi import limits
from tinydeploy.graph.ir import Op, Tensor
from tinydeploy.graph.write_tflite import constant_bytes
from tinydeploy.lower.lowering import KernelCall, Lowering, refusal, require_limit
from tinydeploy.lower.plan.ir import Buffer, Constant, Field, Pointer

_DIMS = limits.MOVE_DIMS.most
_FEWEST_ROW_BYTES = 4  # of td_copy; shorter ones are what td_move is for

Strides = Sequence[int]


@dataclass(frozen=True)
class StridedCopy:
    """Loops through two arrangements of the same elements, axis by axis.

    Attributes:
        counts: indices along each axis.
        input_strides, output_strides: bytes from index to index along each axis.
        input_offset, output_offset: bytes before the first element.
    """

    counts: Sequence[int]
    input_strides: Strides
    output_strides: Strides
    input_offset: int = 0
    output_offset: int = 0


def element_bytes(op: Op, tensor: Tensor) -> int:
    """Of whole bytes.

    Raises:
        NotCompilableError: it is packed tighter.
    """
    if tensor.type.bits < 8:
        raise refusal(op, f"moves {tensor.type.label}")
    return tensor.type.bits // 8


def dense_strides(counts: Sequence[int], like: Tensor) -> list[int]:
    """Bytes from index to index along each axis of elements without gaps."""
    size = max(like.type.bits // 8, 1)
    return [size * math.prod(counts[axis + 1 :]) for axis in range(len(counts))]


def strides_of(tensor: Tensor) -> list[int]:
    """The same of a tensor."""
    return dense_strides(tensor.shape, tensor)


def constant_integers(op: Op, tensor: Tensor | None) -> list[int]:
    """The integers of a constant operand."""
    if tensor is None or tensor.data is None:
        raise refusal(op, "has bounds that are not constant")
    return [int(value) for value in tensor.data.reshape(-1)]


def gather(
    lowering: Lowering,
    op: Op,
    source: Tensor,
    counts: Sequence[int],
    through: Strides,
    *,
    offset: int = 0,
) -> None:
    """Append a step that fills the operator's output, index by index of `counts`."""
    if math.prod(counts) != op.outputs[0].size:
        raise refusal(op, "has an output of another size")
    nest = StridedCopy(counts, through, dense_strides(counts, source), offset)
    move(lowering, op, source, lowering.output(op), nest)


def move(lowering: Lowering, op: Op, source: Tensor, target: Buffer, copy: StridedCopy) -> None:
    """Append a step that moves bytes of `source` to `target`."""
    run, loops = _joined(element_bytes(op, source), copy)
    require_limit(op, limits.MOVE_DIMS, len(loops))
    rows = loops[0] if loops else (1, 0, 0)
    if len(loops) <= 1 and run >= _FEWEST_ROW_BYTES and min(rows) >= 0:
        count, from_row, to_row = rows
        function, kind = "td_copy", "CopyParams"
        params: dict[str, Field] = {
            "rows": count,
            "bytes": run,
            "input_stride": from_row,
            "output_stride": to_row,
        }
        given = _part(lowering, source, copy.input_offset)
    else:
        nest = [(1, 0, 0)] * (_DIMS - len(loops)) + loops
        columns = list(zip(*nest, strict=True))
        function, kind = "td_move", "MoveParams"
        params = {"offset": copy.input_offset, "bytes": run, "counts": columns[0]}
        params |= {"input_strides": columns[1], "output_strides": columns[2]}
        given = _part(lowering, source, 0)
    at = copy.output_offset
    part = Buffer(target.name, target.size - at, base=target, shift=at)
    lowering.append(
        op,
        KernelCall(
            "dsp/copy.h" if function == "td_copy" else "dsp/move.h",
            function,
            [given, Pointer(part)],
            reads=[] if source.is_constant else [lowering.buffer(source)],
            writes=target,
            params_type=kind,
            params=params,
        ),
    )


def _part(lowering: Lowering, source: Tensor, offset: int) -> Constant | Pointer:
    """The bytes of `source` from `offset` on."""
    if source.is_constant:
        data = np.frombuffer(constant_bytes(source), np.int8)
        return Constant("given", data[offset:])
    whole = lowering.buffer(source)
    part = Buffer(whole.name, whole.size - offset, base=whole, shift=offset) if offset else whole
    return Pointer(part, "const int8_t")


def _joined(element: int, copy: StridedCopy) -> tuple[int, list[tuple[int, int, int]]]:
    """Bytes of a run, and the loops around it, outermost first."""
    loops: list[tuple[int, int, int]] = []
    for count, ins, outs in zip(copy.counts, copy.input_strides, copy.output_strides, strict=True):
        if count == 1:
            continue
        if loops and loops[-1][1] == count * ins and loops[-1][2] == count * outs:
            loops[-1] = (loops[-1][0] * count, ins, outs)
        else:
            loops.append((count, ins, outs))
    if loops and loops[-1][1:] == (element, element):
        return loops.pop()[0] * element, loops
    return element, loops
