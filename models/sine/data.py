"""Points of the sine: noisy ones to train on, exact ones to be measured on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tinydeploy.errors import UsageError
from tinydeploy.models import Dataset, ModelSpec, Progress, Split


def load(spec: ModelSpec, *, seed: int, sources: Sequence[str], progress: Progress) -> Dataset:
    """Draw the data set.

    Returns:
        A data set with x [n, 1] in radians and y [n, 1]; the test set has no noise.

    Raises:
        UsageError: a source of data was asked for; there is none but the formula.
    """
    if sources:
        raise UsageError("the model 'sine' has no sources of data to choose from")
    options = spec.data
    generator = np.random.default_rng(seed)
    x = generator.uniform(0, 2 * np.pi, (options["samples"], 1)).astype(np.float32)
    noise = generator.normal(0, options["noise"], x.shape).astype(np.float32)
    border = len(x) * 4 // 5
    points = np.arange(options["test_points"], dtype=np.float32)[:, None]
    exact = points * np.float32(2 * np.pi / options["test_points"])
    return Dataset(
        train=Split(x[:border], np.sin(x[:border]) + noise[:border]),
        validation=Split(x[border:], np.sin(x[border:]) + noise[border:]),
        test=Split(exact, np.sin(exact)),
        description=f"{len(x)} points of sin(x) with noise of {options['noise']}, drawn with seed "
        f"{seed}; tested on {len(exact)} exact points",
    )


def extremes() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Both ends of the input's range, [2, 1]."""
    return np.array([[0], [2 * np.pi]], dtype=np.float32)
