"""What the compiled engine does not take is refused in words, before anything is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import plan_of
from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.lower.lowering import NotCompilableError

Q = per_tensor(0.05, -3)


def _state() -> Model:
    build = Builder()
    x = build.input((1, 2), Type.INT8, Q)
    features = build.constant(np.ones((2, 2), np.int8), quantization=per_tensor(0.1, 0))
    times = build.constant(np.ones((2, 3), np.int16), quantization=per_tensor(0.1, 0))
    state = build.variable((1, 6), Type.INT16, per_tensor(0.1, 0))
    y = build.op("SVDF", [x, features, times, None, state], (1, 2), Type.INT8, Q, rank=1)
    return build.model(y)


def _variable() -> Model:
    build = Builder()
    x = build.input((1, 4), Type.INT8, Q)
    handle = build.op("VAR_HANDLE", [], (), Type.RESOURCE, container="c", shared_name="n")
    build.ops("ASSIGN_VARIABLE", [handle, x], [])
    return build.model(build.op("READ_VARIABLE", [handle], (1, 4), Type.INT8, Q))


def _custom() -> Model:
    build = Builder()
    x = build.input((1, 4), Type.INT8, Q)
    y = build.op("CUSTOM", [x], (1, 4), Type.INT8, Q)
    build.subgraph.ops[0].custom_code = "Mine"
    return build.model(y)


def _unsupported_type() -> Model:
    build = Builder()
    x = build.input((1, 4), Type.FLOAT64)
    return build.model(build.op("RELU", [x], (1, 4), Type.FLOAT64))


def _nothing_to_do() -> Model:
    build = Builder()
    x = build.input((1, 4), Type.INT8, Q)
    return build.model(x)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_state, "keeps state"),
        (_variable, "keeps state"),
        (_custom, "Mine .* has no kernel"),
        (_unsupported_type, "types FLOAT64"),
        (_nothing_to_do, "computes nothing"),
    ],
)
def test_refusal(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(NotCompilableError, match=words) as caught:
        plan_of(dump(make()))
    assert isinstance(caught.value, UnsupportedModelError)
    assert "interpreter" in caught.value.hint
