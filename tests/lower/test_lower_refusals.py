"""What the compiled engine does not take is refused in words, before anything is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import plan_of
from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Quantization, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.lower.lowering import NotCompilableError

Q = per_tensor(0.05, -3)


def _float() -> Model:
    build = Builder()
    x = build.input((1, 4), Type.FLOAT32)
    return build.model(build.op("RELU", [x], (1, 4), Type.FLOAT32))


def _no_rule() -> Model:
    build = Builder()
    x = build.input((1, 4), Type.INT8, Q)
    return build.model(build.op("L2_NORMALIZATION", [x], (1, 4), Type.INT8, per_tensor(1 / 128, 0)))


def _weights_from_the_input() -> Model:
    build = Builder()
    x, w = build.input((1, 4), Type.INT8, Q), build.input((3, 4), Type.INT8, per_tensor(0.1, 0))
    return build.model(build.op("FULLY_CONNECTED", [x, w, None], (1, 3), Type.INT8, Q))


def _weights_with_a_zero_point() -> Model:
    build = Builder()
    x = build.input((1, 4), Type.INT8, Q)
    quantization = Quantization(np.array([0.1], np.float32), np.array([5]))
    w = build.constant(np.ones((3, 4), np.int8), quantization=quantization)
    return build.model(build.op("FULLY_CONNECTED", [x, w, None], (1, 3), Type.INT8, Q))


def _outer_product() -> Model:
    build = Builder()
    a, b = build.input((1, 3, 1), Type.INT8, Q), build.input((1, 1, 5), Type.INT8, Q)
    return build.model(build.op("MUL", [a, b], (1, 3, 5), Type.INT8, Q))


def _joins_different_scales() -> Model:
    build = Builder()
    a = build.input((1, 3), Type.INT8, Q)
    b = build.input((1, 3), Type.INT8, per_tensor(0.07, 0))
    return build.model(build.op("CONCATENATION", [a, b], (1, 6), Type.INT8, Q, axis=1))


def _nothing_to_do() -> Model:
    build = Builder()
    x = build.input((1, 4), Type.INT8, Q)
    return build.model(x)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_float, "float32, not int8"),
        (_no_rule, "no compiled kernel"),
        (_weights_from_the_input, "not constant"),
        (_weights_with_a_zero_point, "zero point"),
        (_outer_product, "broadcasts"),
        (_joins_different_scales, "different scales"),
        (_nothing_to_do, "computes nothing"),
    ],
)
def test_refusal(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(NotCompilableError, match=words) as caught:
        plan_of(dump(make()))
    assert isinstance(caught.value, UnsupportedModelError)
    assert "interpreter" in caught.value.hint
