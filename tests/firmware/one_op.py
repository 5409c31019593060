"""Builds .tflite models of a single operator, for tests that compare the runtime with TFLM.

    weights = Tensor((8, 3, 3, 4), "int8", scale=[0.02] * 8, axis=0, data=values)
    model = one_op("CONV_2D", [image, weights, bias], [output],
                   ("Conv2DOptions", {"strideW": 1, "strideH": 1}))

The model's inputs are the operator's inputs that have no data, in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

Array = npt.NDArray[Any]

_TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "int32": schema.TensorType.INT32,
    "uint8": schema.TensorType.UINT8,
    "int64": schema.TensorType.INT64,
    "bool": schema.TensorType.BOOL,
    "int16": schema.TensorType.INT16,
    "int8": schema.TensorType.INT8,
    "uint32": schema.TensorType.UINT32,
    "uint64": schema.TensorType.UINT64,
    "int4": schema.TensorType.INT4,
}


@dataclass(frozen=True)
class Tensor:
    """A tensor of the model.

    Attributes:
        scale: one for the tensor, or one for each index of `axis`; None: not quantized.
        zero_point: of all scales, or one for each.
        data: makes it a constant.
        variable: keeps its value from one inference to the next.
    """

    shape: tuple[int, ...]
    dtype: str
    scale: float | Sequence[float] | None = None
    zero_point: int | Sequence[int] = 0
    axis: int = 0
    data: Any = None
    variable: bool = False

    @property
    def is_input(self) -> bool:
        """Whether the model's user supplies it."""
        return self.data is None and not self.variable


Options = tuple[str, dict[str, Any]]


def one_op(
    op: str,
    inputs: Sequence[Tensor | None],
    outputs: Sequence[Tensor],
    options: Options | None = None,
    *,
    version: int = 1,
) -> bytes:
    """Bytes of a model with the operator `op` (its name in the schema) and nothing else.

    None stands for an omitted input. `options` are the table's name and its fields as in the
    schema's Python object API; of a custom operator, whose `op` is no name in the schema, the
    table's name is ignored.
    """
    model = schema.ModelT()
    model.version = 3
    model.description = f"one {op}".encode()
    model.buffers = [schema.BufferT()]
    graph = schema.SubGraphT()
    graph.tensors, indices = [], []
    for tensor in [*inputs, *outputs]:
        indices.append(-1 if tensor is None else len(graph.tensors))
        if tensor is not None:
            graph.tensors.append(_tensor(model, tensor, len(graph.tensors)))
    given = list(zip(inputs, indices, strict=False))
    graph.inputs = [index for tensor, index in given if tensor is not None and tensor.is_input]
    graph.outputs = indices[len(inputs) :]
    graph.operators = [_operator(op, indices[: len(inputs)], graph.outputs, options)]
    model.operatorCodes = [_code(op, version)]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(model: Any, spec: Tensor, index: int) -> Any:
    tensor = schema.TensorT()
    tensor.name = f"t{index}".encode()
    tensor.shape = np.array(spec.shape, np.int32)
    tensor.type = _TYPES[spec.dtype]
    tensor.isVariable = spec.variable
    tensor.buffer = 0
    if spec.data is not None:
        buffer = schema.BufferT()
        buffer.data = _bytes(spec)
        tensor.buffer = len(model.buffers)
        model.buffers.append(buffer)
    if spec.scale is not None:
        tensor.quantization = _quantization(spec)
    return tensor


def _bytes(spec: Tensor) -> Array:
    """Of a constant; two elements of int4 to a byte, the lower half first."""
    if spec.dtype != "int4":
        return np.frombuffer(np.asarray(spec.data, spec.dtype).tobytes(), np.uint8)
    halves = np.asarray(spec.data).ravel() & 15
    pairs = np.pad(halves, (0, len(halves) % 2)).reshape(-1, 2)
    return (pairs[:, 0] | pairs[:, 1] << 4).astype(np.uint8)


def _quantization(spec: Tensor) -> Any:
    quantization = schema.QuantizationParametersT()
    scales = np.atleast_1d(np.asarray(spec.scale, np.float32))
    zero_points = np.broadcast_to(np.asarray(spec.zero_point, np.int64), scales.shape)
    quantization.scale = scales
    quantization.zeroPoint = np.array(zero_points)
    quantization.quantizedDimension = spec.axis
    return quantization


def _operator(op: str, inputs: list[int], outputs: list[int], options: Options | None) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex = 0
    operator.inputs = inputs
    operator.outputs = outputs
    if options is not None and not hasattr(schema.BuiltinOperator, op):
        operator.customOptions = np.frombuffer(flexbuffers.Dumps(options[1]), np.uint8)
    elif options is not None:
        name, fields = options
        table = getattr(schema, f"{name}T")()
        for field, value in fields.items():
            if not hasattr(table, field):
                raise AttributeError(f"{name} has no field {field}")
            setattr(table, field, value)
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        operator.builtinOptions = table
    return operator


def _code(op: str, version: int) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, op, schema.BuiltinOperator.CUSTOM)
    if code.builtinCode == schema.BuiltinOperator.CUSTOM:
        code.customCode = op
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = version
    return code
