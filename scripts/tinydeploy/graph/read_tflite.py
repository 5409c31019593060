"""Read a .tflite file. Nothing in it is trusted: what `load` returns is consistent in itself.

Checked: that all offsets stay inside the file (flat.py), that indices exist, that shapes do not
overflow and their buffers fill them, that ops are in execution order.
Not checked: whether the ops make sense or can be run; that is the business of `ops`.
What TFLM does not look at is no reason to refuse a file: the quantization of most tensors (the
kernels check that of weights), trailing bytes of a constant, signatures and metadata.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np

from tinydeploy import bounds
from tinydeploy.abi import limits
from tinydeploy.errors import ModelFileError
from tinydeploy.graph import flat, schema
from tinydeploy.graph.ir import Array, Model, Op, Quantization, Signature, Subgraph, Tensor, Type
from tinydeploy.graph.verify import InconsistentGraphError, verify_order

MAX_RANK = 16
_HINT_DAMAGED = "the file is damaged: copy or convert it again"
_HINT_SMALLER = "no microcontroller runs such a model: split it, or take a smaller one"
_CALLED = ("subgraph", "subgraph_index")  # ends of the names of options that name a subgraph
_T = TypeVar("_T")


def load(source: Path | str | bytes, name: str = "model") -> Model:
    """Read and verify a model.

    Args:
        source: path of a .tflite file, or its bytes.
        name: of the bytes, for messages.

    Raises:
        ModelFileError: not there, not a .tflite file, cut short, or inconsistent.
    """
    if isinstance(source, bytes):
        return _load(source, name)
    return _load(read_bytes(Path(source)), Path(source).name)


def read_bytes(path: Path) -> bytes:
    """Bytes of a model file; ModelFileError if there is none to read."""
    if path.is_dir():
        raise ModelFileError(f"{path} is a folder", "give a .tflite file")
    try:
        return bounds.read(path, bounds.FILE_BYTES, ModelFileError)
    except FileNotFoundError:
        raise ModelFileError(f"{path}: no such file", "check the path of the model") from None
    except OSError as error:
        raise ModelFileError(f"{path}: {error.strerror}", "check the file's permissions") from None


def _load(data: bytes, name: str) -> Model:
    if len(data) < 8 or data[4:8] != schema.IDENTIFIER:
        raise ModelFileError(
            f"{name} is not a .tflite file ({_looks_like(data)})",
            'a .tflite file has "TFL3" at byte 4; convert Keras and SavedModel models first',
        )
    try:
        return _Reader(data).model()
    except flat.BeyondBoundsError as error:
        raise ModelFileError(f"{name} has {error}", _HINT_SMALLER) from None
    except flat.FlatBufferError as error:
        raise ModelFileError(
            f"{name} is damaged or cut short ({len(data)} bytes): {error}",
            "copy it again, or convert the model again",
        ) from None
    except ModelFileError as error:
        raise ModelFileError(f"{name}: {error.message}", error.hint) from None


def looks_like(path: Path) -> str:
    """What a file that is no .tflite may be, in words."""
    return "it is a folder" if path.is_dir() else _looks_like(read_bytes(path))


def _looks_like(data: bytes) -> str:
    if not data:
        return "it is empty"
    magics = {
        b"PK": "a zip archive: perhaps a .keras file",
        b"\x89HDF": "HDF5: perhaps a Keras .h5 file",
        b"\x08": "perhaps a SavedModel or ONNX protobuf",
        b"version https://git-lfs": "a Git LFS pointer: run `git lfs pull`",
    }
    fits = [text for magic, text in magics.items() if data.startswith(magic)]
    return fits[0] if fits else f"{len(data)} bytes, begins with {data[:8]!r}"


def _fail(what: str, hint: str = _HINT_DAMAGED) -> NoReturn:
    raise ModelFileError(what, hint)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._root = flat.decode(data, "Model")
        self._nbytes = len(data)
        self._constant_bytes = 0
        if self._root["version"] != schema.VERSION:
            _fail(
                f"schema version {self._root['version']}, expected {schema.VERSION}",
                "convert the model with a current TensorFlow",
            )
        self._buffers = [self._buffer(i, b) for i, b in enumerate(self._root["buffers"])]

    def model(self) -> Model:
        if not self._root["subgraphs"]:
            _fail("it has no subgraph")
        subgraphs = [
            self._subgraph(table, f"subgraph {i}")
            for i, table in enumerate(self._root["subgraphs"])
        ]
        _require_bounds(subgraphs, self._nbytes)
        return Model(
            subgraphs=subgraphs,
            description=self._root["description"] or "",
            metadata=self._metadata(),
            signatures=list(self._signatures(subgraphs)),
            nbytes=self._nbytes,
        )

    def _buffer(self, index: int, table: flat.Table) -> Array:
        if table["offset"] > 1:
            _fail(f"buffer {index} lies past the flatbuffer", "convert without large-model support")
        data: Array = table["data"]
        return data

    def _metadata(self) -> dict[str, bytes]:
        entries = [(entry["name"] or "", entry["buffer"]) for entry in self._root["metadata"]]
        there = range(len(self._buffers))
        blobs = {n: self._buffers[n].tobytes() for n in {n for _, n in entries} if n in there}
        return {name: blobs[n] for name, n in entries if n in blobs}

    def _signatures(self, subgraphs: list[Subgraph]) -> Iterator[Signature]:
        """Those whose subgraph and tensors exist."""
        for entry in self._root["signature_defs"]:
            index = entry["subgraph_index"]
            tensors = subgraphs[index].tensors if index < len(subgraphs) else []
            maps = [*entry["inputs"], *entry["outputs"]]
            if index < len(subgraphs) and all(m["tensor_index"] < len(tensors) for m in maps):
                inputs, outputs = (
                    {m["name"] or "": tensors[m["tensor_index"]] for m in entry[side]}
                    for side in ("inputs", "outputs")
                )
                yield Signature(entry["signature_key"] or "", inputs, outputs, index)

    def _subgraph(self, table: flat.Table, where: str) -> Subgraph:
        tensors = [self._tensor(t, f"tensor {i}") for i, t in enumerate(table["tensors"])]
        subgraph = Subgraph(
            name=table["name"] or "",
            tensors=tensors,
            ops=[self._op(op, tensors, f"op {i}") for i, op in enumerate(table["operators"])],
            inputs=_pick(tensors, table["inputs"], f"{where}: input"),
            outputs=_pick(tensors, table["outputs"], f"{where}: output"),
        )
        try:
            verify_order(subgraph)
        except InconsistentGraphError as error:
            _fail(str(error))
        return subgraph

    def _tensor(self, table: flat.Table, where: str) -> Tensor:
        kind = Type[table["type"]]
        shape = _shape(table["shape"], kind, where)
        tensor = Tensor(
            name=table["name"] or "",
            type=kind,
            shape=shape,
            quantization=_quantization(table["quantization"]),
            is_variable=table["is_variable"],
            shape_signature=tuple(int(size) for size in table["shape_signature"][:MAX_RANK]),
            is_sparse=bool(table["sparsity"]),
        )
        if table["external_buffer"]:
            _fail(f"{where} lies in another file", "convert it into a single file")
        raw = _at(self._buffers, table["buffer"], f"{where}: buffer")
        if len(raw):
            self._constant_bytes += tensor.size
            if self._constant_bytes > bounds.CONSTANT_BYTES + self._nbytes:
                _fail("its constants share their bytes without measure", _HINT_SMALLER)
            tensor.data = _constant(raw, tensor, where)
        return tensor

    def _op(self, table: flat.Table, tensors: list[Tensor], where: str) -> Op:
        code = _at(self._root["operator_codes"], table["opcode_index"], f"{where}: operator code")
        # Numbers above 126 did not fit the first field: the larger of the two counts.
        number = max(code["builtin_code"], code["deprecated_builtin_code"])
        name = schema.OPERATOR_NAMES.get(number)
        if name is None:
            _fail(f"{where}: there is no operator number {number}", "made by a newer TensorFlow?")
        return Op(
            code=name,
            custom_code=(code["custom_code"] or "") if name == "CUSTOM" else "",
            inputs=[_optional(tensors, i, f"{where} ({name}): input") for i in table["inputs"]],
            outputs=_pick(tensors, table["outputs"], f"{where} ({name}): output"),
            options=self._options(name, table["builtin_options"], where),
            custom_options=table["custom_options"].tobytes(),
            version=code["version"],
            intermediates=_pick(tensors, table["intermediates"], f"{where}: intermediate"),
        )

    def _options(self, code: str, union: Any, where: str) -> dict[str, Any]:
        if union is None:
            return {}
        kind, options = union
        expected = schema.options_of(code)
        if expected and kind != expected:
            _fail(f"{where}: {code} has {kind}, expected {expected}")
        for name, value in options.items():
            if name.endswith(_CALLED):
                _at(self._root["subgraphs"], value, f"{where} ({code}): {name}")
        return {name: _plain(value) for name, value in options.items()}


def _require_bounds(subgraphs: Sequence[Subgraph], file_bytes: int) -> None:
    """Refuse what is small in the file and large once it is unpacked."""
    arguments = sum(
        len(op.inputs) + len(op.outputs) + len(op.intermediates) for g in subgraphs for op in g.ops
    )
    if arguments > bounds.ARGUMENTS:
        _fail(f"its operators have {arguments:,} inputs and outputs", _HINT_SMALLER)
    prepared = _prepared(subgraphs)
    if prepared > bounds.OPERATORS:
        _fail(f"its subgraphs call one another until there are {prepared:,} operators")


def _prepared(subgraphs: Sequence[Subgraph]) -> int:
    """Operators of the main subgraph and of all that it calls, once for each call, as deep as the
    device goes.
    """
    calls = [
        [int(v) for op in g.ops for k, v in op.options.items() if k.endswith(_CALLED)]
        for g in subgraphs
    ]
    counts = [len(graph.ops) for graph in subgraphs]
    for _ in range(limits.CALLS_DEEP.most):
        counts = [
            len(graph.ops) + sum(counts[index] for index in called)
            for graph, called in zip(subgraphs, calls, strict=True)
        ]
    return counts[0]


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _at(items: Sequence[_T], index: int, where: str) -> _T:
    if not 0 <= index < len(items):
        _fail(f"{where} {index} does not exist (there are {len(items)})")
    return items[index]


def _optional(tensors: list[Tensor], index: int, where: str) -> Tensor | None:
    return None if index == -1 else _at(tensors, int(index), where)


def _pick(tensors: list[Tensor], indices: Array, where: str) -> list[Tensor]:
    return [_at(tensors, int(index), where) for index in indices]


def _shape(sizes: Array, kind: Type, where: str) -> tuple[int, ...]:
    if len(sizes) > MAX_RANK:
        _fail(f"{where} has {len(sizes)} dimensions")
    shape = tuple(int(size) for size in sizes)
    if any(size < 0 for size in shape):
        _fail(f"{where} has the shape {list(shape)}", "give Input a batch_size and fixed sizes")
    if kind.nbytes(math.prod(max(size, 1) for size in shape)) > bounds.TENSOR_BYTES:
        most = bounds.TENSOR_BYTES >> 20
        _fail(f"{where} of shape {list(shape)} takes more than {most} MiB", _HINT_SMALLER)
    return shape


def _quantization(table: Any) -> Quantization | None:
    """As TFLM reads it: none without a zero point; the first one for all where they are too few
    or too many; numbers of scales and the axis are checked by the kernels that look at them."""
    if table is None:
        return None
    scales, zero_points = table["scale"], table["zero_point"]
    if table["details"] and not len(scales):
        kinds = {1: "custom", 2: "blockwise", 3: "multi-axis"}
        empty = np.ones(1, np.float32), np.zeros(1, np.int64)
        return Quantization(*empty, scheme=kinds.get(table["details_type"], "unknown"))
    if not len(scales) or not len(zero_points):
        return None
    if len(zero_points) != len(scales):
        zero_points = np.repeat(zero_points[:1], len(scales))
    return Quantization(scales, zero_points, table["quantized_dimension"])


def _constant(raw: Array, tensor: Tensor, where: str) -> Array:
    if tensor.is_sparse or not tensor.type.bits:
        return raw
    if len(raw) < tensor.nbytes:
        _fail(
            f"{where} ({tensor.name}): {tensor.type.label}{list(tensor.shape)} takes "
            f"{tensor.nbytes} bytes, its buffer has {len(raw)}"
        )
    raw = raw[: tensor.nbytes]
    if tensor.type.bits < 8:
        return unpack(raw, tensor.type, tensor.size).reshape(tensor.shape)
    is_bool = tensor.type.dtype == np.bool_
    values: Array = raw != 0 if is_bool else raw.view(tensor.type.dtype)
    return values.reshape(tensor.shape)


def unpack(raw: Array, kind: Type, elements: int) -> Array:
    """Spread 4-bit or 2-bit numbers, lowest bits first, to one byte each."""
    bits = kind.bits
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    digits = ((raw[:, None] >> shifts) & ((1 << bits) - 1)).reshape(-1)[:elements]
    if kind is Type.UINT4:
        return digits
    half = 1 << (bits - 1)
    signed: Array = (digits.astype(np.int8) ^ np.int8(half)) - np.int8(half)
    return signed
