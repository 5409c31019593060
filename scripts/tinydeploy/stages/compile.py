"""The model as C++: `model.h` and `model.cc`, for our firmware and for any TFLM project.

The text depends on nothing but the model and the arguments, and a file is only written if its
content changed, so that an incremental build stays one.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinydeploy import memory, whole
from tinydeploy.boards import Board
from tinydeploy.errors import ModelFileError, ModelTooLargeError
from tinydeploy.foreign import c_string, comment
from tinydeploy.graph import read_tflite
from tinydeploy.graph.ir import Model, Tensor
from tinydeploy.ops import cmsis_nn, support, work
from tinydeploy.ops.resolver import method_of
from tinydeploy.stages.program_folder import HEADER_FILE, MODEL_FILE

ALIGNMENT_BYTES = 16  # what TFLM asks of the model and of the arena


@dataclass(frozen=True)
class TensorInfo:
    """An input or output; `scale` and `zero_point` are None where it is not quantized."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    zero_point: int | None

    @property
    def size(self) -> int:
        """Number of elements."""
        size = 1
        for extent in self.shape:
            size *= extent
        return size


@dataclass(frozen=True, eq=False)
class ProgramStep:
    """A step as the device counts them: an operator, or a call of the compiled engine.

    Attributes:
        name: of its first output.
        tensors: outputs that are tensors of the .tflite as well, and their indices there.
        fallback: why no faster kernel computes it, "" if there is none.
    """

    op: str
    output_shape: tuple[int, ...]
    name: str
    tensors: Mapping[Tensor, int]
    macs: int
    fallback: str = ""


@dataclass(frozen=True)
class Program:
    """A model made ready for a firmware build.

    Attributes:
        header, source: the generated model.h and model.cc.
        sha256: hash of the .tflite, hexadecimal.
        model_bytes: size of the .tflite.
        constants_bytes: what of the model lies in flash: the .tflite, or the plan's constants.
        steps: what the device runs, in order.
        memory: where its buffers lie in the arena.
        ops: operator names of the main subgraph in execution order.
        inputs, outputs: of the main subgraph.
        macs: multiply-accumulates of one inference.
        arena_bytes, tflm_arena_bytes: as given to `compile_model`.
        cmsis_nn_bytes: what upstream's CMSIS-NN kernels need of the arena on top.
        chosen: what was taken because the board had no room otherwise, for people.
    """

    name: str
    folder: Path
    header: Path
    source: Path
    tflite: Path
    sha256: str
    model_bytes: int
    ops: tuple[str, ...]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    macs: int
    arena_bytes: int
    tflm_arena_bytes: int | None
    engine: str
    constants_bytes: int
    steps: tuple[ProgramStep, ...]
    memory: memory.ArenaPlan
    cmsis_nn_bytes: int = 0
    chosen: str = ""


def compile_model(
    tflite: Path,
    board: Board | None,
    out_dir: Path,
    *,
    name: str,
    arena_bytes: int,
    tflm_arena_bytes: int | None = None,
) -> Program:
    """Write `model.h` and `model.cc` of a .tflite into `out_dir`.

    Args:
        tflite: the model.
        board: what it has to fit; None: any.
        name: the model's name, for people.
        arena_bytes: arena that our runtime needs.
        tflm_arena_bytes: arena that upstream's needs; None: not measured.

    Raises:
        ModelFileError: not a readable .tflite.
        UnsupportedModelError: has an operator that the runtime does not run.
        ModelTooLargeError: the weights alone do not fit the board's flash.
    """
    data, model = load(tflite)
    support.require_supported(model)
    _require_fit(len(data), board)
    program = Program(
        name=name,
        folder=out_dir,
        header=out_dir / HEADER_FILE,
        source=out_dir / MODEL_FILE,
        tflite=tflite,
        sha256=hashlib.sha256(data).hexdigest(),
        model_bytes=len(data),
        ops=tuple(op.name for op in model.main.ops),
        inputs=tensor_infos(model.main.inputs),
        outputs=tensor_infos(model.main.outputs),
        macs=work.macs(model),
        arena_bytes=arena_bytes,
        tflm_arena_bytes=tflm_arena_bytes,
        cmsis_nn_bytes=cmsis_nn.extra_arena_bytes(model),
        engine="interpreter",
        constants_bytes=len(data),
        steps=_operators(model),
        memory=memory.plan_model(model),
    )
    whole.write_if_changed(program.header, header_text(program, resolver_methods(model)))
    whole.write_if_changed(program.source, _source(program, data))
    return program


def load(tflite: Path) -> tuple[bytes, Model]:
    """The file and its graph; the error names the file."""
    data = read_tflite.read_bytes(tflite)
    try:
        return data, read_tflite.load(data)
    except ModelFileError as error:
        raise ModelFileError(f"{tflite}: {error.message}", error.hint) from None


def _operators(model: Model) -> tuple[ProgramStep, ...]:
    tensor_indices = {tensor: index for index, tensor in enumerate(model.main.tensors)}
    return tuple(
        ProgramStep(
            op.name,
            op.outputs[0].shape if op.outputs else (),
            op.outputs[0].label if op.outputs else "",
            {tensor: tensor_indices[tensor] for tensor in op.outputs},
            work.op_macs(op),
        )
        for op in model.main.ops
    )


def resolver_methods(model: Model) -> list[str]:
    """The op resolver's methods that the model needs, sorted, each once."""
    return sorted({method for op in model.ops if (method := method_of(op))})


def _require_fit(nbytes: int, board: Board | None) -> None:
    if board is not None and 0 < board.flash_size < nbytes:
        raise ModelTooLargeError(
            f"the model has {nbytes:,} bytes, {board.name} has {board.flash_size:,} of flash",
            "quantize it to int8 or take smaller layers; `tinydeploy inspect` shows the largest",
        )


def tensor_infos(tensors: Sequence[Tensor]) -> tuple[TensorInfo, ...]:
    """What the generated header says of inputs or outputs."""
    return tuple(map(_tensor_info, tensors))


def _tensor_info(tensor: Tensor) -> TensorInfo:
    quantization = tensor.quantization
    return TensorInfo(
        name=tensor.label,
        shape=tensor.shape,
        dtype=tensor.type.label,
        scale=quantization.scale if quantization else None,
        zero_point=quantization.zero_point if quantization else None,
    )


def header_text(program: Program, methods: Sequence[str]) -> str:
    """The text of `model.h`; `methods` of the op resolver add the operators."""
    hash_bytes = _array(bytes.fromhex(program.sha256), "    ")
    tensors = [
        *_tensors("input", program.inputs),
        *_tensors("output", program.outputs),
    ]
    return "\n".join(
        [
            *_preamble(program),
            "#ifndef TINYDEPLOY_MODEL_H_",
            "#define TINYDEPLOY_MODEL_H_",
            "",
            "#include <stdint.h>",
            "",
            '#include "tensorflow/lite/c/common.h"',
            '#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"',
            "",
            "extern const unsigned char g_model[];  // the .tflite, 16-byte aligned",
            "extern const unsigned int g_model_len;",
            "",
            "namespace tinydeploy_model {",
            "",
            f"constexpr char kName[] = {c_string(program.name)};",
            "constexpr uint8_t kHash[32] = {  // SHA-256 of g_model",
            hash_bytes,
            "};",
            "",
            *_arenas(program),
            "",
            "// What runs one after the other: operators, or steps of a plan.",
            f"constexpr int kStepCount = {len(program.steps)};",
            f"constexpr int kInputCount = {len(program.inputs)};",
            f"constexpr int kOutputCount = {len(program.outputs)};",
            *tensors,
            "",
            *_resolver(methods),
            "",
            "}  // namespace tinydeploy_model",
            "",
            "#endif  // TINYDEPLOY_MODEL_H_",
            "",
        ]
    )


def command(tflite: Path, engine: str, options: str = "") -> str:
    """What makes the program again, in the folder where the .tflite is."""
    words = ["tinydeploy", "compile", "--model", shlex.quote(tflite.name), "--engine", engine]
    return " ".join([*words, *([options] if options else []), "--out ."])


def _preamble(program: Program) -> list[str]:
    return [
        f"// {comment(program.name)}: {len(program.ops)} operators, {program.macs:,} multiply-"
        f"accumulates, {program.model_bytes:,} bytes.",
        f"// Generated from {comment(program.tflite.name)}; do not edit. Make it again with",
        f"//   {comment(command(program.tflite, program.engine))}",
        "",
    ]


def _arenas(program: Program) -> list[str]:
    lines = [
        "// Bytes of tensor arena: as measured in the runtime of tinydeploy on the board; with",
        "// upstream TFLM's reference kernels on a 64-bit PC: an upper bound",
        "// for a device; and with CMSIS-NN's kernels, whose scratch comes on top.",
        f"constexpr int kArenaBytes = {program.arena_bytes};",
    ]
    upper = program.tflm_arena_bytes
    note = "" if upper else _UNMEASURED
    most = upper + program.cmsis_nn_bytes if upper else 0
    lines.append(f"constexpr int kTflmReferenceArenaBytes = {upper or 0};{note}")
    return [*lines, f"constexpr int kTflmArenaBytes = {most};{note}"]


_UNMEASURED = "  // not measured"


def _tensors(kind: str, tensors: Iterable[TensorInfo]) -> list[str]:
    lines: list[str] = []
    for index, tensor in enumerate(tensors):
        prefix = f"k{kind.capitalize()}{index}"
        lines += [
            "",
            f"constexpr char {prefix}Name[] = {c_string(tensor.name)};",
            f"constexpr TfLiteType {prefix}Type = {c_type(tensor.dtype)};",
            f"constexpr int {prefix}Rank = {len(tensor.shape)};",
            f"constexpr int {prefix}Shape[] = {{{', '.join(map(str, tensor.shape)) or '0'}}};",
            f"constexpr int {prefix}Size = {tensor.size};",
        ]
        if tensor.scale is not None:
            lines += [
                f"constexpr float {prefix}Scale = {float(tensor.scale).hex()}f;"
                f"  // {tensor.scale:.9g}",
                f"constexpr int {prefix}ZeroPoint = {tensor.zero_point};",
            ]
    return lines


def _resolver(methods: Sequence[str]) -> list[str]:
    steps = [f"  if (resolver.{method}() != kTfLiteOk) return kTfLiteError;" for method in methods]
    return [
        "// The operators that the model uses, and no other.",
        f"constexpr int kOpCount = {max(len(methods), 1)};",
        "using OpResolver = tflite::MicroMutableOpResolver<kOpCount>;",
        "",
        f"inline TfLiteStatus RegisterOps(OpResolver&{' resolver' if methods else ''}) {{",
        *steps,
        "  return kTfLiteOk;",
        "}",
    ]


def _source(program: Program, data: bytes) -> str:
    return "\n".join(
        [
            *_preamble(program),
            '#include "model.h"',
            "",
            f"alignas({ALIGNMENT_BYTES}) const unsigned char g_model[] = {{",
            _array(data, "    "),
            "};",
            f"const unsigned int g_model_len = {len(data)};",
            "",
        ]
    )


def _array(data: bytes, indent: str) -> str:
    """C initializer of `data`, 16 bytes to a line."""
    rows = (data[start : start + 16] for start in range(0, len(data), 16))
    return "\n".join(indent + " ".join(f"0x{byte:02x}," for byte in row) for row in rows)


def c_type(dtype: str) -> str:
    """TFLM's constant for an element type: "int8" -> "kTfLiteInt8"."""
    odd = {"bfloat16": "BFloat16", "uint8": "UInt8", "uint16": "UInt16", "uint32": "UInt32"}
    odd |= {"uint64": "UInt64", "uint4": "UInt4"}
    return f"kTfLite{odd.get(dtype, dtype.capitalize())}"
