"""Cases: a random model of one operator or a whole graph, and inputs for it.

A case is made from its seed and number alone, so that these two reproduce it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from tinydeploy import arena
from tinydeploy.errors import TinyDeployError, UsageError
from tinydeploy.fuzz import graphs, rooms
from tinydeploy.fuzz.draw import Draw, Types, UnfitError, concretely
from tinydeploy.fuzz.edges import Edge, edges_of
from tinydeploy.fuzz.families import GENERATORS
from tinydeploy.graph.ir import Array, Model, Tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.ops.declared import OPERATORS, operator_of
from tinydeploy.ops.types import SUPPORTED

RUNS = 2  # inferences of a case: the second meets what the first left
LONGEST, RUN_BYTES = 60, 64 << 10  # inferences where a state lasts, and bytes of their ends
FLOAT_TOLERANCE = 1e-5
GRAPH = "graph"  # the word for whole graphs among operators
GRAPHS = 10  # turns of theirs among those of all operators
EDGE_SHARE = 0.06  # of the cases of operators that have limits
_EDGES, _EDGE_TRIES = 1, 40
# Turns of operators whose kernels have many paths, by what `fuzz coverage` found seldom taken.
TURNS = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), 12),
    **dict.fromkeys(("FULLY_CONNECTED", "TFLM_DECODE", "UNIDIRECTIONAL_SEQUENCE_LSTM"), 6),
    **dict.fromkeys(("ADD", "MUL", "SUB", "SVDF", "TFLite_Detection_PostProcess"), 4),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN", "SOFTMAX", "TRANSPOSE_CONV"), 4),
    **dict.fromkeys(("BATCH_MATMUL", "HARD_SWISH", "LEAKY_RELU", "SignalRfft", "SUM"), 3),
    **dict.fromkeys(("SignalFramer", "SignalIrfft", "SignalPCAN", "SignalStacker"), 3),
}
# Combinations that TFLM takes without saying what they mean.
UNDEFINED = {
    ("GREATER", "int16 -> bool"): "TFLM scales by parameters that it never set",
}


@dataclass(frozen=True)
class Case:
    """A model with inputs.

    Attributes:
        subject: what was asked for, such as "ADD int8" or "graph".
        label: the same, with more of a graph.
        data: the .tflite.
        inputs: of each run.
        tolerance: of float results, relative to 1 or to the largest number of a tensor; integers
            must be equal.
    """

    number: int
    subject: str
    label: str
    model: Model
    data: bytes
    inputs: list[list[Array]]
    tolerance: float = FLOAT_TOLERANCE


def subjects(names: Sequence[str]) -> list[str]:
    """What to draw from: these operators with each combination of types, or all that TFLM has and
    graphs.

    Raises:
        UsageError: an operator that the runtime does not have.
    """
    known = {
        code.upper(): [f"{code} {types}" for types in combinations(code)]
        for code in sorted(set(SUPPORTED) & set(GENERATORS))
    }
    if not names:
        own = {name.upper() for name in judged_by_reference()}
        of_tflm = (subject for name in known if name not in own for subject in known[name])
        turns = (subject for subject in of_tflm for _ in _turns(subject))
        return [*turns, *[GRAPH] * GRAPHS]
    known[GRAPH.upper()] = [GRAPH]
    for name in names:
        if name.upper() not in known:
            raise UsageError(f"no operator {name} to make models of", f"there are {list(known)}")
    return [subject for name in names for subject in known[name.upper()]]


def judged_by_reference(names: Iterable[str] = tuple(OPERATORS)) -> list[str]:
    """Operators among these, or among the operators of subjects, that TFLM does not have."""
    codes = {name.split()[0] for name in names}
    return sorted(code for code in codes & OPERATORS.keys() if OPERATORS[code].reference)


def _turns(subject: str) -> range:
    """More of what has paths that are seldom taken; one of types that TFLM mostly refuses."""
    code, _, types = subject.partition(" ")
    counted = types.split(" ")[0] in ("float32", "int8", "int16", "any")
    return range(TURNS.get(code, 1) if counted else 1)


def make(seed: int, number: int, names: Sequence[str]) -> Case:
    """Case `number` of a campaign over `names` (from `subjects`), which take turns."""
    rng = np.random.default_rng([seed, number])
    subject = names[number % len(names)]
    if subject == GRAPH:
        draw, label, tolerance = graphs.grow(rng)
        return finish(draw, number, subject, label, tolerance)
    code, _, types = subject.partition(" ")
    every = concretely(types)
    kind = every[int(rng.integers(len(every)))]
    at_edge = _at_edge(np.random.default_rng([seed, number, _EDGES]), code, kind)
    if at_edge is not None:
        return finish(at_edge, number, subject, f"{subject}, {at_edge.edge}", FLOAT_TOLERANCE)
    return finish(one_op(rng, code, kind), number, subject, subject, FLOAT_TOLERANCE)


def _at_edge(rng: np.random.Generator, code: str, types: str) -> Draw | None:
    """Now and then a model with a size at a limit; of its own numbers, so that others stay."""
    every = edges_of(code)
    if not every or rng.random() >= EDGE_SHARE:
        return None
    for _ in range(_EDGE_TRIES):
        edge = every[int(rng.integers(len(every)))]
        with suppress(UnfitError):
            return at_edge(rng, code, types, edge)
    return None


def _fits(model: Model) -> bool:
    """Whether the simulated core has room for it."""
    graph = model.main
    constants = sum(tensor.nbytes for tensor in graph.tensors if tensor.is_constant)
    given, made = (RUNS * _bytes(some) for some in (graph.inputs, graph.outputs))
    fits = constants <= rooms.CONSTANT_BYTES
    fits = fits and given <= rooms.INPUT_BYTES and made <= rooms.OUTPUT_BYTES
    try:
        return fits and arena.needs(model).total_bytes <= rooms.ARENA_BYTES
    except TinyDeployError:
        return fits  # no engine takes it


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def at_edge(rng: np.random.Generator, code: str, types: str, edge: Edge) -> Draw:
    """A model of one operator that has the size `edge`.

    Raises:
        UnfitError: it came up in none of a few tries, or takes more memory than there is.
    """
    for _ in range(_EDGE_TRIES):
        draw = Draw(rng, edge=edge)
        with suppress(UnfitError):
            GENERATORS[code](draw, code, Types.parse(types))
            graph = draw.build.subgraph
            graph.outputs = list(graph.ops[-1].outputs)
            graph.inputs = [t for t in graph.inputs if t in graph.ops[-1].inputs]
            if draw.met and _fits(model_of(draw)):
                return draw
    raise UnfitError


def combinations(code: str) -> list[str]:
    """Type combinations of an operator for which TFLM defines a result."""
    return [types for types in sorted(SUPPORTED[code]) if (code, types) not in UNDEFINED]


def one_op(rng: np.random.Generator, code: str, types: str) -> Draw:
    """A model of one operator; its outputs are those of the operator."""
    while True:
        draw = Draw(rng)
        try:
            GENERATORS[code](draw, code, Types.parse(types))
        except UnfitError:
            continue
        draw.build.subgraph.outputs = list(draw.build.subgraph.ops[-1].outputs)
        return draw


def finish(draw: Draw, number: int, subject: str, label: str, tolerance: float) -> Case:
    """The case of a model that is complete, with inputs."""
    model = model_of(draw)
    runs = _runs(draw, model)
    inputs = [[draw.values(t.shape, t.type) for t in model.main.inputs] for _ in range(runs)]
    return Case(number, subject, label, model, dump(model), inputs, tolerance)


def _runs(draw: Draw, model: Model) -> int:
    """How many inferences; long runs now and then where something lasts from one to the next."""
    keeps = any(operator_of(op).remembers for graph in model.subgraphs for op in graph.ops)
    if not keeps or draw.chance(0.5):
        return RUNS
    each = max(1, _bytes(model.main.inputs), _bytes(model.main.outputs))
    most = max(RUNS, min(LONGEST, RUN_BYTES // each))
    return draw.integer(RUNS, most if draw.chance(0.2) else min(8, most))


def model_of(draw: Draw) -> Model:
    """The model that is complete, with the subgraphs that it calls."""
    model = draw.build.model(*draw.build.subgraph.outputs)
    model.subgraphs += draw.called
    return model
