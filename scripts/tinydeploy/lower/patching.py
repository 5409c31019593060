"""Spatial patching: the first, high-resolution operators run band by band of rows.

The operators up to some point of the graph are replaced by one copy a band. Each copy computes the
rows that its successors need, those that overlap with the neighbouring band (the halo) again, so
that of the large activations only a band exists at a time (MCUNet, Lin et al. 2021). The results
are the same to the last bit: a row is computed from the same numbers in the same order.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinydeploy.graph.ir import Model, Op, Subgraph, Tensor, Type
from tinydeploy.lower.plan.ir import Plan

ALIGNMENT_BYTES = 4  # kernels load words
Rows = tuple[int, int]  # half open: first, last + 1

_WINDOWS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_SAME_SHAPE = (
    *("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM"),
    *("RELU", "RELU6", "LOGISTIC", "TANH", "HARD_SWISH", "LEAKY_RELU", "ELU", "QUANTIZE"),
)


@dataclass(frozen=True, eq=False)
class View:
    """A tensor that lies in another one, `offset` bytes from its start."""

    parent: Tensor
    offset: int


@dataclass(frozen=True)
class Patched:
    """A model whose first operators run in bands.

    Attributes:
        views: tensors that are rows of others.
        op_indices: for each operator the index of the one that it is a band of.
        bands: how many.
        last_op: the last of the operators that are split.
    """

    model: Model
    views: Mapping[Tensor, View]
    op_indices: Sequence[int]
    bands: int
    last_op: int

    def finish(self, plan: Plan) -> Plan:
        """Let the steps that write rows of a tensor say so: it lives from the first of them on."""
        for step in plan.steps:
            step.op_index = self.op_indices[step.op_index]
            step.writes = [
                buffer.base if buffer.tensor in self.views and buffer.base else buffer
                for buffer in step.writes
            ]
        return plan


def split_points(graph: Subgraph) -> list[int]:
    """Indices of the operators after which bands can be joined, at most as many rows as there."""
    points = []
    last = {tensor: index for index, op in enumerate(graph.ops) for tensor in op.operands}
    last |= dict.fromkeys(graph.outputs, len(graph.ops))
    needed = {tensor for tensor in graph.inputs if tensor in last}
    for index, op in enumerate(graph.ops):
        if not _can_be_split(op):
            break
        needed |= {tensor for tensor in op.outputs if tensor in last}
        needed -= {tensor for tensor in (*op.operands, op.outputs[0]) if last.get(tensor) == index}
        if needed == {op.outputs[0]} and op.outputs[0].shape[1] > 1:
            points.append(index)
    return points


def split(model: Model, last_op: int, bands: int) -> Patched | None:
    """`model` with the operators up to `last_op`, one of `split_points`, in `bands` bands.

    None where a band would be empty or start at an address that kernels cannot load words from.
    """
    graph = model.main
    result = graph.ops[last_op].outputs[0]
    height = result.shape[1]
    if not 2 <= bands <= height:
        return None
    edges = [height * band // bands for band in range(bands + 1)]
    ops: list[Op] = []
    views: dict[Tensor, View] = {}
    for first, end in itertools.pairwise(edges):
        band = _Band(graph, last_op, (first, end))
        ops += band.ops
        views |= band.views
    if any(view.offset % ALIGNMENT_BYTES for view in views.values()):
        return None
    indices = [*list(range(last_op + 1)) * bands, *range(last_op + 1, len(graph.ops))]
    ops += graph.ops[last_op + 1 :]
    patched = Subgraph(graph.name, graph.tensors, ops, graph.inputs, graph.outputs)
    return Patched(Model([patched, *model.subgraphs[1:]]), views, indices, bands, last_op)


class _Band:
    """Copies of the first operators that compute `rows` of the last one's output."""

    def __init__(self, graph: Subgraph, last_op: int, rows: Rows) -> None:
        self.ops: list[Op] = []
        self.views: dict[Tensor, View] = {}
        self._region = graph.ops[: last_op + 1]
        self._needed = _needed_rows(self._region, rows)
        self._result = self._region[-1].outputs[0]
        self._readers: dict[Tensor, list[Op]] = {}
        for op in self._region:
            for tensor in dict.fromkeys(op.operands):
                self._readers.setdefault(tensor, []).append(op)
        self._made: dict[Tensor, Tensor] = {}
        self._seen: dict[tuple[Tensor, Rows], Tensor] = {}
        for op in self._region:
            self._copy(op)

    def _copy(self, op: Op) -> None:
        result = op.outputs[0]
        rows = self._needed[result]
        wanted, rows_before = _input_rows(op, rows)
        inputs = [
            tensor if tensor is None or tensor.is_constant else self._rows_of(tensor, wanted)
            for tensor in op.inputs
        ]
        self._made[result] = made = _rows_tensor(result, rows)
        if result is self._result:
            self.views[made] = View(result, rows[0] * _row_bytes(result))
        options = {**op.options, "pad_top": rows_before} if op.code in _WINDOWS else op.options
        self.ops.append(Op(op.code, inputs, [made], dict(options)))

    def _rows_of(self, tensor: Tensor, wanted: Rows) -> Tensor:
        """What the copy of a reader of `tensor` reads."""
        made, rows = self._made.get(tensor), self._needed[tensor]
        if made is not None and all(
            _input_rows(op, self._needed[op.outputs[0]])[0] == rows
            for op in self._readers.get(tensor, ())
        ):
            return made  # no part of it is read: its memory may be reused as it is
        key = (tensor, wanted)
        if key not in self._seen:
            self._seen[key] = _rows_tensor(tensor, wanted)
            first = wanted[0] - (0 if made is None else rows[0])
            self.views[self._seen[key]] = View(made or tensor, first * _row_bytes(tensor))
        return self._seen[key]


def _needed_rows(region: Sequence[Op], rows: Rows) -> dict[Tensor, Rows]:
    """For each activation of the region the rows that `rows` of the last output depend on."""
    needed = {region[-1].outputs[0]: rows}
    for op in reversed(region):
        wanted, _ = _input_rows(op, needed[op.outputs[0]])
        for tensor in op.operands:
            if not tensor.is_constant:
                low, high = needed.get(tensor, wanted)
                needed[tensor] = min(low, wanted[0]), max(high, wanted[1])
    return needed


def _input_rows(op: Op, rows: Rows) -> tuple[Rows, int]:
    """Rows of the input that `rows` of the output are computed from, and padding before them."""
    if op.code not in _WINDOWS:
        return rows, 0
    source, weights = op.operands[:2]
    stride = int(op.options.get("stride_h", 1))
    reach = (weights.shape[1] - 1) * int(op.options.get("dilation_h_factor", 1)) + 1
    top = 0
    if op.options.get("padding") == "SAME":
        total = (op.outputs[0].shape[1] - 1) * stride + reach - source.shape[1]
        top = max(total, 0) // 2
    first, end = rows[0] * stride - top, (rows[1] - 1) * stride - top + reach
    inside = max(first, 0), min(end, source.shape[1])
    return inside, inside[0] - first


def _can_be_split(op: Op) -> bool:
    """Whether rows of the output depend on rows of the inputs as `_input_rows` says."""
    data = [tensor for tensor in op.operands if not tensor.is_constant]
    images = [*data, *op.outputs]
    if any(len(t.shape) != 4 or t.shape[0] != 1 or t.type is not Type.INT8 for t in images):
        return False
    if op.code in _WINDOWS:
        return len(data) == 1 and data[0] is op.inputs[0]
    same = all(tensor.shape == op.outputs[0].shape for tensor in data)
    return op.code in _SAME_SHAPE and same and len(data) == len(op.operands)


def _rows_tensor(tensor: Tensor, rows: Rows) -> Tensor:
    shape = (tensor.shape[0], rows[1] - rows[0], *tensor.shape[2:])
    name = f"{tensor.label} rows {rows[0]} to {rows[1] - 1}"
    return Tensor(name, tensor.type, shape, quantization=tensor.quantization)


def _row_bytes(tensor: Tensor) -> int:
    return tensor.nbytes // tensor.shape[1]
