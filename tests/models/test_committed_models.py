"""The committed models are those of their figures: bytes, operators, what TFLM gets right."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from tinydeploy import models, records
from tinydeploy.graph import read_tflite
from tinydeploy.judge import Judge
from tinydeploy.models import ModelSpec
from tinydeploy.stages import train
from tinydeploy.stages import train_evaluate as evaluate

COMMON_OPERATORS = {
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "MAX_POOL_2D",
    "MEAN",
    "RESHAPE",
    "SOFTMAX",
}
MAX_TEST_SET_BYTES = 400_000

VARIANTS = [
    (name, variant.name) for name in models.names() for variant in models.load(name).variants
]


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_bytes_are_those_that_training_measured(name: str, variant: str) -> None:
    spec = models.load(name)
    data, metrics = spec.tflite(variant).read_bytes(), records.committed(spec, variant).metrics
    assert hashlib.sha256(data).hexdigest() == metrics["tflite_sha256"]
    assert len(data) == metrics["tflite_bytes"]


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_tflm_measures_what_training_measured(name: str, variant: str) -> None:
    spec = models.load(name)
    record = records.committed(spec, variant)
    inputs, labels = record.test_set()
    outputs = evaluate.run_tflm(spec.tflite(variant).read_bytes(), inputs)
    found = evaluate.measured(outputs, labels, is_regression=spec.is_regression)
    for what, value in found.items():
        assert value == pytest.approx(record.metrics[f"test_npz_{what}"], abs=1e-9)


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_figures_keep_the_limits_of_the_recipe(name: str, variant: str) -> None:
    spec = models.load(name)
    quantization = spec.variant(variant).quantization
    assert train.check_limits(spec, records.committed(spec, variant).metrics, quantization) == []


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_only_common_operators(name: str, variant: str) -> None:
    graph = read_tflite.load(models.load(name).tflite(variant)).main
    assert {op.name for op in graph.ops} <= COMMON_OPERATORS
    assert [tensor.shape[0] for tensor in (*graph.inputs, *graph.outputs)] == [1, 1]


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_card_states_the_figures(name: str, variant: str) -> None:
    spec = models.load(name)
    card = (spec.folder / "README.md").read_text(encoding="utf-8")
    metrics = records.committed(spec, variant).metrics
    what = "mean_absolute_error" if spec.is_regression else "accuracy"
    for kind in ("float", spec.variant(variant).quantization):
        value = metrics[f"{kind}_{what}"]
        assert (f"{value:.4f}" if spec.is_regression else f"{100 * value:.1f} %") in card
    assert f"{metrics['tflite_bytes']:,}" in card


@pytest.mark.parametrize("name", models.names())
def test_test_set_is_compact_and_balanced(name: str) -> None:
    spec = models.load(name)
    inputs, labels = records.committed(spec).test_set()
    assert (spec.folder / models.TEST_FILE).stat().st_size < MAX_TEST_SET_BYTES
    assert len(inputs) == len(labels) == spec.data["test_points"]
    if not spec.is_regression:
        counts = np.bincount(labels, minlength=len(spec.labels))
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("variant", ["tiny_conv", "ds_cnn"])
def test_features_are_the_quantized_input_as_they_are(kws: ModelSpec, variant: str) -> None:
    encoding, _ = evaluate.encodings(kws.tflite(variant).read_bytes())
    assert (encoding.scale, encoding.zero_point) == (1 / 256, -128)
    every = np.arange(-128, 128, dtype=np.int8)
    to_model = kws.module("features").to_model
    assert np.array_equal(encoding.quantize(to_model(every)), every)


def test_sine_by_hand() -> None:
    """sin(pi / 2) = 1, within the model's error."""
    data = models.load("sine").tflite("float").read_bytes()
    (y,) = Judge(data).run([np.array([[np.pi / 2]], np.float32)])
    assert y.item() == pytest.approx(1, abs=0.1)
