"""What the device's interpreter keeps in the arena besides the tensors.

This repeats, for 32-bit pointers, what firmware/runtime/allocate.cpp and the kernels' Prepare ask
for, so that the arena is known before anything is built. tests/graph/test_persistent.py compares
the sizes of the params with the C++ structs.
"""

from __future__ import annotations

from tinydeploy.graph.ir import Model, Op, Type

POINTER_BYTES = 4
STEP_BYTES = 3 * POINTER_BYTES  # eval, params, args
BUFFER_BYTES = 12  # a planner's record, one a tensor, only while preparing
ARENA_ALIGNMENT_BYTES = 16
_USUAL_PARAMS_BYTES = 48

# sizeof(Params) of each kernel: for quantized types, for float32.
PARAMS_BYTES: dict[str, tuple[int, int]] = {}
_PER_CHANNEL_BYTES = 5  # multiplier and shift
_PER_CHANNEL = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "TRANSPOSE_CONV": 0, "FULLY_CONNECTED": 0}


def persistent_bytes(model: Model) -> tuple[int, bool]:
    """Bytes kept for good, and whether the figure is exact."""
    subgraph = model.main
    ends = len(subgraph.inputs) + len(subgraph.outputs)
    total = len(subgraph.ops) * STEP_BYTES + ends * POINTER_BYTES
    total += sum(_aligned(_op_bytes(op), 4) for op in subgraph.ops)
    total += sum(_aligned(t.nbytes, 16) for t in subgraph.tensors if t.is_variable)
    return total, all(op.name in PARAMS_BYTES for op in subgraph.ops)


def arena_bytes(model: Model, planned_bytes: int, kept_bytes: int) -> int:
    """The arena to provide: the tensors share their room with the bookkeeping of preparing."""
    bookkeeping = len(model.main.tensors) * BUFFER_BYTES
    return _aligned(max(planned_bytes, bookkeeping) + kept_bytes, ARENA_ALIGNMENT_BYTES)


def _op_bytes(op: Op) -> int:
    arguments = (len(op.inputs) + len(op.outputs)) * POINTER_BYTES
    return arguments + _aligned(params_bytes(op), 4)


def params_bytes(op: Op) -> int:
    """Bytes of the params that the kernel keeps for `op`."""
    is_float = bool(op.outputs) and op.outputs[0].type is Type.FLOAT32
    fixed = PARAMS_BYTES.get(op.name, (_USUAL_PARAMS_BYTES, _USUAL_PARAMS_BYTES))[is_float]
    return fixed + (0 if is_float else _channels(op) * _PER_CHANNEL_BYTES)


def _channels(op: Op) -> int:
    weights = op.input(1) if op.code in _PER_CHANNEL else None
    if weights is None or not weights.shape:
        return 0
    return weights.shape[_PER_CHANNEL[op.code] % len(weights.shape)]


def _aligned(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment
