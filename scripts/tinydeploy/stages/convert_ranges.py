"""What a Keras model itself says of the numbers that it wants, by the first layer of each input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Draw = Callable[[np.random.Generator, list[int]], Array]

# Layers that hand on the same numbers, in inference.
_SAME_NUMBERS = {
    *("InputLayer", "Reshape", "Flatten", "Permute", "Cropping1D", "Cropping2D", "Identity"),
    *(
        "Dropout",
        "GaussianNoise",
        "RandomFlip",
        "RandomRotation",
        "RandomZoom",
        "RandomTranslation",
    ),
    *("RandomContrast", "RandomBrightness", "RandomCrop"),
}


@dataclass(frozen=True)
class Said:
    """Noise that an input takes for its usual numbers.

    Attributes:
        words: range and layer, for the report.
        draw: makes a sample of a shape.
    """

    words: str
    draw: Draw


def of_inputs(model: Any) -> list[Said | None]:
    """For each input, None where its first layer says nothing."""
    if not hasattr(model, "layers"):
        return []
    return [_of_tensor(model, tensor) for tensor in getattr(model, "inputs", None) or []]


def _of_tensor(model: Any, tensor: Any) -> Said | None:
    for layer in model.layers:
        for node in layer._inbound_nodes:
            if not any(given is tensor for given in node.input_tensors):
                continue
            kind = type(layer).__name__
            if kind in _SAME_NUMBERS:
                return _of_tensor(model, node.output_tensors[0])
            if hasattr(layer, "layers") and getattr(layer, "inputs", None):
                position = [given is tensor for given in node.input_tensors].index(True)
                return of_inputs(layer)[position]
            teller = _TELLERS.get(kind)
            return teller(layer) if teller else None
    return None


def _rescaling(layer: Any) -> Said | None:
    """After it, numbers lie in 0 to 1, or with an offset in -1 to 1."""
    scale, offset = np.asarray(layer.scale, np.float64), np.asarray(layer.offset, np.float64)
    if scale.size != 1 or offset.size != 1 or not scale:
        return None
    target = np.array([-1.0 if offset else 0.0, 1.0])
    low, high = sorted(((target - offset) / scale).ravel().tolist())

    def draw(generator: np.random.Generator, shape: list[int]) -> Array:
        values = generator.uniform(low, high, shape)
        values.flat[0], values.flat[-1] = low, high
        return values

    return Said(f"noise in {low:.4g} to {high:.4g}, as the layer {layer.name!r} says", draw)


def _normalization(layer: Any) -> Said | None:
    if getattr(layer, "invert", False) or layer.mean is None:
        return None
    return _normal(layer, np.asarray(layer.mean), np.asarray(layer.variance))


def _batch_normalization(layer: Any) -> Said | None:
    mean, variance = np.asarray(layer.moving_mean), np.asarray(layer.moving_variance)
    axis = layer.axis[0] if isinstance(layer.axis, (list, tuple)) else layer.axis
    trained = bool(mean.any() or (variance != 1).any())
    return (
        _normal(layer, mean, variance) if trained and axis in (-1, layer.input.ndim - 1) else None
    )


def _normal(layer: Any, mean: Array, variance: Array) -> Said:
    deviation = np.sqrt(variance)
    words = (
        f"noise of mean {float(mean.mean()):.4g} and deviation {float(deviation.mean()):.4g}, as "
        f"the layer {layer.name!r} says"
    )
    return Said(words, lambda generator, shape: generator.normal(size=shape) * deviation + mean)


def _embedding(layer: Any) -> Said:
    rows = int(layer.input_dim)
    words = f"noise of places 0 to {rows - 1}, as the layer {layer.name!r} says"
    return Said(words, lambda generator, shape: generator.integers(0, rows, shape))


_TELLERS: dict[str, Callable[[Any], Said | None]] = {
    "Rescaling": _rescaling,
    "Normalization": _normalization,
    "BatchNormalization": _batch_normalization,
    "Embedding": _embedding,
}
