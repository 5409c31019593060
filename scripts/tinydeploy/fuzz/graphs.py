"""Whole random graphs: 10 to 40 operators, branches, shared tensors, several inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinydeploy.fuzz.draw import Draw, Types, UnfitError, concretely
from tinydeploy.fuzz.families import GENERATORS
from tinydeploy.graph.ir import Tensor, Type
from tinydeploy.ops.types import SUPPORTED

FEWEST_OPS, MOST_OPS = 10, 40
MOST_TRIES = 2000
LEAVES = 4  # unread results become outputs, up to so many
GRAPH_TOLERANCE = 1e-3  # of floats: errors add up

# What makes a graph of one type; others would leave it, or jump where floats differ by a bit.
_PLAIN = (
    "ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D EXPAND_DIMS FULLY_CONNECTED "
    "LEAKY_RELU LOGISTIC MAXIMUM MAX_POOL_2D MEAN MINIMUM MUL PACK PAD RELU RELU6 RESHAPE SLICE "
    "SPLIT STRIDED_SLICE SUB TANH TRANSPOSE UNPACK"
)
_MORE = (
    "ARG_MAX ARG_MIN BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_TO CUMSUM DEPTH_TO_SPACE "
    "DYNAMIC_UPDATE_SLICE ELU EQUAL GATHER GATHER_ND GREATER GREATER_EQUAL HARD_SWISH "
    "L2_NORMALIZATION LESS LESS_EQUAL LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOG_SOFTMAX MIRROR_PAD "
    "NOT_EQUAL PADV2 PRELU QUANTIZE REDUCE_MAX REDUCE_MIN RESIZE_BILINEAR "
    "RESIZE_NEAREST_NEIGHBOR REVERSE_V2 SELECT_V2 SOFTMAX SPACE_TO_BATCH_ND SPACE_TO_DEPTH "
    "SPLIT_V SQUARED_DIFFERENCE SQUEEZE SUM TRANSPOSE_CONV ZEROS_LIKE"
)

# Of these, what TFLM does not take with int16.
_NOT_INT16 = (
    "DEPTH_TO_SPACE GATHER GATHER_ND MIRROR_PAD REDUCE_MAX REDUCE_MIN SPACE_TO_DEPTH ZEROS_LIKE"
)
_CONTROL = "IF READ_VARIABLE WHILE"  # IF and WHILE leave a graph to the interpreter


def grow(rng: np.random.Generator) -> tuple[Draw, str, float]:
    """A graph with its outputs, what it is, and the tolerance of its floats."""
    kind = (Type.INT8, Type.INT8, Type.INT8, Type.INT16, Type.FLOAT32)[int(rng.integers(5))]
    names = _PLAIN.split()
    if rng.random() < 0.6:
        names += _MORE.split()
    if rng.random() < 0.2:
        names += _CONTROL.split()
    if kind is Type.INT16:
        names = [name for name in names if name not in _NOT_INT16.split()]
    draw = Draw(rng, grows=True)
    draw.image(kind)
    count = draw.integer(FEWEST_OPS, MOST_OPS)
    for _ in range(MOST_TRIES):
        if len(draw.build.subgraph.ops) >= count:
            break
        _add(draw, names, kind)
    draw.build.subgraph.outputs = _outputs(draw)
    label = f"graph of {len(draw.build.subgraph.ops)} {kind.label}"
    return draw, label, GRAPH_TOLERANCE


def _add(draw: Draw, names: Sequence[str], kind: Type) -> None:
    """Try one operator on what is there."""
    name = draw.pick(names)
    every = [text for types in sorted(SUPPORTED.get(name, ())) for text in concretely(types)]
    known = [text for text in every if _belongs(name, text, kind)]
    if not known or name not in GENERATORS:
        return
    mark = draw.mark()
    try:
        GENERATORS[name](draw, name, Types.parse(draw.pick(known)))
        fits = len(draw.build.subgraph.ops) <= MOST_OPS  # some come as several operators
    except UnfitError:
        fits = False
    if not fits:
        draw.undo(mark)


def _belongs(name: str, text: str, kind: Type) -> bool:
    """Whether it goes on with the graph's type, combines bools, or leaves integers for integers."""
    types = Types.parse(text)
    if types.data is Type.BOOL:
        return name.startswith("LOGICAL")  # TFLM has no others of all that we have
    return types.data is kind and (kind is Type.INT8 or types.result is kind)


def _outputs(draw: Draw) -> list[Tensor]:
    """Unread tensors, at most LEAVES of them, and now and then one that is read."""
    graph = draw.build.subgraph
    read = {tensor for op in graph.ops for tensor in op.operands}
    made = [tensor for op in graph.ops for tensor in op.outputs]
    leaves = [tensor for tensor in made if tensor not in read][-LEAVES:]
    inner = [tensor for tensor in made if tensor in read]
    return [*leaves, draw.pick(inner)] if inner and draw.chance(0.3) else leaves
