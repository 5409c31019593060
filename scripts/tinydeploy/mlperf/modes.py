"""The benchmark's two modes: performance, a median of windows, and accuracy on labelled inputs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinydeploy.errors import UsageError
from tinydeploy.mlperf.runner import Runner

WINDOWS = 5
WINDOW_S = 10.0  # at least, of the device's time
CALIBRATION_WARMUPS = 1

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Window:
    """One measured run."""

    inferences: int
    microseconds: int

    @property
    def per_second(self) -> float:
        """Inferences per second."""
        return 1e6 * self.inferences / self.microseconds


@dataclass(frozen=True)
class Performance:
    """Outcome of performance mode."""

    windows: tuple[Window, ...]

    @property
    def median_per_second(self) -> float:
        """Inferences per second, the median over the windows: the benchmark's figure."""
        return statistics.median(window.per_second for window in self.windows)


@dataclass(frozen=True)
class Accuracy:
    """Outcome of accuracy mode: for each input the outputs and the label."""

    outputs: tuple[tuple[float, ...], ...]
    labels: tuple[int, ...]

    @property
    def predictions(self) -> tuple[int, ...]:
        """Index of the largest output of each input."""
        return tuple(max(range(len(row)), key=row.__getitem__) for row in self.outputs)

    @property
    def right(self) -> int:
        """Inputs whose largest output is that of their label."""
        pairs = zip(self.predictions, self.labels, strict=True)
        return sum(prediction == label for prediction, label in pairs)

    @property
    def top1(self) -> float:
        """Share of the inputs that are right."""
        return self.right / len(self.labels)


def no_progress(done: int, total: int) -> None:
    """For callers that show nothing."""


def performance(
    runner: Runner,
    inputs: Sequence[bytes],
    *,
    windows: int = WINDOWS,
    window_s: float = WINDOW_S,
    progress: Progress = no_progress,
) -> Performance:
    """Measure `windows` runs, each at least `window_s` seconds of the device's time long."""
    runner.load(inputs[0])
    once_us, _ = runner.infer(1, CALIBRATION_WARMUPS)
    count = max(1, math.ceil(1e6 * window_s / max(1, once_us)))
    found: list[Window] = []
    while len(found) < windows:
        runner.load(inputs[len(found) % len(inputs)])
        microseconds, _ = runner.infer(count, CALIBRATION_WARMUPS, timeout_s=10 + 3 * window_s)
        if microseconds < 1e6 * window_s:  # the first inference was slower than the rest
            count = math.ceil(count * 1.02e6 * window_s / microseconds)
            continue
        found.append(Window(count, microseconds))
        progress(len(found), windows)
    return Performance(tuple(found))


def accuracy(
    runner: Runner,
    inputs: Sequence[bytes],
    labels: Sequence[int],
    progress: Progress = no_progress,
) -> Accuracy:
    """One inference for each labelled input.

    Raises:
        UsageError: there are no labels.
    """
    if not inputs or len(inputs) != len(labels):
        raise UsageError(
            "accuracy mode needs labelled inputs",
            "give --data with a folder of .bin files and y_labels.csv, or an .npz with labels",
        )
    outputs = []
    for index, data in enumerate(inputs):
        runner.load(data)
        outputs.append(runner.infer(1, 0)[1])
        progress(index + 1, len(inputs))
    return Accuracy(tuple(outputs), tuple(labels))
