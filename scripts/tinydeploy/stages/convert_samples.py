"""Representative inputs for quantization: from a user's file, or noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.errors import UsageError

Array = npt.NDArray[Any]
Samples = list[list[Array]]

NOISE_SAMPLES = 64
MAX_SAMPLES = 500  # more changes nothing but the time that it takes


def choose(job: dict[str, Any], signature: dict[str, Any], warnings: list[str]) -> Samples:
    """Samples for each input of `signature` (specs by name), in its order.

    Raises:
        UsageError: the file is none of NumPy's, or its arrays don't fit the inputs.
    """
    if job["representative"] is not None:
        return _stored_samples(Path(job["representative"]), signature)
    warnings.append(
        "no representative data: the ranges of activations are guessed from noise in [-1, 1], "
        "which can cost much accuracy; give some 100 typical inputs as a .npy or .npz file"
    )
    generator = np.random.default_rng(job["seed"])
    return [[_noise(generator, spec) for spec in signature.values()] for _ in range(NOISE_SAMPLES)]


def _noise(generator: np.random.Generator, spec: Any) -> Array:
    shape, dtype = spec.shape.as_list(), np.dtype(spec.dtype.as_numpy_dtype)
    if dtype.kind == "f":
        return np.asarray(generator.uniform(-1, 1, shape), dtype)
    return np.asarray(generator.integers(0, 2, shape), dtype)


def _stored_samples(path: Path, signature: dict[str, Any]) -> Samples:
    arrays = _named(path, list(signature))
    counts = {len(array) for array in arrays.values()}
    if len(counts) != 1 or 0 in counts:
        raise UsageError(f"{path}: the inputs differ in number: {sorted(counts)}")
    count = counts.pop()
    chosen = np.linspace(0, count - 1, min(count, MAX_SAMPLES)).astype(int)
    return [
        [_fitted(arrays[name][index], spec, path) for name, spec in signature.items()]
        for index in chosen
    ]


def _named(path: Path, names: list[str]) -> dict[str, Array]:
    """The arrays of a file, by the model's input names or else in the order of their own."""
    try:
        loaded = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} is no NumPy file: {error}", "save the inputs with numpy.savez"
        ) from error
    if isinstance(loaded, np.ndarray):
        arrays: dict[str, Array] = {"inputs": loaded}
    else:
        arrays = _dequantized({name: loaded[name] for name in sorted(loaded.files)})
    if set(names) <= set(arrays):
        return {name: arrays[name] for name in names}
    inputs = [array for name, array in arrays.items() if name.startswith(("inputs", "x"))]
    if len(inputs) != len(names):
        raise UsageError(
            f"{path} has the arrays {', '.join(arrays)}, the model the inputs {', '.join(names)}",
            "name the arrays as the inputs, or inputs_0, inputs_1, ... in their order",
        )
    return dict(zip(names, inputs, strict=True))


def _dequantized(arrays: dict[str, Array]) -> dict[str, Array]:
    """Test sets of ours hold quantized inputs and say by which scale and zero point."""
    if not {"scale", "zero_point"} <= set(arrays):
        return arrays
    scale, zero_point = np.float32(arrays.pop("scale")), np.float32(arrays.pop("zero_point"))
    return {
        name: (values - zero_point) * scale if values.dtype.kind == "i" else values
        for name, values in arrays.items()
    }


def _fitted(sample: Array, spec: Any, path: Path) -> Array:
    shape = spec.shape.as_list()
    if sample.size != np.prod(shape, dtype=np.int64):
        raise UsageError(
            f"{path}: a sample has the shape {list(sample.shape)}, the model wants {shape[1:]}",
            "store the inputs as [count, *shape]",
        )
    return np.asarray(sample.reshape(shape), spec.dtype.as_numpy_dtype)
