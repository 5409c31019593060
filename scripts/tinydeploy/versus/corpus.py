"""The models that engines are compared on: files, and random graphs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinydeploy.config import MODELS_DIR, ROOT
from tinydeploy.errors import ModelFileError, UnsupportedModelError, UsageError
from tinydeploy.fuzz import cases
from tinydeploy.fuzz.cases import Case
from tinydeploy.graph import read_tflite
from tinydeploy.graph.ir import Array, Tensor, Type
from tinydeploy.versus import hard

ZOO = ROOT / "tests" / "e2e" / "zoo"
SHARED = ROOT.parent / "shared" / "data"
GRAPHS = "fuzz graphs"
DEFAULT_GRAPHS = 200
MOST_BYTES = 16 << 20  # of a tensor: no board has room for more, and hostile files say so
RUNS = 2  # inferences: the second meets what the first left
_FILE_TOLERANCE = 1e-3  # of floats: errors add up
_ACTIVATIONS = (Type.INT8, Type.INT16, Type.UINT8)


@dataclass(frozen=True)
class Subject:
    """A model with inputs, and the group that the page counts it in."""

    group: str
    name: str
    case: Case


def files(group: str, folder: Path) -> Iterator[Subject]:
    """Every .tflite below `folder`; what cannot be read, or ever fit, is left out.

    Raises:
        UsageError: there is no such folder or file.
    """
    if not folder.exists():
        raise UsageError(f"no folder {folder}", "give one with .tflite files")
    paths = [folder] if folder.is_file() else sorted(folder.rglob("*.tflite"))
    for path in paths:
        name = path.stem if path == folder else path.relative_to(folder).with_suffix("").as_posix()
        case = _case(name, path.read_bytes())
        if case is not None:
            yield Subject(group, name, case)


def graphs(seed: int, count: int) -> Iterator[Subject]:
    """Random graphs 0 to `count` - 1 of `tinydeploy fuzz --ops GRAPH --seed SEED`."""
    names = cases.subjects([cases.GRAPH])
    for number in range(count):
        case = cases.make(seed, number, names)
        yield Subject(GRAPHS, f"{number}: {case.label}", case)


def hard_layers() -> Iterator[Subject]:
    """Layers of which channels miss a bound of the fast kernels."""
    for case in hard.cases():
        yield Subject(hard.GROUP, case.label, case)


def chosen(folders: Sequence[Path] | None, seed: int, count: int | None) -> Iterator[Subject]:
    """What to compare.

    Args:
        folders: of .tflite files; None: our models, the zoo, and real files where they are.
        count: of random graphs; None: many beside our own models, none beside the user's.
            Hard layers come with our own.
    """
    if folders is None:
        places = {"models": MODELS_DIR, "zoo": ZOO, "shared/data": SHARED}
        places = {group: folder for group, folder in places.items() if folder.is_dir()}
        count = DEFAULT_GRAPHS if count is None else count
    else:
        places = {str(folder): folder for folder in folders}
    for group, folder in places.items():
        yield from files(group, folder)
    if folders is None:
        yield from hard_layers()
    yield from graphs(seed, count or 0)


def _case(name: str, data: bytes) -> Case | None:
    try:
        model = read_tflite.load(data)
    except (ModelFileError, UnsupportedModelError):
        return None
    if any(tensor.nbytes > MOST_BYTES for tensor in model.main.tensors):
        return None
    rng = np.random.default_rng(len(data))
    inputs = [[_values(rng, tensor) for tensor in model.main.inputs] for _ in range(RUNS)]
    return Case(0, name, name, model, data, inputs, _FILE_TOLERANCE)


def _values(rng: np.random.Generator, tensor: Tensor) -> Array:
    """Anything for activations, zeros for what may be an index."""
    dtype = tensor.type.dtype
    if tensor.type is Type.FLOAT32:
        return rng.normal(0, 1, tensor.shape).astype(np.float32)
    if tensor.type not in _ACTIVATIONS:
        return np.zeros(tensor.shape, dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max + 1, tensor.shape).astype(dtype)
