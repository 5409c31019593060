"""Train a model of ours from its recipe, quantize it, and measure both.

The same seed gives the same `.tflite`, byte for byte, on the same machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy import records, whole
from tinydeploy.models import METRICS_FILE, TEST_FILE, ModelSpec, Progress
from tinydeploy.stages import train_evaluate as evaluate
from tinydeploy.stages import train_progress, train_tensorflow
from tinydeploy.stages import train_record as record
from tinydeploy.stages.convert import convert_all
from tinydeploy.stages.train_check import check_dataset, check_model, check_options
from tinydeploy.stages.train_fit import Fitting, fit
from tinydeploy.stages.trained_model import TrainedModel

Array = npt.NDArray[Any]

REPRESENTATIVE_SAMPLES = 500
SILENCE = "silence"  # a source that models of speech make themselves


@dataclass(frozen=True)
class Trained:
    """A trained and quantized model with its test set and figures, all in one folder."""

    spec: ModelSpec
    variant: str
    keras: Path
    tflite: Path
    test_set: Path
    metrics: dict[str, Any]

    @property
    def summary(self) -> str:
        """One line for the terminal."""
        size = f"{self.metrics['tflite_bytes']:,} bytes"
        what = "mean_absolute_error" if self.spec.is_regression else "accuracy"
        quantization = self.spec.variant(self.variant).quantization
        kinds = dict.fromkeys(["float", quantization])
        figures = [f"{kind} {_figure(self.metrics[f'{kind}_{what}'], what)}" for kind in kinds]
        return f"{what.replace('_', ' ')}: {', '.join([*figures, *self._by_source(what)])}; {size}"

    def _by_source(self, what: str) -> list[str]:
        """The figure on each source that is not alone, and has enough of the test set to say it."""
        found = {
            name: figures
            for name, figures in self.metrics.get("sources", {}).items()
            if what in figures and name != SILENCE
        }
        return [
            f"on {figures['test_samples']} of {name} {_figure(figures[what], what)}"
            for name, figures in found.items()
            if len(found) > 1
        ]


@dataclass(frozen=True)
class Training:
    """How to train; None takes what the recipe says.

    Attributes:
        source: where data come from, in the words of the model's README, several joined by "+".
        log_dir: for TensorBoard; None: `tensorboard` where the model goes.
    """

    variant: str | None = None
    seed: int | None = None
    epochs: int | None = None
    source: str | None = None
    log_dir: Path | None = None


def train(
    spec: ModelSpec,
    how: Training = Training(),
    *,
    out_dir: Path,
    progress: Progress | None = None,
) -> TrainedModel:
    """Train a variant from nothing.

    Args:
        out_dir: where the .keras file goes.
        progress: told what is under way; by default it is shown on standard error.

    Raises:
        TrainingError: training did not converge to anything.
        UsageError: no such variant or source.
    """
    chosen = spec.variant(how.variant)
    options = {**spec.training, **chosen.training}
    check_options(spec, options)
    seed = int(options["seed"]) if how.seed is None else how.seed
    epochs = int(options["epochs"]) if how.epochs is None else how.epochs
    out_dir.mkdir(parents=True, exist_ok=True)
    with _shown(progress) as tell:
        dataset = spec.module("data").load(
            spec, seed=seed, sources=how.source.split("+") if how.source else (), progress=tell
        )
        check_dataset(spec, dataset)
        train_tensorflow.fix_seeds(seed)
        build = spec.module("model").build
        model = build(chosen.name, spec) if spec.words else build(chosen.name)
        check_model(spec, model, dataset)
        log_dir = how.log_dir or out_dir / "tensorboard"
        history = fit(
            Fitting(spec, {**options, "epochs": epochs}, log_dir, tell), model, dataset, seed
        )
    path = out_dir / f"{chosen.name}.keras"
    (out_dir / METRICS_FILE).unlink(missing_ok=True)  # of what is written over now
    with whole.appearing(path, suffix=path.suffix) as beside:
        model.save(beside)
    return TrainedModel(
        spec, chosen.name, path, dataset, seed, epochs, history, int(model.count_params())
    )


def train_and_convert(
    spec: ModelSpec,
    how: Training = Training(),
    *,
    out_dir: Path | None = None,
    progress: Progress | None = None,
    update: bool = False,
) -> Trained:
    """`train`, convert as the variant says, and measure float and quantized on the test set.

    Leaves in `out_dir` (default: `records.training_folder`) the .keras file, the float and
    the quantized .tflite, `test.npz`, `metrics.json` and TensorBoard's logs. With `update`,
    `publish` follows.
    """
    chosen = spec.variant(how.variant)
    out_dir = out_dir or records.training_folder(spec, chosen.name)
    with _shown(progress) as tell:
        trained = train(spec, how, out_dir=out_dir, progress=tell)
        tell("converting", 0, 1)
        float_path = out_dir / f"{chosen.name}.float.tflite"
        tflite = out_dir / chosen.tflite
        wanted = [(float_path, "float"), (tflite, chosen.quantization)]
        samples, words = _representative(spec, trained)
        convert_all(trained.keras, wanted, samples)
        tell("converting", 1, 1)
        stored = record.write_test_set(trained, tflite, out_dir / TEST_FILE)
        tell("measuring", 0, 1)
        metrics = record.measure(trained, float_path, tflite, out_dir / TEST_FILE, stored)
        metrics["quantized_with"] = words if chosen.quantization != "float" else ""
        tell("measuring", 1, 1)
    record.write_metrics(out_dir / METRICS_FILE, {}, chosen.name, metrics)
    result = Trained(spec, chosen.name, trained.keras, tflite, out_dir / TEST_FILE, metrics)
    if update:
        publish(result)
    return result


def publish(trained: Trained) -> None:
    """Put a trained model, its test set and its figures into the model's folder.

    Variants share a test set where it is the same; the record of each names its own.
    """
    spec = trained.spec
    known = {each.name: records.metrics_of(spec.folder, each.name) for each in spec.variants}
    others = [found for name, found in known.items() if found and name != trained.variant]
    name = _test_name(trained, others)
    (spec.folder / METRICS_FILE).unlink(missing_ok=True)  # which vouches for both
    whole.copy(trained.tflite, spec.folder / spec.variant(trained.variant).tflite)
    whole.copy(trained.test_set, spec.folder / name)
    record.write_metrics(
        spec.folder / METRICS_FILE,
        {name: found for name, found in known.items() if found},
        trained.variant,
        {**trained.metrics, "test_file": name},
    )


def _test_name(trained: Trained, others: list[dict[str, Any]]) -> str:
    """`test.npz`, or a file of the variant's own where another variant needs a different one."""
    wanted = trained.metrics["test_sha256"]
    is_taken = any(
        found.get("test_file", TEST_FILE) == TEST_FILE and found.get("test_sha256") != wanted
        for found in others
    )
    return f"test_{trained.variant}.npz" if is_taken else TEST_FILE


def check_limits(spec: ModelSpec, metrics: dict[str, Any], quantization: str) -> list[str]:
    """What the recipe's limits forbid, in words; empty if all is well."""
    what = "mean_absolute_error" if spec.is_regression else "accuracy"
    sign = -1 if spec.is_regression else 1  # less error is better, more accuracy is
    reached, wanted = metrics[f"{quantization}_{what}"], spec.limits[what]
    lost = sign * (metrics[f"float_{what}"] - reached)
    problems = []
    if sign * reached < sign * wanted:
        problems.append(f"{what} is {_figure(reached, what)}, the limit {_figure(wanted, what)}")
    if lost > spec.limits["quantization_loss"]:
        problems.append(f"quantization costs {_figure(lost, what)}")
    return problems


def _representative(spec: ModelSpec, trained: TrainedModel) -> tuple[Array, str]:
    """Training inputs, and those that span the input's range if the model's data code has some.

    Spanning the range fixes the scale of the quantized input whatever samples were drawn.

    Returns:
        The inputs [n, *shape], and what they are, in words.
    """
    split = evaluate.balanced(trained.dataset.train, REPRESENTATIVE_SAMPLES - 2, trained.seed)
    samples = split.x[: REPRESENTATIVE_SAMPLES - 2]
    words = f"{len(samples)} training samples"
    extremes = getattr(spec.module("data"), "extremes", None)
    if extremes is None:
        return samples, words
    return np.concatenate([samples, extremes()]), f"{words} and both ends of the input's range"


def _figure(value: float, what: str) -> str:
    return f"{100 * value:.1f} %" if what == "accuracy" else f"{value:.4f}"


@contextmanager
def _shown(progress: Progress | None) -> Iterator[Progress]:
    if progress is not None:
        yield progress
        return
    with train_progress.shown() as tell:
        yield tell
