"""Judges models with operators that TFLM does not have: in segments.

TFLM runs what lies before, between and after such operators, each part as a model of its own that
lives as long as the judge, so that its variables do. What TFLM does not have is computed by the
reference that its declaration gives, in NumPy.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Protocol

from tinydeploy.errors import ModelFileError, UnsupportedModelError
from tinydeploy.graph import read_tflite
from tinydeploy.graph.ir import Array, Model, Op, Subgraph, Tensor, Type
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge
from tinydeploy.ops.declared import OPERATORS, operator_of

PART = "in the part from operator {} on\n"
_STDERR = 2  # where TFLM's C++ writes, below `sys.stderr`


class AnyJudge(Protocol):
    """What `Judge` and `SegmentedJudge` have in common."""

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """As `Judge.run`."""

    def reset(self) -> None:
        """As `Judge.reset`."""

    def tensor(self, index: int) -> Array:
        """As `Judge.tensor`."""


def references(model: Model) -> list[str]:
    """Operators of `model` that are judged by their reference, sorted."""
    return sorted({op.name for op in model.ops if operator_of(op).reference is not None})


def judge_of(data: bytes, *, preserve_tensors: bool = False) -> AnyJudge:
    """TFLM for a model that it has all operators of, else segments.

    Raises:
        UnsupportedModelError: TFLM refuses it, or it cannot be taken apart.
    """
    model = _with_references(data)
    if model is None:
        return Judge(data, preserve_tensors=preserve_tensors, capture=False)
    return SegmentedJudge(model, preserve_tensors=preserve_tensors)


class SegmentedJudge:
    """As `Judge`, for a model with operators that TFLM does not have.

    Raises:
        UnsupportedModelError: TFLM refuses a segment, or the model cannot be taken apart.
    """

    def __init__(self, model: Model, *, preserve_tensors: bool = False) -> None:
        _require_separable(model)
        self._model = model
        self._preserve = preserve_tensors
        self._values: dict[Tensor, Array] = {}
        self._segments = list(self._made())

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Run one inference; inputs and outputs have shapes and types of the model's tensors."""
        graph = self._model.main
        self._values = dict(zip(graph.inputs, inputs, strict=True))
        self._values |= {t: t.data for t in graph.tensors if t.data is not None}
        for segment in self._segments:
            given = [self._values[tensor] for tensor in segment.inputs]
            self._values |= zip(segment.outputs, segment.run(given), strict=True)
        return [self._values[tensor] for tensor in graph.outputs]

    def reset(self) -> None:
        """Forget what was kept from earlier inferences."""
        self._segments = list(self._made())

    def tensor(self, index: int) -> Array:
        """Data of tensor `index` of the main subgraph after the last run (`preserve_tensors`)."""
        tensor = self._model.main.tensors[index]
        return self._values[tensor]

    def _made(self) -> Iterator[_Segment]:
        """In order of execution; TFLM's with all that it computes, if its tensors are asked for."""
        graph, start = self._model.main, 0
        for is_reference, group in groupby(graph.ops, key=_has_reference):
            ops = list(group)
            if is_reference:
                yield from map(_of_reference, ops)
            else:
                wanted = _results(ops) if self._preserve else _read_outside(graph, ops)
                yield _of_tflm(self._model, ops, wanted, start)
            start += len(ops)


@dataclass(frozen=True)
class _Segment:
    """A part of the model: what it reads, what it gives, and how."""

    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    run: Callable[[Sequence[Array]], list[Array]]


def _of_reference(op: Op) -> _Segment:
    start = operator_of(op).reference
    assert start is not None
    try:
        return _Segment(op.operands, op.outputs, start(op))
    except ValueError as error:
        raise UnsupportedModelError(
            f"{op.name}: {error}", "make the model again with options that it takes"
        ) from None


def _of_tflm(model: Model, ops: list[Op], outputs: list[Tensor], start: int) -> _Segment:
    made = {tensor for op in ops for tensor in op.outputs}
    read = [tensor for op in ops for tensor in op.operands]
    free = [t for t in read if not t.is_constant and not t.is_variable and t not in made]
    inputs = list(dict.fromkeys(free))
    used = {*read, *made, *(tensor for op in ops for tensor in op.intermediates)}
    tensors = [tensor for tensor in model.main.tensors if tensor in used]
    graph = Subgraph("segment", tensors, ops, inputs, outputs)
    try:
        tflm = Judge(dump(Model([graph, *model.subgraphs[1:]])), capture=False)
    except UnsupportedModelError:
        # Beside TFLM's own words, whose numbers count from there; guarded.py reads both.
        os.write(_STDERR, PART.format(start).encode())
        raise
    return _Segment(inputs, outputs, tflm.run)


def _has_reference(op: Op) -> bool:
    return operator_of(op).reference is not None


def _results(ops: Sequence[Op]) -> list[Tensor]:
    """But for handles, which mean nothing outside."""
    return [t for op in ops for t in op.outputs if t.type is not Type.RESOURCE]


def _read_outside(graph: Subgraph, ops: Sequence[Op]) -> list[Tensor]:
    own = set(ops)
    read = {t for op in graph.ops if op not in own for t in op.operands} | set(graph.outputs)
    return [tensor for tensor in _results(ops) if tensor in read]


def _with_references(data: bytes) -> Model | None:
    """The model, if it has operators that TFLM does not have; what cannot be read is TFLM's."""
    if not any(code.encode() in data for code, op in OPERATORS.items() if op.reference):
        return None
    try:
        model = read_tflite.load(data)
    except ModelFileError:
        return None
    return model if references(model) else None


def _require_separable(model: Model) -> None:
    """What the segments would share or end cannot be told apart from outside."""
    inner = [op for graph in model.subgraphs[1:] for op in graph.ops]
    hidden = (op for op in inner if _has_reference(op))
    bound = (op for op in model.ops if operator_of(op).shares or _ends_early(op))
    first = next(chain(hidden, bound), None)
    if first is not None:
        raise UnsupportedModelError(
            f"{first.name} in a model with {', '.join(references(model))}, which TFLM does not "
            "have: there is nothing to judge them together by",
            "keep variables, CIRCULAR_BUFFER and subgraphs out of models with such operators",
        )


def _ends_early(op: Op) -> bool:
    return op.name == "CIRCULAR_BUFFER"
