"""Steps that move bytes: a loop nest through two arrangements, or rows where that is all."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinydeploy.abi import limits
from tinydeploy.graph.ir import Op, Tensor
from tinydeploy.graph.write_tflite import constant_bytes
from tinydeploy.lower.lowering import Lowering, refusal, require_limit
from tinydeploy.lower.plan import Buffer, Constant, Field, Pointer

_DIMS = limits.MOVE_DIMS.most
_FEWEST_ROW_BYTES = 4  # of td_copy; shorter ones are what td_move is for

Steps = Sequence[int]


def element_bytes(op: Op, tensor: Tensor) -> int:
    """Of whole bytes.

    Raises:
        NotCompilableError: it is packed tighter.
    """
    if tensor.type.bits < 8:
        raise refusal(op, f"moves {tensor.type.label}")
    return tensor.type.bits // 8


def dense_steps(counts: Steps, like: Tensor) -> list[int]:
    """Bytes from index to index along each axis of elements without gaps."""
    size = max(like.type.bits // 8, 1)
    return [size * math.prod(counts[axis + 1 :]) for axis in range(len(counts))]


def steps_of(tensor: Tensor) -> list[int]:
    """The same of a tensor."""
    return dense_steps(tensor.shape, tensor)


def numbers(op: Op, tensor: Tensor | None) -> list[int]:
    """The integers of a constant operand."""
    if tensor is None or tensor.data is None:
        raise refusal(op, "has bounds that are not constant")
    return [int(value) for value in tensor.data.reshape(-1)]


def gather(
    lowering: Lowering, op: Op, source: Tensor, counts: Steps, through: Steps, *, offset: int = 0
) -> None:
    """Append a step that fills the operator's output, index by index of `counts`."""
    if math.prod(counts) != op.outputs[0].size:
        raise refusal(op, "has an output of another size")
    dense = dense_steps(counts, source)
    move(lowering, op, source, lowering.output(op), counts, through, dense, offset=offset)


def move(
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
    """Append a step that moves from `source` + offset bytes to `target` + at bytes."""
    run, loops = _joined(element_bytes(op, source), counts, input_steps, output_steps)
    require_limit(op, limits.MOVE_DIMS, len(loops))
    rows = loops[0] if loops else (1, 0, 0)
    if len(loops) <= 1 and run >= _FEWEST_ROW_BYTES and min(rows) >= 0:
        fields = ("rows", "input_step", "output_step")
        params: dict[str, Field] = {"bytes": run, **dict(zip(fields, rows, strict=True))}
        order = ("rows", "bytes", "input_step", "output_step")
        function, kind = "td_copy", "CopyParams"
        params = {name: params[name] for name in order}
        given = _part(lowering, source, offset)
    else:
        nest = [(1, 0, 0)] * (_DIMS - len(loops)) + loops
        columns = list(zip(*nest, strict=True))
        function, kind = "td_move", "MoveParams"
        params = {"offset": offset, "bytes": run, "counts": columns[0]}
        params |= {"input_steps": columns[1], "output_steps": columns[2]}
        given = _part(lowering, source, 0)
    part = Buffer(target.name, target.size - at, base=target, shift=at)
    lowering.call(
        op,
        "dsp/copy.h" if function == "td_copy" else "dsp/move.h",
        function,
        [given, Pointer(part)],
        reads=[] if source.is_constant else [lowering.buffer(source)],
        writes=target,
        params_type=kind,
        params=params,
    )


def _part(lowering: Lowering, source: Tensor, offset: int) -> Constant | Pointer:
    """The bytes of `source` from `offset` on."""
    if source.is_constant:
        data = np.frombuffer(constant_bytes(source), np.int8)
        return Constant("given", data[offset:])
    whole = lowering.buffer(source)
    part = Buffer(whole.name, whole.size - offset, base=whole, shift=offset) if offset else whole
    return Pointer(part, "const int8_t")


def _joined(
    element: int, counts: Steps, input_steps: Steps, output_steps: Steps
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
    if loops and loops[-1][1:] == (element, element):
        return loops.pop()[0] * element, loops
    return element, loops
