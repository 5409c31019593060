"""Build small models in code: for tests, fuzzers and examples.

build = Builder()
x = build.input((1, 4), Type.INT8, per_tensor(0.5, 0))
w = build.constant(weights, quantization=per_tensor(0.01, 0))
y = build.op("FULLY_CONNECTED", [x, w, None], (1, 3), Type.INT8, per_tensor(0.1, -3))
model = build.model(y)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from flatbuffers import flexbuffers

from tinydeploy.graph import schema
from tinydeploy.graph.ir import Model, Op, Quantization, Subgraph, Tensor, Type

_TYPES = {
    kind.dtype: kind
    for kind in reversed(Type)
    if kind.bits >= 8 and kind not in (Type.BFLOAT16, Type.RESOURCE, Type.FLOAT8_E4M3FN)
}


class Builder:
    """Adds tensors and ops to a subgraph in execution order."""

    def __init__(self, name: str = "main") -> None:
        self.subgraph = Subgraph(name)

    def input(
        self, shape: Sequence[int], kind: Type, quantization: Quantization | None = None
    ) -> Tensor:
        """A new input of the model."""
        tensor = self._tensor("input", shape, kind, quantization)
        self.subgraph.inputs.append(tensor)
        return tensor

    def constant(
        self,
        values: npt.ArrayLike,
        kind: Type | None = None,
        quantization: Quantization | None = None,
    ) -> Tensor:
        """A constant; its type is that of the array unless `kind` says otherwise (int4)."""
        data = np.asarray(values)
        tensor = self._tensor("constant", data.shape, kind or _TYPES[data.dtype], quantization)
        tensor.data = data
        return tensor

    def variable(
        self, shape: Sequence[int], kind: Type, quantization: Quantization | None = None
    ) -> Tensor:
        """A tensor that keeps its value from one inference to the next."""
        tensor = self._tensor("variable", shape, kind, quantization)
        tensor.is_variable = True
        return tensor

    def op(
        self,
        code: str,
        inputs: Sequence[Tensor | None],
        shape: Sequence[int],
        kind: Type,
        quantization: Quantization | None = None,
        **options: Any,
    ) -> Tensor:
        """Add an op with one output of the given shape, type and quantization.

        A `code` that is not in the schema is a custom operator's name.
        """
        output = self._tensor(code.lower(), shape, kind, quantization)
        self.subgraph.ops.append(_op(code, inputs, [output], options))
        return output

    def ops(
        self, code: str, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor], **options: Any
    ) -> Op:
        """Add an op whose outputs were made by `tensor`."""
        op = _op(code, inputs, outputs, options)
        self.subgraph.ops.append(op)
        return op

    def tensor(
        self, shape: Sequence[int], kind: Type, quantization: Quantization | None = None
    ) -> Tensor:
        """A tensor to be used as an output of `ops`."""
        return self._tensor("tensor", shape, kind, quantization)

    def model(self, *outputs: Tensor) -> Model:
        """The model that gives `outputs`."""
        self.subgraph.outputs = list(outputs)
        return Model([self.subgraph])

    def _tensor(
        self, name: str, shape: Sequence[int], kind: Type, quantization: Quantization | None
    ) -> Tensor:
        number = len(self.subgraph.tensors)
        tensor = Tensor(f"{name}_{number}", kind, tuple(shape), quantization=quantization)
        self.subgraph.tensors.append(tensor)
        return tensor


def append(model: Model, code: str, **options: Any) -> Op:
    """Put an operator of one input and output behind the model's first output, in its place.

    The output keeps type, shape and quantization.
    """
    graph = model.main
    last = graph.outputs[0]
    result = replace(last, name=f"{last.name}/{code}", data=None)
    op = _op(code, [last], [result], options)
    graph.tensors.append(result)
    graph.ops.append(op)
    graph.outputs[0] = result
    for signature in model.signatures:
        signature.outputs = {k: result if t is last else t for k, t in signature.outputs.items()}
    return op


def alone(op: Op) -> Model:
    """A model of this operator only; its inputs are those that are no constants or variables."""
    changing = (tensor for tensor in op.operands if not tensor.is_constant)
    given = list(dict.fromkeys(tensor for tensor in changing if not tensor.is_variable))
    tensors = list(dict.fromkeys([*op.operands, *op.outputs, *op.intermediates]))
    return Model([Subgraph("main", tensors, [op], given, list(op.outputs))])


def _op(
    code: str,
    inputs: Sequence[Tensor | None],
    outputs: Sequence[Tensor],
    options: Mapping[str, Any],
) -> Op:
    if code in schema.OPERATORS:
        return Op(code, list(inputs), list(outputs), dict(options))
    packed = bytes(flexbuffers.Dumps(dict(options)))
    return Op("CUSTOM", list(inputs), list(outputs), custom_code=code, custom_options=packed)
