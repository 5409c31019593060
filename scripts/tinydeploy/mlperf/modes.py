"""The benchmark's two modes: performance, a median of windows, and accuracy on labelled inputs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinydeploy.errors import UsageError
from tinydeploy.mlperf.inputs import Sample
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
    """Outcome of accuracy mode: for each sample the mean of its windows' results, and the label."""

    outputs: tuple[tuple[float, ...], ...]
    labels: tuple[int, ...]

    @property
    def is_score(self) -> bool:
        """The model gives one number, higher for class 1 (anomaly detection), not one per class."""
        return len(self.outputs[0]) == 1

    @property
    def predictions(self) -> tuple[int, ...]:
        """Index of the largest output of each sample."""
        return tuple(max(range(len(row)), key=row.__getitem__) for row in self.outputs)

    @property
    def right(self) -> int:
        """Samples whose largest output is that of their label."""
        pairs = zip(self.predictions, self.labels, strict=True)
        return sum(prediction == label for prediction, label in pairs)

    @property
    def top1(self) -> float:
        """Share of the samples that are right."""
        return self.right / len(self.labels)

    @property
    def auc(self) -> float:
        """Area under the ROC curve of a score: how often class 1 scores higher than class 0.

        Raises:
            UsageError: there are not samples of both classes.
        """
        scores: dict[int, list[float]] = {0: [], 1: []}
        for row, label in zip(self.outputs, self.labels, strict=True):
            scores[min(label, 1)].append(row[0])
        if not scores[0] or not scores[1]:
            raise UsageError(
                "the area under the ROC curve needs samples of class 0 and of class 1",
                "take more samples with --vectors, or leave it out for all",
            )
        wins = [(high > low) + (high == low) / 2 for high in scores[1] for low in scores[0]]
        return sum(wins) / len(wins)


def no_progress(done: int, total: int) -> None:
    """For callers that show nothing."""


def performance(
    runner: Runner,
    samples: Sequence[Sample],
    *,
    windows: int = WINDOWS,
    window_s: float = WINDOW_S,
    progress: Progress = no_progress,
) -> Performance:
    """Measure `windows` runs, each at least `window_s` seconds of the device's time long.

    Of a sample with several windows, the first is taken, as the official runner does.
    """
    inputs = [sample.windows[0] for sample in samples]
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
    runner: Runner, samples: Sequence[Sample], progress: Progress = no_progress
) -> Accuracy:
    """One inference for each window of each labelled sample.

    Raises:
        UsageError: a sample has no label, or there is none.
    """
    labels = [sample.label for sample in samples if sample.label is not None]
    if not labels or len(labels) != len(samples):
        raise UsageError(
            "accuracy mode needs labelled inputs",
            "give --data with a folder of .bin files and y_labels.csv, or an .npz with labels",
        )
    outputs = []
    for index, sample in enumerate(samples):
        outputs.append(_mean_results(runner, sample))
        progress(index + 1, len(samples))
    return Accuracy(tuple(outputs), tuple(labels))


def _mean_results(runner: Runner, sample: Sample) -> tuple[float, ...]:
    rows = []
    for data in sample.windows:
        runner.load(data)
        rows.append(runner.infer(1, 0)[1])
    return tuple(statistics.fmean(column) for column in zip(*rows, strict=True))
