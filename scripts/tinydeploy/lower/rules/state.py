"""Rules for what a model keeps from one inference to the next; see `variables`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinydeploy.graph.ir import Array, Op, Subgraph, Tensor
from tinydeploy.graph.write_tflite import constant_bytes
from tinydeploy.lower.lowering import Lowering, refusal
from tinydeploy.lower.plan.ir import Buffer, Constant
from tinydeploy.lower.plan.variables import handles
from tinydeploy.lower.rules.unary_pool_softmax import copy
from tinydeploy.ops.own_memory import VariableKey


def var_handle(lowering: Lowering, op: Op) -> None:
    """VAR_HANDLE: nothing to do, `Variables` knows what it means."""


def call_once(lowering: Lowering, op: Op) -> None:
    """CALL_ONCE of a subgraph that assigns constants: these become the variables' first values.

    Raises:
        NotCompilableError: it does more than that, or does it too late.
    """
    index = int(op.options.get("init_subgraph_index", 0))
    if not 0 < index < len(lowering.subgraphs):
        raise refusal(op, f"runs subgraph {index}, which is not there")
    for key, value in _assigned(op, lowering.subgraphs[index]).items():
        if lowering.variables.first_use(key) < lowering.op_index:
            raise refusal(op, f"gives variable {key[1]} a value after its first use")
        lowering.first_values[key] = value


def read_variable(lowering: Lowering, op: Op) -> None:
    """READ_VARIABLE: an alias of the variable's memory, or a copy."""
    key, result = _key(lowering, op), op.outputs[0]
    kept = _kept(lowering, op, key, result)
    if result not in lowering.variables.home:
        copy(lowering, op, kept, lowering.buffer(result))


def assign_variable(lowering: Lowering, op: Op) -> None:
    """ASSIGN_VARIABLE: the value is there already, or a copy."""
    key, value = _key(lowering, op), op.operands[-1]
    kept = _kept(lowering, op, key, value)
    zero = 0 if value.quantization is None else value.quantization.zero_point
    # As TFLM: until it is assigned, a variable has the zero point of the first value in each byte.
    lowering.first_values.setdefault(key, np.full(kept.size, zero & 0xFF, np.uint8).view(np.int8))
    if value.is_constant:
        data = np.frombuffer(constant_bytes(value), np.int8)
        copy(lowering, op, Constant("value", data), kept)
    elif lowering.variables.home.get(value) != key:
        copy(lowering, op, lowering.buffer(value), kept)


def _assigned(op: Op, setup: Subgraph) -> Mapping[VariableKey, Array]:
    """Bytes of each variable that `setup` gives a value."""
    known, found = handles(setup), {}
    for step in setup.ops:
        if step.code == "VAR_HANDLE":
            continue
        key = known.get(step.operands[0]) if step.operands else None
        if step.code != "ASSIGN_VARIABLE" or key is None or not step.operands[-1].is_constant:
            raise refusal(op, "runs a subgraph that does more than assign constants")
        found[key] = np.frombuffer(constant_bytes(step.operands[-1]), np.int8)
    return found


def _key(lowering: Lowering, op: Op) -> VariableKey:
    key = lowering.variables.handles.get(op.operands[0]) if op.operands else None
    if key is None:
        raise refusal(op, "has a handle that does not come from VAR_HANDLE")
    return key


def _kept(lowering: Lowering, op: Op, key: VariableKey, tensor: Tensor) -> Buffer:
    kept = lowering.keep(key, tensor)
    first = lowering.first_values.get(key)
    if kept.size != tensor.nbytes or (first is not None and first.size != kept.size):
        raise refusal(op, f"has variable {key[1]} in another size than elsewhere")
    return kept
