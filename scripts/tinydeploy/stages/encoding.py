"""A user's numbers in the type of a model's input: as they are, or quantized as the model says."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.errors import ModelFileError
from tinydeploy.stages.input_spec import InputSpec

Array = npt.NDArray[Any]

MOST_OUTSIDE = 0.25  # of the values beyond what the input can represent: then the scaling is wrong


def fitted(values: Array, spec: InputSpec, source: str) -> tuple[Array, str]:
    """Vectors as the input takes them, [count, *shape], and what was done to them, in words.

    Real numbers for a quantized input are quantized by its scale; so are the pixels of an uint8
    image. Numbers for a float input are cast.

    Raises:
        ModelFileError: another shape, a type without an obvious meaning, NaN, or values of which
            many lie outside of what the input can represent.
    """
    wanted = int(np.prod(spec.shape, dtype=np.int64))
    if values.ndim == 0 or values.size != len(values) * wanted or not values.size:
        raise _unfit(values, spec, source, "store inputs as [count, *shape]")
    shaped = values.reshape(len(values), *spec.shape)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ModelFileError(
            f"{source}: {int((~np.isfinite(values)).sum())} values of input {spec.label!r} are NaN "
            "or infinite",
            "leave such samples out",
        )
    if values.dtype == spec.dtype:
        return shaped, ""
    if spec.scale is not None and _is_real(values, spec):
        return _quantized(shaped, spec, source)
    return _cast(values, spec, source)


def _is_real(values: Array, spec: InputSpec) -> bool:
    """Floats, and the pixels of an image; other integers could be quantized or not."""
    return values.dtype.kind == "f" or (values.dtype == np.uint8 and spec.dtype.kind == "i")


def _quantized(values: Array, spec: InputSpec, source: str) -> tuple[Array, str]:
    assert spec.scale is not None
    limits = np.iinfo(spec.dtype)
    steps = np.round(values.astype(np.float64) / spec.scale) + spec.zero_point
    outside = float(np.mean((steps < limits.min - 1) | (steps > limits.max + 1)))
    low, high = ((end - spec.zero_point) * spec.scale for end in (limits.min, limits.max))
    if outside > MOST_OUTSIDE:
        raise ModelFileError(
            f"{source}: {100 * outside:.0f} % of the values for input {spec.label!r} lie outside "
            f"of {low:.4g} to {high:.4g}, which is what it takes: they go from {values.min():.4g} "
            f"to {values.max():.4g}",
            "scale the data as for training",
        )
    clipped = f", {100 * outside:.1f} % clipped to {low:.4g} to {high:.4g}" if outside else ""
    said = (
        f"{values.dtype} quantized with scale {spec.scale:.6g}, zero point {spec.zero_point}"
        f"{clipped}"
    )
    return np.asarray(np.clip(steps, limits.min, limits.max), spec.dtype), said


def _cast(values: Array, spec: InputSpec, source: str) -> tuple[Array, str]:
    """To a type that holds the very same numbers; to float also with rounding."""
    is_plain = spec.scale is None and spec.dtype.kind in "iufb" and values.dtype.kind in "iufb"
    if is_plain:
        cast = values.astype(spec.dtype)
        if spec.dtype.kind == "f" or np.array_equal(cast.astype(values.dtype), values):
            return cast.reshape(len(values), *spec.shape), f"{values.dtype} as {spec.dtype}"
    quantized = (
        f"store {spec.dtype} if it is quantized already, float32 if it is not"
        if spec.scale is not None
        else f"store {spec.dtype}"
    )
    raise _unfit(values, spec, source, quantized)


def _unfit(values: Array, spec: InputSpec, source: str, hint: str) -> ModelFileError:
    return ModelFileError(
        f"{source}: {values.dtype} {values.shape} does not fit input {spec.label!r}, "
        f"{spec.dtype} {spec.shape}",
        hint,
    )
