"""What a report says of a user's own model, from what the device answered."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tinydeploy import report_builder
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Type, per_tensor
from tinydeploy.stages.vectors import Vectors


def verification(outputs: Any, kind: Any = np.int8) -> Any:
    answers = np.array(outputs, kind).reshape(len(outputs), 1, -1)
    return SimpleNamespace(device_outputs=(answers,), host_outputs=(answers,))


def source(outputs: int, names: tuple[str, ...] = ()) -> Any:
    build = Builder()
    x = build.input((1, 2), Type.INT8, per_tensor(0.5, 0))
    encoding = per_tensor(1 / 256, -128)
    y = build.op("LOGISTIC", [x], (1, outputs), Type.INT8, encoding)
    metrics = {"float_accuracy": 0.75}
    return SimpleNamespace(model=build.model(y), labels=names, metrics=metrics)


def vectors(labels: Any) -> Vectors:
    return Vectors((np.zeros((len(labels), 1, 2), np.int8),), np.asarray(labels), "data")


def test_classes_are_counted_within_the_models() -> None:
    found = report_builder._accuracy(
        source(3), vectors([0, 2]), verification([[127, -128, -128], [-128, 127, -128]])
    )
    assert found.device == 0.5
    assert found.confusion == ((1, 0, 0), (0, 0, 0), (0, 1, 0))
    assert found.labels == ("0", "1", "2")


def test_a_single_sigmoid_has_two_classes() -> None:
    """127 is a probability of 255 / 256, -128 is 0, and 0 is a half, which is no more than that."""
    found = report_builder._accuracy(
        source(1), vectors([1, 0, 1]), verification([[127], [-128], [0]])
    )
    assert found.device == pytest.approx(2 / 3)
    assert found.confusion == ((1, 0), (1, 1))


def test_targets_are_compared_as_real_numbers() -> None:
    found = report_builder._accuracy(source(2), vectors([[1.0, 0.0]]), verification([[127, -128]]))
    assert found.metric == "mean absolute error"
    assert found.device == pytest.approx(0.5 / 256)
    assert found.curve is None


@pytest.mark.parametrize(
    ("outputs", "kind", "is_steady"),
    [
        ([[5, 5], [6, 7]], np.int8, True),
        ([[5, 5], [6, 8]], np.int8, False),
        ([[1.0], [1.001]], np.float32, True),
        ([[1.0], [1.1]], np.float32, False),
        ([[0.0], [0.0]], np.float32, True),
    ],
)
def test_steady_outputs(outputs: Any, kind: Any, is_steady: bool) -> None:
    assert report_builder._are_steady(verification(outputs, kind)) == is_steady


def test_figures_of_training_stand_beside_its_own_test_set_only() -> None:
    data, found = vectors([0, 1]), verification([[127, -128], [-128, 127]])
    assert report_builder._accuracy(source(2), data, found).float_model is None
    own = replace(data, of_training=True).take(1, seed=1)
    found = verification([[127, -128]])
    assert report_builder._accuracy(source(2), own, found).float_model == 0.75
