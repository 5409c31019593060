"""How the numbers of a tensor stand for real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinydeploy.graph.ir import Array, Tensor


@dataclass(frozen=True)
class Encoding:
    """Quantization of a model's input or output: real = scale * (q - zero_point).

    Attributes:
        dtype: type of the tensor; floats pass as they are, with scale 1 and zero point 0.
    """

    dtype: np.dtype[Any]
    scale: np.float32
    zero_point: int

    def quantize(self, real: Array) -> Array:
        """To the tensor's type, rounding to nearest and saturating."""
        if self.dtype.kind == "f":
            return real.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        steps = np.round(real / np.float64(self.scale)) + self.zero_point
        return np.asarray(np.clip(steps, limits.min, limits.max), self.dtype)

    def dequantize(self, values: Array) -> Array:
        """To float32."""
        if self.dtype.kind == "f":
            return values.astype(np.float32)
        return np.asarray((values.astype(np.float32) - self.zero_point) * self.scale)


def of(tensor: Tensor) -> Encoding:
    """Encoding of a tensor, by its first scale."""
    dtype = np.dtype(tensor.type.dtype)
    if dtype.kind == "f" or tensor.quantization is None:
        return Encoding(dtype, np.float32(1), 0)
    return Encoding(dtype, tensor.quantization.scales[0], tensor.quantization.zero_point)
