"""Models with one thing wrong that no converter writes: a type, a shape, a scale, an option.

Flipped bits mostly damage the file; these are sound files, so that it is the kernels' own checks
that have to find what is wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from flatbuffers import flexbuffers

from tinydeploy import arena
from tinydeploy.errors import TinyDeployError
from tinydeploy.fuzz import patterns
from tinydeploy.graph import read_tflite, schema
from tinydeploy.graph.ir import Array, Op, Quantization, Subgraph, Tensor, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.ops.custom_options import options_of

_TYPES = (
    *(Type.FLOAT32, Type.INT8, Type.INT16, Type.INT32, Type.INT64, Type.BOOL, Type.UINT8),
    *(Type.INT4, Type.UINT32),
)
_SIZES = (0, 1, 2, 3, 5, 17, 300, 5000, 70_000)
_NUMBERS = (0, 1, -1, 2, 7, -7, 100, 5000, 40_000, 70_000, (1 << 31) - 1, -(1 << 31))
_SCALES = (0.0, -1.0, 1e-38, 1e-12, 1e-6, 1.0, 1e6, 1e12, 3e38, float("inf"), float("nan"))
_ZERO_POINTS = (0, 1, -1, 127, -128, 128, -129, 255, 32767, 32768, -32769, 1 << 40)
_TRIES = 20
_UNWRITABLE = (TypeError, ValueError, LookupError, OverflowError, struct.error, AssertionError)

T = TypeVar("T")
Change = Callable[[np.random.Generator, Subgraph, Op], None]


def spoil(rng: np.random.Generator, data: bytes) -> bytes:
    """One thing changed, or `data` where none of a few tries makes a file."""
    for _ in range(_TRIES):
        try:
            model = read_tflite.load(data)
            graph = model.subgraphs[int(rng.integers(len(model.subgraphs)))]
            _CHANGES[int(rng.integers(len(_CHANGES)))](rng, graph, _one(rng, graph.ops))
            return dump(model)
        except (TinyDeployError, *_UNWRITABLE):
            continue
    return data


def scarce(rng: np.random.Generator, data: bytes) -> int:
    """An arena that is too small, mostly by persistent memory, which kernels ask for."""
    try:
        needs = arena.needs(read_tflite.load(data))
    except (TinyDeployError, *_UNWRITABLE):
        return 1 << int(rng.integers(4, 14))
    most = needs.total_bytes if rng.random() < 0.3 else min(
        needs.total_bytes, needs.persistent_bytes + 400
    )  # fmt: skip
    return int(rng.integers(0, max(most, 1)))


def wild(rng: np.random.Generator, data: bytes) -> list[list[Array]]:
    """Inputs as no sensor gives them: no numbers, infinite ones, any bits, indices of nothing."""
    inputs = read_tflite.load(data).main.inputs
    return [[_wild(rng, tensor) for tensor in inputs] for _ in range(2)]


def _wild(rng: np.random.Generator, tensor: Tensor) -> Array:
    dtype = tensor.type.dtype
    if dtype.kind == "f":
        usual = rng.normal(size=tensor.shape)
        odd = rng.choice(np.array([*_SCALES, *map(float, _NUMBERS)]), tensor.shape)
        with np.errstate(over="ignore"):
            return np.where(rng.random(tensor.shape) < rng.random(), odd, usual).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, tensor.shape).astype(bool)
    return patterns.values(rng, tensor.shape, dtype)


def _one(rng: np.random.Generator, some: Sequence[T]) -> T:
    return some[int(rng.integers(len(some)))]


def _tensor(rng: np.random.Generator, op: Op) -> Tensor:
    return _one(rng, [*op.operands, *op.outputs])


def _type(rng: np.random.Generator, graph: Subgraph, op: Op) -> None:
    tensor = _tensor(rng, op)
    tensor.type = _one(rng, _TYPES)
    if tensor.data is not None:
        tensor.data = tensor.data.astype(tensor.type.dtype)


def _shape(rng: np.random.Generator, graph: Subgraph, op: Op) -> None:
    """A size, a dimension more or less, or two in the other order."""
    tensor, kind = _tensor(rng, op), int(rng.integers(5))
    sizes = list(tensor.shape)
    if kind == 0 and sizes:
        sizes.pop(int(rng.integers(len(sizes))))
    elif kind == 1:
        sizes.insert(int(rng.integers(len(sizes) + 1)), int(rng.integers(1, 3)))
    elif kind == 2:
        sizes = [sizes[at] for at in rng.permutation(len(sizes))]
    else:
        at = int(rng.integers(len(sizes)))
        sizes[at] = _one(rng, [sizes[at] + 1, max(sizes[at] - 1, 0), 2 * sizes[at], *_SIZES])
    tensor.shape = tuple(sizes)
    tensor.shape_signature = ()
    if tensor.data is not None:
        tensor.data = np.resize(tensor.data, tensor.shape)


def _quantization(rng: np.random.Generator, graph: Subgraph, op: Op) -> None:
    tensor = _one(rng, [*op.operands, *op.outputs, *op.intermediates])
    given, kind = tensor.quantization, int(rng.integers(5))
    if given is None or kind == 0:
        scale = _one(rng, _SCALES)
        tensor.quantization = None if given else per_tensor(scale, _one(rng, _ZERO_POINTS))
        return
    scales, zeros, axis = given.scales.copy(), given.zero_points.copy(), given.axis
    if kind == 1:
        zeros[int(rng.integers(len(zeros)))] = _one(rng, _ZERO_POINTS)
    elif kind == 2:
        scales, zeros = np.resize(scales, len(scales) + 1), np.resize(zeros, len(zeros) + 1)
    elif kind == 3:
        axis = int(rng.integers(-1, 5))
    else:
        scales[int(rng.integers(len(scales)))] = _one(rng, _SCALES)
    tensor.quantization = Quantization(scales, zeros, axis)


def _option(rng: np.random.Generator, graph: Subgraph, op: Op) -> None:
    if op.custom_options:
        _custom_option(rng, op)
        return
    table = schema.options_of(op.code)
    field = _one(rng, list(schema.TABLES[table])) if table else _nothing()
    if field.type in schema.ENUMS:
        op.options[field.name] = _one(rng, list(schema.ENUMS[field.type]))
    elif field.is_vector:
        op.options[field.name] = [_one(rng, _NUMBERS) for _ in range(int(rng.integers(9)))]
    else:
        op.options[field.name] = _one(rng, [*_NUMBERS, True, False])


def _custom_option(rng: np.random.Generator, op: Op) -> None:
    options = dict(options_of(op))
    name = _one(rng, list(options))
    kind = type(options[name])
    if rng.random() < 0.2:
        del options[name]
    elif kind in (int, float, bool):
        options[name] = kind(_one(rng, _NUMBERS))
    op.custom_options = bytes(flexbuffers.Dumps(options))


def _value(rng: np.random.Generator, graph: Subgraph, op: Op) -> None:
    """One of a constant: an axis, a size, an index."""
    constants = [tensor for tensor in op.operands if tensor.data is not None and tensor.size]
    tensor = _one(rng, constants)
    assert tensor.data is not None
    values = tensor.data.copy()
    if values.dtype.kind == "f":
        wanted = _one(rng, _SCALES)
    else:
        info = np.iinfo(values.dtype if values.dtype != bool else np.uint8)
        near = int(values.reshape(-1)[0]) + int(rng.integers(-2, 3))
        wanted = min(max(_one(rng, [near, near, *_NUMBERS]), info.min), info.max)
    values.reshape(-1)[int(rng.integers(values.size))] = wanted
    tensor.data = values


def _constancy(rng: np.random.Generator, graph: Subgraph, op: Op) -> None:
    """A constant becomes an input, an input a constant."""
    tensor = _one(rng, op.operands)
    if tensor.data is not None:
        tensor.data = None
        graph.inputs.append(tensor)
    elif tensor in graph.inputs:
        graph.inputs.remove(tensor)
        values = rng.integers(0, 2, tensor.shape)
        tensor.data = values.astype(tensor.type.dtype)


def _operands(rng: np.random.Generator, graph: Subgraph, op: Op) -> None:
    """One left out, one too many, two in the other order, an output less or more."""
    kind = int(rng.integers(6))
    if kind == 0:
        op.inputs[int(rng.integers(len(op.inputs)))] = None
    elif kind == 1:
        op.inputs.pop()
    elif kind == 2:
        op.inputs.append(_one(rng, op.operands))
    elif kind == 3:
        op.inputs = [op.inputs[at] for at in rng.permutation(len(op.inputs))]
    elif kind == 4 and len(op.outputs) > 1:
        graph.outputs = [tensor for tensor in graph.outputs if tensor is not op.outputs[-1]]
        op.outputs.pop()
    else:
        more = Tensor("more", _tensor(rng, op).type, _tensor(rng, op).shape)
        graph.tensors.append(more)
        op.outputs.append(more)


def _nothing() -> schema.Field:
    raise LookupError


_CHANGES: tuple[Change, ...] = (
    *(_type, _type, _shape, _shape, _quantization, _option, _option, _value, _constancy, _operands),
)
