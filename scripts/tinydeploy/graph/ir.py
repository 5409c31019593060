"""The model as objects: a Model has Subgraphs, a Subgraph has Tensors and Ops in execution order.

Tensors and ops are compared by identity, ops refer to tensors directly: a rewrite replaces objects
in plain lists, and there are no indices to keep in step. Constants are numpy arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.foreign import shown

Array = npt.NDArray[Any]


class Type(IntEnum):
    """Element type of a tensor; the values are those of the TFLite schema."""

    FLOAT32 = 0
    FLOAT16 = 1
    INT32 = 2
    UINT8 = 3
    INT64 = 4
    STRING = 5
    BOOL = 6
    INT16 = 7
    COMPLEX64 = 8
    INT8 = 9
    FLOAT64 = 10
    COMPLEX128 = 11
    UINT64 = 12
    RESOURCE = 13
    VARIANT = 14
    UINT32 = 15
    UINT16 = 16
    INT4 = 17
    BFLOAT16 = 18
    INT2 = 19
    UINT4 = 20
    FLOAT8_E4M3FN = 21
    FLOAT8_E5M2 = 22

    @property
    def label(self) -> str:
        """Name as users write it, such as "int8"."""
        return self.name.lower()

    @property
    def bits(self) -> int:
        """Bits of one element; 0 for types without a fixed size."""
        return _BITS.get(self, 0)

    @property
    def dtype(self) -> np.dtype[Any]:
        """How numpy holds the elements; int4 and int2 are unpacked to one byte each."""
        return np.dtype(_DTYPES.get(self, "uint8"))

    @property
    def is_float(self) -> bool:
        """Whether elements are floating-point numbers."""
        return "FLOAT" in self.name

    def nbytes(self, elements: int) -> int:
        """Bytes that `elements` of this type take on the device."""
        return (elements * self.bits + 7) // 8


_DTYPES = {
    Type.FLOAT32: "float32",
    Type.FLOAT16: "float16",
    Type.INT32: "int32",
    Type.UINT8: "uint8",
    Type.INT64: "int64",
    Type.BOOL: "bool",
    Type.INT16: "int16",
    Type.COMPLEX64: "complex64",
    Type.INT8: "int8",
    Type.FLOAT64: "float64",
    Type.COMPLEX128: "complex128",
    Type.UINT64: "uint64",
    Type.UINT32: "uint32",
    Type.UINT16: "uint16",
    Type.INT4: "int8",
    Type.BFLOAT16: "uint16",
    Type.INT2: "int8",
    Type.UINT4: "uint8",
}
_BITS = {kind: np.dtype(name).itemsize * 8 for kind, name in _DTYPES.items()}
_BITS |= {Type.INT4: 4, Type.UINT4: 4, Type.INT2: 2, Type.FLOAT8_E4M3FN: 8, Type.FLOAT8_E5M2: 8}
_BITS |= {Type.RESOURCE: 32}  # a handle


@dataclass(frozen=True, eq=False)
class Quantization:
    """real = scale * (stored - zero_point), per tensor or per slice along `axis`.

    Attributes:
        scales: float32 [1], or [channels].
        zero_points: int64, as many as scales.
        axis: the axis the channels lie on; only meaningful with several scales.
        scheme: "" for the above; else the name of a scheme that we do not read.
    """

    scales: npt.NDArray[np.float32]
    zero_points: npt.NDArray[np.int64]
    axis: int = 0
    scheme: str = ""

    @property
    def per_channel(self) -> bool:
        """Whether there is more than one scale."""
        return len(self.scales) > 1

    @property
    def scale(self) -> float:
        """The first, or only, scale."""
        return float(self.scales[0])

    @property
    def zero_point(self) -> int:
        """The first, or only, zero point."""
        return int(self.zero_points[0])

    def same(self, other: Quantization | None) -> bool:
        """Whether equal stored numbers mean equal real numbers."""
        return (
            other is not None
            and (self.axis == other.axis or not self.per_channel)
            and np.array_equal(self.scales, other.scales)
            and np.array_equal(self.zero_points, other.zero_points)
        )


def per_tensor(scale: float, zero_point: int) -> Quantization:
    """Quantization with one scale."""
    return Quantization(np.array([scale], np.float32), np.array([zero_point], np.int64))


@dataclass(eq=False)
class Tensor:
    """A value of fixed shape.

    Attributes:
        data: the elements if the tensor is constant, in `shape` and `type.dtype`; else None.
        is_variable: keeps its value from one inference to the next.
        shape_signature: as `shape`, with -1 where the converter left a size open; () if nowhere.
        is_sparse: stored in a sparse encoding that we do not read (`data` is then raw bytes).
    """

    name: str
    type: Type
    shape: tuple[int, ...]
    data: Array | None = None
    quantization: Quantization | None = None
    is_variable: bool = False
    shape_signature: tuple[int, ...] = ()
    is_sparse: bool = False

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes on the device."""
        return self.type.nbytes(self.size)

    @property
    def is_constant(self) -> bool:
        """Whether the value is part of the model."""
        return self.data is not None

    @property
    def label(self) -> str:
        """Name to show: converters join the names of all ops that were fused, the first will do."""
        return shown(self.name.split(";")[0].removesuffix(":0")) or "(no name)"

    def __repr__(self) -> str:
        return f"{self.label}: {self.type.label}{list(self.shape)}"


@dataclass(eq=False)
class Op:
    """One operator; `inputs` has None where an optional input was left out.

    Attributes:
        code: name in the schema, such as "CONV_2D"; "CUSTOM" for what is not in it.
        custom_code: name of a custom operator.
        options: the operator's options by their names in the schema; enumerations by name.
        custom_options: options of a custom operator (a FlexBuffer).
        intermediates: tensors that hold quantization for values inside the operator (LSTM).
    """

    code: str
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    options: dict[str, Any] = field(default_factory=dict)
    custom_code: str = ""
    custom_options: bytes = b""
    version: int = 1
    intermediates: list[Tensor] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name to show: of the builtin, or of the custom operator."""
        return shown(self.custom_code) if self.code == "CUSTOM" else self.code

    @property
    def operands(self) -> list[Tensor]:
        """The inputs that are there."""
        return [tensor for tensor in self.inputs if tensor is not None]

    def input(self, index: int) -> Tensor | None:
        """Input `index`, None if it was left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def __repr__(self) -> str:
        return f"<{self.name} {self.operands} -> {self.outputs}>"


@dataclass(eq=False)
class Subgraph:
    """Ops in execution order; tensors in file order, by which the arena planner breaks ties."""

    name: str = "main"
    tensors: list[Tensor] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)

    def producer(self, tensor: Tensor) -> Op | None:
        """The op that writes `tensor`."""
        return next((op for op in self.ops if tensor in op.outputs), None)

    def consumers(self, tensor: Tensor) -> list[Op]:
        """The ops that read `tensor`, in execution order."""
        return [op for op in self.ops if tensor in op.inputs]

    def replace(self, old: Tensor, new: Tensor) -> None:
        """Let every reader of `old`, the subgraph's outputs included, read `new`."""
        for op in self.ops:
            op.inputs = [new if tensor is old else tensor for tensor in op.inputs]
        self.outputs = [new if tensor is old else tensor for tensor in self.outputs]

    def prune(self) -> None:
        """Drop the tensors that nothing refers to."""
        used = set(self.inputs) | set(self.outputs)
        for op in self.ops:
            used |= {*op.operands, *op.outputs, *op.intermediates}
        self.tensors = [tensor for tensor in self.tensors if tensor in used]


@dataclass(eq=False)
class Signature:
    """Names that the converter gave to a subgraph's inputs and outputs."""

    key: str
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    subgraph: int = 0


@dataclass(eq=False)
class Model:
    """A whole file. `subgraphs[0]` runs; the others are called by control-flow ops.

    Attributes:
        metadata: named blobs: the runtime version, an offline memory plan.
        nbytes: size of the file that it was read from, 0 if it was made here.
    """

    subgraphs: list[Subgraph]
    description: str = ""
    metadata: dict[str, bytes] = field(default_factory=dict)
    signatures: list[Signature] = field(default_factory=list)
    nbytes: int = 0

    @property
    def main(self) -> Subgraph:
        """The subgraph that an inference runs."""
        return self.subgraphs[0]

    @property
    def ops(self) -> Iterator[Op]:
        """All ops of all subgraphs."""
        return (op for subgraph in self.subgraphs for op in subgraph.ops)
