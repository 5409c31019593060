"""Write a Model as a .tflite file, so that TFLM can be asked what a built graph computes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import flatbuffers
import numpy as np

from tinydeploy.graph import schema
from tinydeploy.graph.flat import SCALARS, Table
from tinydeploy.graph.ir import Array, Model, Op, Quantization, Subgraph, Tensor

DATA_ALIGNMENT_BYTES = 16


def dump(model: Model) -> bytes:
    """Bytes of a .tflite file that holds `model`.

    The same model gives the same bytes. Tensors with the same constant array share a buffer.
    """
    return encode(_Tables(model).root(), "Model")


class _Tables:
    """Collects the operator codes and buffers that the subgraphs refer to by number."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._codes: dict[tuple[str, str, int], int] = {}
        self._buffers: list[bytes] = [b""]  # number 0 means: no data
        self._shared: dict[int, int] = {}

    def root(self) -> Table:
        subgraphs = [self._subgraph(subgraph) for subgraph in self._model.subgraphs]
        metadata = [
            {"name": name, "buffer": self._buffer(data)}
            for name, data in self._model.metadata.items()
        ]
        return {
            "version": schema.VERSION,
            "operator_codes": [_operator_code(*code) for code in self._codes],
            "subgraphs": subgraphs,
            "description": self._model.description,
            "buffers": [{"data": data} for data in self._buffers],
            "metadata": metadata,
            "signature_defs": [self._signature(s) for s in self._model.signatures],
        }

    def _signature(self, signature: Any) -> Table:
        index = _numbered(self._model.subgraphs[signature.subgraph].tensors)

        def maps(names: dict[str, Tensor]) -> list[Table]:
            return [{"name": name, "tensor_index": index[t]} for name, t in names.items()]

        return {
            "inputs": maps(signature.inputs),
            "outputs": maps(signature.outputs),
            "signature_key": signature.key,
            "subgraph_index": signature.subgraph,
        }

    def _subgraph(self, subgraph: Subgraph) -> Table:
        index = _numbered(subgraph.tensors)
        return {
            "tensors": [self._tensor(tensor) for tensor in subgraph.tensors],
            "inputs": [index[tensor] for tensor in subgraph.inputs],
            "outputs": [index[tensor] for tensor in subgraph.outputs],
            "operators": [self._op(op, index) for op in subgraph.ops],
            "name": subgraph.name,
        }

    def _tensor(self, tensor: Tensor) -> Table:
        return {
            "shape": tensor.shape,
            "type": tensor.type.name,
            "buffer": self._constant(tensor),
            "name": tensor.name,
            "quantization": _quantization(tensor.quantization),
            "is_variable": tensor.is_variable,
            "shape_signature": tensor.shape_signature or None,
            "has_rank": True,
        }

    def _constant(self, tensor: Tensor) -> int:
        if tensor.data is None:
            return self._buffer(b"")
        key = id(tensor.data)
        if key not in self._shared:
            self._shared[key] = self._buffer(constant_bytes(tensor))
        return self._shared[key]

    def _buffer(self, data: bytes) -> int:
        self._buffers.append(data)
        return len(self._buffers) - 1

    def _op(self, op: Op, index: dict[Tensor, int]) -> Table:
        code = (op.code, op.custom_code, op.version)
        options = schema.options_of(op.code)
        return {
            "opcode_index": self._codes.setdefault(code, len(self._codes)),
            "inputs": [-1 if tensor is None else index[tensor] for tensor in op.inputs],
            "outputs": [index[tensor] for tensor in op.outputs],
            "builtin_options_type": schema.OPTIONS[options] if options else 0,
            "builtin_options": (options, _without_empty(op.options)) if options else None,
            "custom_options": op.custom_options or None,
            "intermediates": [index[tensor] for tensor in op.intermediates] or None,
        }


def _numbered(tensors: Sequence[Tensor]) -> dict[Tensor, int]:
    return {tensor: number for number, tensor in enumerate(tensors)}


def _operator_code(code: str, custom_code: str, version: int) -> Table:
    number = schema.OPERATORS[code]
    return {
        "deprecated_builtin_code": min(number, 127),
        "custom_code": custom_code or None,
        "version": version,
        "builtin_code": number,
    }


def _without_empty(options: Table) -> Table:
    """Options without empty vectors, which mean the same as absent ones."""
    return {name: value for name, value in options.items() if value != []}


def _quantization(quantization: Quantization | None) -> Table | None:
    if quantization is None:
        return None
    return {
        "scale": quantization.scales,
        "zero_point": quantization.zero_points,
        "quantized_dimension": quantization.axis,
    }


def constant_bytes(tensor: Tensor) -> bytes:
    """Bytes of a constant tensor as the file and the device hold them."""
    if tensor.data is None:
        return b""
    if 0 < tensor.type.bits < 8:
        return pack(tensor.data, tensor.type.bits)
    return np.ascontiguousarray(tensor.data).tobytes()


def pack(values: Array, bits: int) -> bytes:
    """Put 4-bit or 2-bit numbers together, lowest bits first."""
    per_byte = 8 // bits
    digits = values.reshape(-1).astype(np.uint8) & ((1 << bits) - 1)
    padded = np.pad(digits, (0, -len(digits) % per_byte)).reshape(-1, per_byte)
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    packed: Array = np.bitwise_or.reduce(padded << shifts, axis=1).astype(np.uint8)
    return packed.tobytes()


def encode(value: Table, table: str) -> bytes:
    """Bytes of `value` as the root `table`; fields that are left out take their defaults."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(_Encoder(builder).table(value, table), schema.IDENTIFIER)
    return bytes(builder.Output())


class _Encoder:
    """FlatBuffers grow backwards: what a table refers to is written before the table."""

    def __init__(self, builder: flatbuffers.Builder) -> None:
        self._builder = builder

    def table(self, value: Table, table: str) -> int:
        fields = [field for field in schema.TABLES[table] if value.get(field.name) is not None]
        stored = [(field, self._stored(value[field.name], field)) for field in fields]
        self._builder.StartObject(1 + max((f.slot for f in schema.TABLES[table]), default=-1))
        for field, content in stored:
            if field.type in SCALARS or field.type in schema.ENUMS:
                self._scalar(field, content)
            else:
                self._builder.PrependUOffsetTRelativeSlot(field.slot, content, 0)
        return int(self._builder.EndObject())

    def _stored(self, value: Any, field: schema.Field) -> Any:
        """The scalar itself, or the offset of what was written for anything larger."""
        if field.type in schema.ENUMS:
            return schema.ENUMS[field.type][value]
        if field.type in SCALARS:
            return value
        if field.type == "string":
            return self._builder.CreateString(value)
        if field.type == "BuiltinOptions":
            return self.table(value[1], value[0])
        if not field.is_vector:
            return self.table(value, field.type)
        if field.element in SCALARS:
            return self._scalars(value, field.element)
        return self._offsets([self.table(item, field.element) for item in value])

    def _scalar(self, field: schema.Field, value: Any) -> None:
        kind = "int8" if field.type in schema.ENUMS else field.type
        default = field.default
        if field.type in schema.ENUMS:
            default = schema.ENUMS[field.type][default]
        prepend = getattr(self._builder, f"Prepend{kind.capitalize()}Slot")
        prepend(field.slot, value, default)

    def _scalars(self, values: Any, element: str) -> int:
        dtype = np.dtype(SCALARS[element])
        is_bytes = isinstance(values, bytes)
        data = values if is_bytes else np.asarray(values, dtype).tobytes()
        alignment = DATA_ALIGNMENT_BYTES if is_bytes else dtype.itemsize
        builder = self._builder
        builder.StartVector(dtype.itemsize, len(data) // dtype.itemsize, alignment)
        builder.head = builder.Head() - len(data)
        builder.Bytes[builder.Head() : builder.Head() + len(data)] = data
        return int(builder.EndVector())

    def _offsets(self, offsets: Iterable[int]) -> int:
        offsets = list(offsets)
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return int(self._builder.EndVector())
