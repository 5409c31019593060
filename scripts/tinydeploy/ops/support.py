"""Which operators our runtime runs, with which types, and what to do about the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.ir import Model, Op, Tensor
from tinydeploy.ops.advice import advice, compiled_for
from tinydeploy.ops.declared import operator_of
from tinydeploy.ops.operator import ANY
from tinydeploy.ops.resolver import method_of
from tinydeploy.ops.shapes import shape_problem
from tinydeploy.ops.types import signature
from tinydeploy.ops.windows import window_problem


@dataclass(frozen=True)
class Problem:
    """Something in the model that our runtime refuses.

    Attributes:
        operator: name of the operator, "" if it is not about one.
        types: types that were seen, such as "int8 x int8"; "" if they don't matter.
        count: how many operators have it.
        reason: what is wrong, in one line.
        hint: what to change.
        first_op: index of the first one in its subgraph.
    """

    operator: str
    types: str
    count: int
    reason: str
    hint: str
    first_op: int


def check_supported(model: Model) -> list[Problem]:
    """All problems of `model`, in the order of the first operator that has each."""
    found: Counter[tuple[str, str, str, str]] = Counter()
    first: dict[tuple[str, str, str, str], int] = {}
    for subgraph in model.subgraphs:
        for index, op in enumerate(subgraph.ops):
            for key in _problems(op):
                found[key] += 1
                first.setdefault(key, index)
    return [
        Problem(name, types, count, reason, hint, first[name, types, reason, hint])
        for (name, types, reason, hint), count in found.items()
    ]


def require_supported(model: Model) -> None:
    """Raise UnsupportedModelError naming every operator that our runtime does not run."""
    problems = check_supported(model)
    if problems:
        raise UnsupportedModelError(
            "the runtime does not run " + "; ".join(map(describe, problems)),
            "; ".join(dict.fromkeys(problem.hint for problem in problems if problem.hint)),
        )


def describe(problem: Problem) -> str:
    """One line, such as "2 x TILE (int8): TFLM has no such operator"."""
    if not problem.operator:
        return problem.reason
    types = f" ({problem.types})" if problem.types else ""
    return f"{problem.count} x {problem.operator}{types}: {problem.reason}"


def _problems(op: Op) -> Iterable[tuple[str, str, str, str]]:
    types = signature(op)
    if accelerator := compiled_for(op.custom_code):
        yield op.name, types, f"the file was compiled for {accelerator}", advice(op.name)
    elif method_of(op) is None:
        yield op.name, types, "TFLM has no such operator", advice(op.name)
    elif operator_of(op).combinations.isdisjoint((ANY, types)):
        known = ", ".join(sorted(operator_of(op).combinations))
        yield op.name, types, f"not with these types (it runs {known})", _types_hint(op)
    elif reason := shape_problem(op):
        yield op.name, types, reason, "the file is inconsistent: convert the model again"
    elif reason := window_problem(op):
        yield op.name, types, reason, "take a smaller window"
    for tensor in [*op.operands, *op.outputs]:
        if reason := _tensor_problem(tensor):
            yield op.name, tensor.type.label, reason, "convert with plain int8 quantization"


def _types_hint(op: Op) -> str:
    data = op.operands[0].type.label if op.operands else ""
    weights = op.operands[1].type.label if len(op.operands) > 1 else ""
    if data == "float32" and weights in ("int8", "int4", "float16"):
        return (
            "dynamic-range and float16 models don't run on TFLM: quantize with representative data"
        )
    if data == "float16":
        return "convert without float16: full int8, or float32"
    if data == "uint8":
        return "uint8 is the old scheme: convert to int8 with a current TensorFlow"
    runs = {signature.split()[0] for signature in operator_of(op).combinations}
    if data != "int8" and "int8" in runs:
        return "convert with full int8 quantization (TFLITE_BUILTINS_INT8, representative data)"
    if "float32" in runs:
        return (
            "TFLM has no integer form of it: replace the layer that makes it, or convert to float"
        )
    return "replace the layer that makes it, or do that step outside of the model"


def _tensor_problem(tensor: Tensor) -> str:
    if tensor.is_sparse:
        return "has sparse weights"
    if tensor.quantization is not None and tensor.quantization.scheme:
        return f"has {tensor.quantization.scheme} quantization"
    return ""
