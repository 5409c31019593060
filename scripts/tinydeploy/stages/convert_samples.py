"""Representative inputs for quantization: a user's, or noise as the model itself wants it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.errors import UsageError
from tinydeploy.stages import arrays
from tinydeploy.stages.convert_ranges import Said

Array = npt.NDArray[Any]
Samples = list[list[Array]]

NOISE = "noise"  # for a user without data who knows what that means
NOISE_SAMPLES = 64
MAX_SAMPLES = 500  # more changes nothing but the time that it takes


def choose(
    representative: str | None,
    seed: int,
    signature: dict[str, Any],
    said: Sequence[Said | None],
    warnings: list[str],
) -> tuple[Samples, str]:
    """Samples for each input of `signature` (specs by name), in its order, and what they are.

    Args:
        representative: path of a file, NOISE, or None.
        said: of each input, what the model says of it.

    Raises:
        UsageError: the file is none of NumPy's, or its arrays don't fit the inputs; or there is
            none, and the model says nothing.
    """
    if representative not in (None, NOISE):
        return _stored_samples(Path(str(representative)), signature)
    generator, specs = np.random.default_rng(seed), list(signature.values())
    if representative == NOISE:
        drawn = [[_noise(generator, spec) for spec in specs] for _ in range(NOISE_SAMPLES)]
        words = "noise in -1 to 1, as was asked for"
    else:
        known = _said_of_all(list(signature), said)
        drawn = [
            [_drawn(generator, spec, each) for spec, each in zip(specs, known, strict=True)]
            for _ in range(NOISE_SAMPLES)
        ]
        words = "; ".join(dict.fromkeys(each.words for each in known))
    warnings.append(
        f"quantized with {words}, not with data: that can cost much accuracy; give some 100 "
        "typical inputs with --data or --representative"
    )
    return drawn, words


def _said_of_all(names: Sequence[str], said: Sequence[Said | None]) -> list[Said]:
    known = [each for each in said if each is not None]
    if len(known) == len(names):
        return known
    silent = [name for name, each in zip(names, said, strict=False) if each is None] or names
    raise UsageError(
        f"nothing is known of the numbers that the input {silent[0]!r} takes, without which a "
        "model cannot be quantized",
        "give some 100 typical inputs as .npz or .npy with --data or --representative; to try "
        "without, --representative noise",
    )


def _drawn(generator: np.random.Generator, spec: Any, said: Said) -> Array:
    shape = spec.shape.as_list()
    drawn = np.broadcast_to(said.draw(generator, shape), shape)
    return np.asarray(drawn, spec.dtype.as_numpy_dtype)


def _noise(generator: np.random.Generator, spec: Any) -> Array:
    shape, dtype = spec.shape.as_list(), np.dtype(spec.dtype.as_numpy_dtype)
    if dtype.kind == "f":
        return np.asarray(generator.uniform(-1, 1, shape), dtype)
    return np.asarray(generator.integers(0, 2, shape), dtype)


def _stored_samples(path: Path, signature: dict[str, Any]) -> tuple[Samples, str]:
    found = arrays.read(path, [(name,) for name in signature])
    inputs = found.real
    counts = {len(array) if array.ndim else 0 for array in inputs}
    if len(counts) != 1 or 0 in counts:
        raise UsageError(
            f"{path}: the inputs differ in number or are empty: {sorted(counts)}",
            "store the inputs as [count, *shape]",
        )
    count = counts.pop()
    chosen = np.linspace(0, count - 1, min(count, MAX_SAMPLES)).astype(int)
    pairs = [
        (_checked(values, spec, path), spec)
        for values, spec in zip(inputs, signature.values(), strict=True)
    ]
    samples = [[_fitted(values[at], spec, path) for values, spec in pairs] for at in chosen]
    part = "" if len(chosen) == count else f" of {count}"
    return samples, f"{len(chosen)}{part} samples of {path.name}"


def _checked(values: Array, spec: Any, path: Path) -> Array:
    """Real numbers; raises UsageError for what may be quantized, is not finite or is no number."""
    wants_float = np.dtype(spec.dtype.as_numpy_dtype).kind == "f"
    if values.dtype.kind not in "biuf" or (wants_float and values.dtype == np.int8):
        raise UsageError(
            f"{path}: {values.dtype} is no type of real numbers, which quantization needs",
            "give the inputs as the model was trained with them, or scale and zero_point beside "
            "the quantized ones",
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise UsageError(f"{path}: some values are NaN or infinite", "leave such samples out")
    return values


def _fitted(sample: Array, spec: Any, path: Path) -> Array:
    shape = spec.shape.as_list()
    if sample.size != np.prod(shape, dtype=np.int64):
        raise UsageError(
            f"{path}: a sample has the shape {list(sample.shape)}, the model wants {shape[1:]}",
            "store the inputs as [count, *shape]",
        )
    return np.asarray(sample.reshape(shape), spec.dtype.as_numpy_dtype)
