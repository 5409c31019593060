"""Runs models on the PC build of our runtime, in a process of its own that may crash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from tinydeploy.fuzz.runner import HostRunner as Runner
from tinydeploy.fuzz.runner import Reply, RunnerCrashError

__all__ = ["Reply", "Runner", "RunnerCrashError", "split"]

Array = npt.NDArray[Any]


def split(data: bytes, shapes: Sequence[tuple[tuple[int, ...], Any]]) -> list[Array]:
    """Cut the bytes of one run's outputs into arrays of these shapes and types."""
    arrays: list[Array] = []
    for shape, dtype in shapes:
        count = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        arrays.append(np.frombuffer(data[:count], dtype).reshape(shape))
        data = data[count:]
    return arrays
