"""The model as a compiled plan: `model.h` and `plan.cc`, nothing to interpret on the device."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tinydeploy import passes, whole
from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.ir import Array, Model, Tensor
from tinydeploy.judge import Judge
from tinydeploy.lower.build_plan import assemble, most_arena
from tinydeploy.lower.compile_options import Choices
from tinydeploy.lower.emit.cpp import emit
from tinydeploy.lower.lowering import lower
from tinydeploy.lower.memory.planner import memory_map
from tinydeploy.lower.plan.ir import Plan
from tinydeploy.lower.rules.interpreter_fallback import kernel_sources
from tinydeploy.lower.rules.table import RULES
from tinydeploy.ops import work
from tinydeploy.stages.compile import (
    Program,
    ProgramStep,
    command,
    header_text,
    load,
    tensor_infos,
)
from tinydeploy.stages.program_folder import HEADER_FILE, KERNEL_FILES, PLAN_FILE


def compile_plan(
    tflite: Path,
    out_dir: Path,
    *,
    name: str,
    choices: Choices = Choices(),  # noqa: B008 - frozen
    ram_bytes: int | None = None,
) -> Program:
    """Write `model.h` and `plan.cc` of a .tflite into `out_dir`.

    Args:
        ram_bytes: room for the arena, for `choices.patch` = "auto".

    Raises:
        ModelFileError: not a readable .tflite.
        NotCompilableError: an operator has no exact kernel in the compiled engine.
    """
    data, model = load(tflite)
    macs, op_count = work.macs(model), tuple(op.name for op in model.main.ops)
    tensors = list(model.main.tensors)
    shapes = {tensor: tensor.shape for tensor in tensors}
    plan = plan_model(model, choices, ram_bytes)
    tensor_indices = {
        tensor: index for index, tensor in enumerate(tensors) if tensor.shape == shapes[tensor]
    }
    program = Program(
        name=name,
        folder=out_dir,
        header=out_dir / HEADER_FILE,
        source=out_dir / PLAN_FILE,
        tflite=tflite,
        sha256=hashlib.sha256(data).hexdigest(),
        model_bytes=len(data),
        ops=op_count,
        inputs=tensor_infos(model.main.inputs),
        outputs=tensor_infos(model.main.outputs),
        macs=macs,
        arena_bytes=plan.arena_bytes,
        tflm_arena_bytes=None,
        engine="compiled",
        constants_bytes=plan.flash_constants_bytes,
        steps=tuple(_program_step(plan, index, tensor_indices) for index in range(len(plan.steps))),
        memory=memory_map(plan),
    )
    whole.write_if_changed(program.header, header_text(program, ()))
    whole.write_if_changed(program.source, _source(plan, program, tensor_indices, choices))
    _write_kernels(plan, out_dir)
    return program


def plan_model(
    model: Model,
    choices: Choices = Choices(),  # noqa: B008 - frozen
    ram_bytes: int | None = None,
) -> Plan:
    """The placed plan of a model as it is in the file; changes `model`.

    Raises:
        NotCompilableError: an operator has no exact kernel in the compiled engine.
    """
    most = most_arena(model)
    passes.optimise(model, evaluate)
    return assemble(model, evaluate, RULES, choices, ram_bytes, most)


def rule_plan(tflite: Path) -> Plan:
    """The plan that the kernels' own rules make, not placed: what `tune` starts from."""
    _, model = load(tflite)
    passes.optimise(model, evaluate)
    return lower(model, evaluate, RULES, goal="rule")


def _source(
    plan: Plan, program: Program, tensor_indices: dict[Tensor, int], choices: Choices
) -> str:
    regenerate = command(program.tflite, program.engine, choices.text)
    text = emit(plan, name=program.name, tensor_indices=tensor_indices, regenerate=regenerate)
    return text + _stand_in(program.model_bytes)


def _write_kernels(plan: Plan, out_dir: Path) -> None:
    """The files with the interpreter's kernels that the plan calls, and no others."""
    texts = kernel_sources(plan.steps)
    for stale in set(out_dir.glob(KERNEL_FILES)) - {out_dir / name for name in texts}:
        stale.unlink()
    for name, text in texts.items():
        whole.write_if_changed(out_dir / name, text)


def _stand_in(model_bytes: int) -> str:
    """What `GetModel` gets: the plan needs no model in flash."""
    return f"""
extern const unsigned char g_model[];
extern const unsigned int g_model_len;
alignas(16) const unsigned char g_model[16] = {{}};
const unsigned int g_model_len = {model_bytes};  // of the .tflite, which is not in the image
"""


def _program_step(plan: Plan, index: int, tensor_indices: dict[Tensor, int]) -> ProgramStep:
    step, finished = plan.steps[index], plan.finished_tensor(index)
    output = step.writes[0].tensor
    assert output is not None
    comparable = {output: tensor_indices[output]} if finished in tensor_indices else {}
    return ProgramStep(
        step.op_name, output.shape, output.label, comparable, step.macs, step.fallback
    )


def evaluate(model: bytes, inputs: Sequence[Array]) -> list[Array] | None:
    """What TFLM computes; None if it refuses the model."""
    try:
        return Judge(model).run(inputs)
    except UnsupportedModelError:
        return None
