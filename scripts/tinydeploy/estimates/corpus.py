"""What the fit is made of, and what it is judged by: other cases, and files it has not seen."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinydeploy.config import MODELS_DIR
from tinydeploy.estimates import layers, wide
from tinydeploy.fuzz import cases
from tinydeploy.fuzz.cases import Case
from tinydeploy.graph.ir import Array, Model, Subgraph, Tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.versus import corpus

FIT_SEED, CHECK_SEED = 11, 12
OPERATORS, GRAPHS = "single operators", "random graphs"


@dataclass(frozen=True)
class Size:
    """How many models.

    Attributes:
        cases: of each operator with each combination of types.
        graphs: random ones of the fuzzer.
        layers: networks of the usual sizes.
    """

    cases: int
    graphs: int
    layers: int


FIT = Size(8, 0, 240)
CHECK = Size(1, 60, 0)


def operators(seed: int, size: Size, codes: Container[str] | None = None) -> Iterator[Case]:
    """Models of one operator, each operator in turn.

    Args:
        codes: of these operators only.
    """
    names = names_of(codes)
    for number in range(size.cases * len(names)):
        yield cases.make(seed, number, names)


def wide_operators(seed: int, size: Size, codes: Container[str] | None = None) -> Iterator[Case]:
    """The same with larger tensors."""
    names = names_of(codes)
    for number in range(size.cases * len(names)):
        found = wide.case(seed, number, names)
        if found is not None:
            yield found


def names_of(codes: Container[str] | None = None) -> list[str]:
    """The fuzzer's subjects of one operator."""
    every = [name for name in cases.subjects([]) if name != cases.GRAPH]
    names = [name for name in every if "Edge(" not in name]  # sizes that are not deployed
    return [name for name in names if codes is None or name.split()[0] in codes]


def graphs(seed: int, size: Size) -> Iterator[Case]:
    """Random graphs."""
    return (subject.case for subject in corpus.graphs(seed, size.graphs))


def networks(seed: int, size: Size) -> Iterator[Case]:
    """Random layers of the usual sizes."""
    return (layers.case(seed, number) for number in range(size.layers))


def files(folders: Sequence[Path] | None) -> dict[str, list[Case]]:
    """Real models by group: of these folders, else the zoo, ours, and real files where they are."""
    if folders is None:
        known = {"zoo": corpus.ZOO, "models": MODELS_DIR, "shared/data": corpus.SHARED}
        places = {group: folder for group, folder in known.items() if folder.is_dir()}
    else:
        places = {str(folder): folder for folder in folders}
    return {
        group: [subject.case for subject in corpus.files(group, folder)]
        for group, folder in places.items()
    }


def alone(case: Case) -> Iterator[Case]:
    """Each operator of a network as a model of its own."""
    rng = np.random.default_rng(case.number)
    for op in case.model.main.ops:
        given = [t for t in dict.fromkeys(op.operands) if not t.is_constant]
        tensors = list(dict.fromkeys([*op.operands, *op.outputs]))
        model = Model([Subgraph("main", tensors, [op], given, list(op.outputs))])
        inputs = [[_noise(rng, tensor) for tensor in given]]
        yield Case(case.number, op.name, op.name, model, dump(model), inputs)


def _noise(rng: np.random.Generator, tensor: Tensor) -> Array:
    limits = np.iinfo(tensor.type.dtype)
    drawn = rng.integers(limits.min, limits.max + 1, tensor.shape)
    return np.asarray(drawn.astype(tensor.type.dtype))
