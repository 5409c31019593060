"""The rule for any other operator: a kernel of the interpreter, with params made on the PC."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinydeploy import bounds, kernels
from tinydeploy.graph.build import alone
from tinydeploy.graph.ir import Array, Op, Tensor, Type
from tinydeploy.graph.write_tflite import constant_bytes, dump
from tinydeploy.lower.emit import aot_prepare
from tinydeploy.lower.emit.aot_prepare import Memory, Prepared
from tinydeploy.lower.lowering import Lowering, refusal, shown
from tinydeploy.lower.plan.ir import Argument, Buffer, Constant, Kernel, Pointer, Step
from tinydeploy.ops.own_memory import scratch_bytes, state_bytes
from tinydeploy.ops.work import op_macs

KERNEL_PREFIX = "kernel_"  # of these files
_NULL = "nullptr"
_ALIGNMENT_BYTES = 8
_NO_KERNEL = Kernel("nothing.cpp", "Nothing")
_NEED_INTERPRETER = {"ASSIGN_VARIABLE", "CALL_ONCE", "IF", "READ_VARIABLE", "VAR_HANDLE", "WHILE"}


def any_operator(lowering: Lowering, op: Op) -> None:
    """A step that calls the eval function which the kernel's Prepare picks.

    Raises:
        NotCompilableError: no kernel takes it, or it is more than a call of a function.
    """
    _require_function(op)
    _append(lowering, op, _prepared(op))


def without_building(lowering: Lowering, op: Op) -> None:
    """The same step with its memory and nothing to run: what the arena is, without a compiler.

    Raises:
        NotCompilableError: it is more than a call of a function.
    """
    _require_function(op)
    if op.name in _NEED_INTERPRETER:
        raise refusal(op, "runs other subgraphs")
    kept = state_bytes(op)
    memory = [*map(Memory, scratch_bytes(op)), *([] if kept is None else [Memory(kept, 0)])]
    _append(lowering, op, Prepared(_NO_KERNEL, b"", len(op.inputs), tuple(memory)))


def _append(lowering: Lowering, op: Op, ready: Prepared) -> None:
    inputs = [_input(lowering, place, tensor) for place, tensor in enumerate(op.inputs)]
    inputs += [_NULL] * (ready.input_args - len(inputs))
    outputs = _outputs(lowering, op)
    memory = [_memory(lowering, op, needed) for needed in ready.memory]
    params = _words("params", ready.params) if ready.params else _NULL
    pointers = [Pointer(buffer, "void") for buffer in (*outputs, *memory)]
    activations = [tensor for tensor in op.operands if not tensor.is_constant]
    lowering.steps.append(
        Step(
            title=f"{op.name} {shown(activations)} -> {shown(op.outputs)}",
            op_name=op.name,
            header="compiled/kernel.h",
            function="RunKernel",
            arguments=[ready.kernel.name, params, *inputs, *pointers],
            reads=[lowering.buffer(tensor) for tensor in activations],
            writes=outputs,
            scratch=[buffer for buffer in memory if buffer.tensor is None],
            kernel=ready.kernel,
            op_index=lowering.op_index,
            macs=op_macs(op),
        )
    )


def _outputs(lowering: Lowering, op: Op) -> list[Buffer]:
    """Where the kernel writes: over an input, as the interpreter's own planner has it."""
    if len(op.outputs) == 1:
        free = (x for x in op.operands if lowering.dies_here(x, op, uses=len(op.inputs)))
        over = next((tensor for tensor in free if _may_write_over(op, tensor)), None)
        return [lowering.output(op, over, uses=len(op.inputs))]
    return [lowering.buffer(tensor) for tensor in op.outputs]


def _may_write_over(op: Op, tensor: Tensor) -> bool:
    """Whether firmware/kernels/ops.def says so, or bytes are written where wider ones were read."""
    result = op.outputs[0]
    if op.name == "QUANTIZE" and result.type is Type.INT8:
        return tensor.type.bits >= 8
    same = (tensor.type, tensor.nbytes) == (result.type, result.nbytes)
    return kernels.is_in_place(op) and same


def _memory(lowering: Lowering, op: Op, needed: Memory) -> Buffer:
    if needed.size > bounds.TENSOR_BYTES:
        raise refusal(op, f"needs {needed.size:,} bytes of its own")
    if needed.initial is None:
        return Buffer("scratch", needed.size)
    key = op.name, f"of operator {lowering.op_index}"
    lowering.first_values[key] = np.full(needed.size, needed.initial, np.uint8).view(np.int8)
    return lowering.keep(key, Tensor(op.name, Type.UINT8, (needed.size,)))


def _require_function(op: Op) -> None:
    if op.name == "CIRCULAR_BUFFER":
        raise refusal(op, "ends most inferences before their end")
    if "pad_top" in op.options:  # a band of `patching`, which no .tflite can say
        raise refusal(op, "has no kernel for a band of rows")


def _prepared(op: Op) -> Prepared:
    try:
        return aot_prepare.prepare(dump(alone(op)))
    except aot_prepare.NotPreparedError as error:
        raise refusal(op, f"has no compiled kernel: {error.message}") from error


def _input(lowering: Lowering, place: int, tensor: Tensor | None) -> Argument:
    if tensor is None:
        return _NULL
    if tensor.is_constant:
        return _words(f"input{place}_of", constant_bytes(tensor))
    return Pointer(lowering.buffer(tensor), "void")


def _words(name: str, data: bytes) -> Constant:
    """Bytes in flash as words: what is in them is the kernel's business."""
    padded: Array = np.frombuffer(data + bytes(-len(data) % 4), "<u4")
    return Constant(name, padded, _ALIGNMENT_BYTES)


def kernel_sources(steps: Sequence[Step]) -> dict[str, str]:
    """Texts of the C++ files, by name, that give a plan the kernels it calls.

    Each includes one file of firmware/kernels, whose functions have no names outside of it; the
    linker drops those that no step calls.
    """
    called = {step.kernel for step in steps if step.kernel is not None}
    files: dict[str, list[Kernel]] = {}
    for kernel in sorted(called, key=lambda kernel: (kernel.file, kernel.name)):
        files.setdefault(kernel.file, []).append(kernel)
    return {_file_name(file): source_with(file, found) for file, found in files.items()}


def _file_name(file: str) -> str:
    return f"{KERNEL_PREFIX}{file.removesuffix('.cpp').replace('/', '_')}.cc"


def source_with(file: str, called: Sequence[Kernel]) -> str:
    """A file of firmware/kernels, and constants that point to these functions of it."""
    lines = [
        f"// Kernels of {file} for plan.cc. Generated with it. Do not edit.",
        '#include "compiled/kernel.h"',
        f'#include "kernels/{file}"',
        "",
        "namespace tinydeploy {",
        "namespace compiled {",
        "",
        *[f"extern const EvalFn {kernel.name};" for kernel in called],
        *[f"const EvalFn {kernel.name} = {kernel.expression};" for kernel in called],
        "",
        "}  // namespace compiled",
        "}  // namespace tinydeploy",
    ]
    return "\n".join(lines) + "\n"
