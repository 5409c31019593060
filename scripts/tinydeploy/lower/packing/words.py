"""Words of four weights and of pairs of channels, as the inner loops of firmware/dsp read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.abi.layout import Numbers
from tinydeploy.lower.packing.exactness import Scaling

Array = npt.NDArray[Any]
Int8 = npt.NDArray[np.int8]

QUAD = 4
OCTET = 8


@dataclass(frozen=True)
class Geometry:
    """What a spatial kernel needs beside its data.

    Attributes:
        params: the numbers of its params struct.
        scratch_bytes: its scratch.
    """

    params: Numbers
    scratch_bytes: int


def pad(array: Array, axis: int, multiple: int) -> Array:
    """Zeros at the end of an axis, up to a multiple."""
    short = -array.shape[axis] % multiple
    widths = [(0, short if i == axis else 0) for i in range(array.ndim)]
    return np.pad(array, widths) if short else array


def lane_words(weights: Int8) -> npt.NDArray[np.uint32]:
    """uint32 [out / 2, depth / 2]: depths {0 2} and {1 3} of each four, channels in pairs.

    Args:
        weights: int8 [out, depth], out even, depth a multiple of 4.
    """
    wide = weights.astype(np.int32)
    lanes = (wide[1::2] << 8) + wide[0::2]
    halves = (lanes & 0xFFFF).astype(np.uint32).reshape(len(lanes), -1, 2, 2)
    words = halves[:, :, 0, :] | halves[:, :, 1, :] << np.uint32(16)
    return np.asarray(words.reshape(len(lanes), -1), np.uint32)


def pack_groups(weights: Int8, start: Array, scaling: Scaling, group: int) -> bytes:
    """The stream of a dot product, `group` channels at a time: starting sums, weights in lanes,
    multipliers with constants, shifts (firmware/dsp/dot.h).

    Args:
        weights: int8 [out, depth].
        start: int64 [out], from `fold_bias`.
        group: QUAD or OCTET.
    """
    weights = pad(pad(weights, 1, 4), 0, group)
    start = pad(start.astype(np.int64), 0, group).reshape(-1, group // 2, 2)
    starts = start.copy()
    starts[:, :, 1] = (start[:, :, 1] << 8) + start[:, :, 0]
    words = lane_words(weights)
    words = words.reshape(-1, group // 2, words.shape[1]).transpose(0, 2, 1)
    scale = np.stack([pad(scaling.multiplier, 0, group), pad(scaling.constant, 0, group)], 1)
    shift = pad(scaling.shift, 0, group).reshape(-1, group)
    parts = [
        (starts.reshape(-1, group) & 0xFFFFFFFF).astype("<u4").view(np.uint8),
        np.ascontiguousarray(words).astype("<u4").reshape(len(starts), -1).view(np.uint8),
        scale.reshape(-1, 2 * group).astype("<i4").view(np.uint8),
        shift,
    ]
    return np.concatenate(parts, axis=1).tobytes()
