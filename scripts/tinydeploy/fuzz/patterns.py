"""Values at the edges: of a type, of a shift, of what lasts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinydeploy.graph.ir import Array

Rng = np.random.Generator


def values(rng: Rng, shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
    """An array of integers in one of the patterns below."""
    pattern = PATTERNS[int(rng.integers(len(PATTERNS)))]
    return pattern(rng, tuple(shape) or (1,), dtype).astype(dtype).reshape(shape)


def _one(rng: Rng, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """The same everywhere: an end, next to one, or silence."""
    info = np.iinfo(dtype)
    some = (info.min, info.min + 1, info.max, info.max - 1, 0, 1, -1 if info.min else 2)
    return np.full(shape, some[int(rng.integers(len(some)))], dtype)


def _ends(rng: Rng, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    info = np.iinfo(dtype)
    return np.where(rng.random(shape) < rng.uniform(0.1, 0.9), info.min, info.max).astype(dtype)


def _square_wave(rng: Rng, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Of full scale and any period."""
    info = np.iinfo(dtype)
    place = np.arange(int(np.prod(shape)))
    high = place // int(rng.integers(1, 40)) % 2 == 0
    return np.where(high, info.max, info.min).astype(dtype)


def _powers(rng: Rng, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Powers of two and their neighbours, of both signs."""
    info = np.iinfo(dtype)
    shifts = rng.integers(0, info.bits - (info.min < 0), shape)
    near = np.left_shift(np.ones(shape, np.uint64), shifts.astype(np.uint64))
    off = rng.integers(-1, 2, shape).astype(np.int64).astype(np.uint64)
    sign = rng.random(shape) < (0.5 if info.min < 0 else 0.0)
    moved = near + off
    wrapped: Array = np.where(sign, np.uint64(0) - moved, moved).astype(np.uint64)
    return wrapped.astype(dtype)


def _sparse(rng: Rng, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Silence, and one in ten of any size."""
    info = np.iinfo(dtype)
    some = rng.integers(info.min, info.max, shape, dtype, endpoint=True)
    return np.where(rng.random(shape) < 0.1, some, 0).astype(dtype)


def _every(rng: Rng, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Evenly over the whole range in steps that meet every residue."""
    info = np.iinfo(dtype)
    count = int(np.prod(shape))
    step = max(1, (1 << min(info.bits, 62)) // count) | 1
    start = rng.integers(info.min, info.max, dtype=dtype, endpoint=True).astype(np.uint64)
    steps = np.arange(count, dtype=np.uint64) * np.uint64(step) + start
    return rng.permutation(steps).astype(dtype)


def _ramp(rng: Rng, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Neighbours in order, around any place."""
    info = np.iinfo(dtype)
    count = min(int(np.prod(shape)), 1 << min(info.bits, 16))
    start = int(rng.integers(info.min, info.max, dtype=dtype, endpoint=True))
    start = max(int(info.min), min(start, int(info.max) - count + 1))
    ramp = np.arange(count, dtype=np.uint64) + np.uint64(start & 0xFFFF_FFFF_FFFF_FFFF)
    return np.resize(ramp, int(np.prod(shape))).astype(dtype)


PATTERNS: tuple[Callable[[Rng, tuple[int, ...], np.dtype[Any]], Array], ...] = (
    *(_one, _ends, _square_wave, _powers, _sparse, _every, _ramp),
)
