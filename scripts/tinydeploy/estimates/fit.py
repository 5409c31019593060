"""Coefficients that make the relative errors small: cycles = sum of coefficient x count, none
below 0, so that what is large is never estimated as less than what is small."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from tinydeploy.estimates.measure import Observation
from tinydeploy.ops import table

Array = npt.NDArray[np.float64]
Coefficients = dict[str, float]

_MOST_STEPS = 100
_PASSES = 6  # each gives outliers less weight
_TYPICAL = 0.10  # a relative error; larger ones count linearly from here on
_OF_LARGE = 0.25  # power of the cycles that an observation counts with: large ones say more
_RIDGE = 1e-4
_STILL = 1e-9
_LEAST_SHARE = 0.02
_LEAST_FOR_EACH = 3  # observations for each coefficient
_DIGITS = 4


def fit(observations: Iterable[Observation]) -> dict[str, Coefficients]:
    """Coefficients by key and by group of keys, with as many digits as mean anything."""
    by_key: dict[str, list[Observation]] = defaultdict(list)
    for each in observations:
        for name in (each.key, *table.groups(each.key)):
            by_key[name].append(each)
    return {key: coefficients(by_key[key]) for key in sorted(by_key)}


def coefficients(observations: Sequence[Observation]) -> Coefficients:
    """Of observations with one key."""
    names = _distinct(observations)
    x = np.array([[each.features.get(name, 0.0) for name in names] for each in observations])
    y = np.array([float(max(each.cycles, 1)) for each in observations])
    relative = x / y[:, None]
    base = y**_OF_LARGE
    found = _robust(relative, base)
    shares = (relative * found).max(axis=0)  # of an estimate that each count has at most
    matters = shares > _LEAST_SHARE
    found[matters], found[~matters] = _robust(relative[:, matters], base), 0.0
    return {n: _rounded(c) for n, c in zip(names, found, strict=True) if c > 0}


def _distinct(observations: Sequence[Observation]) -> list[str]:
    """Names of the counts; of those that are the same everywhere the first."""
    names = dict.fromkeys(name for each in observations for name in each.features)
    columns: dict[tuple[float, ...], str] = {}
    for name in names:
        values = tuple(each.features.get(name, 0.0) for each in observations)
        columns.setdefault(values, name)
    return list(columns.values())


def _robust(relative: Array, base: Array) -> Array:
    """Outliers count less from pass to pass."""
    weights, found = base / base.mean(), np.zeros(relative.shape[1])
    for _ in range(_PASSES):
        found = _not_negative(relative, weights)
        errors = np.abs(relative @ found - 1)
        weights = base / np.maximum(errors, _TYPICAL)
        weights /= weights.mean()
    return found


def _not_negative(x: Array, weights: Array) -> Array:
    """min |x c - 1|^2, c >= 0: Lawson and Hanson's active sets, on columns of one size."""
    scales = np.sqrt((weights[:, None] * x**2).mean(axis=0))
    scales[scales == 0] = np.inf
    scaled = x / scales
    gram = (scaled * weights[:, None]).T @ scaled / len(x) + _RIDGE * np.eye(x.shape[1])
    target = (scaled * weights[:, None]).mean(axis=0)
    found, used = np.zeros(x.shape[1]), np.zeros(x.shape[1], bool)
    most = max(2, len(x) // _LEAST_FOR_EACH)
    for _ in range(_MOST_STEPS):
        if used.sum() >= most:
            break
        slope = np.where(used, -np.inf, target - gram @ found)
        best = int(np.argmax(slope))
        if slope[best] <= _STILL:
            break
        used[best] = True
        _descend(gram, target, found, used)
    return np.asarray(found / scales)


def _descend(gram: Array, target: Array, found: Array, used: npt.NDArray[np.bool_]) -> None:
    """To the minimum over the used counts; those that would get below 0 are given up."""
    while used.any():
        wanted = np.zeros(len(found))
        wanted[used] = np.linalg.solve(gram[np.ix_(used, used)], target[used])
        below = used & (wanted <= 0)
        if not below.any():
            found[:] = wanted
            return
        share = min(found[i] / (found[i] - wanted[i]) for i in np.flatnonzero(below))
        found += share * (wanted - found)
        used &= found > _STILL
        found[~used] = 0.0


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
