"""What the compiled engine does not take is refused in words, before anything is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flatbuffers import flexbuffers
from lowered import plan_of
from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Subgraph, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.lower.emit.aot_prepare import Memory
from tinydeploy.lower.lowering import Lowering, NotCompilableError
from tinydeploy.lower.rules import interpreter_fallback

Q = per_tensor(0.05, -3)


def _ends_early() -> Model:
    build = Builder()
    x = build.input((1, 1, 1, 4), Type.INT8, Q)
    y = build.op("CUSTOM", [x], (1, 3, 1, 4), Type.INT8, Q)
    build.subgraph.ops[0].custom_code = "CIRCULAR_BUFFER"
    build.subgraph.ops[0].custom_options = flexbuffers.Dumps({"cycles_max": 2})
    return build.model(y)


def _runs_a_subgraph() -> Model:
    build = Builder()
    condition, x = build.input((1,), Type.BOOL), build.input((1, 4), Type.INT8, Q)
    options = {"then_subgraph_index": 1, "else_subgraph_index": 1}
    model = build.model(build.op("IF", [condition, x], (1, 4), Type.INT8, Q, **options))
    branch = Builder("branch")
    y = branch.input((1, 4), Type.INT8, Q)
    model.subgraphs.append(branch.model(branch.op("RELU", [y], (1, 4), Type.INT8, Q)).main)
    return model


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


def _writes_nothing() -> Model:
    build = Builder()
    x = build.input((1, 4, 4, 4), Type.INT8, Q)
    build.ops("DEPTH_TO_SPACE", [x], [], block_size=2)
    return build.model(build.op("RELU", [x], (1, 4, 4, 4), Type.INT8, Q))


def _nothing_to_do() -> Model:
    build = Builder()
    x = build.input((1, 4), Type.INT8, Q)
    return build.model(x)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_ends_early, "ends most inferences"),
        (_runs_a_subgraph, "runs other subgraphs"),
        (_custom, "Mine .* has no kernel"),
        (_unsupported_type, "types FLOAT64"),
        (_nothing_to_do, "computes nothing"),
        (_writes_nothing, "writes nothing"),
    ],
)
def test_refusal(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(NotCompilableError, match=words) as caught:
        plan_of(dump(make()))
    assert isinstance(caught.value, UnsupportedModelError)
    assert "interpreter" in caught.value.hint


def test_memory_that_no_pc_has_is_not_asked_for() -> None:
    """A damaged SignalDelay kept 24 GB."""
    op = _custom().main.ops[0]
    with pytest.raises(NotCompilableError, match="needs 25,769,803,764 bytes of its own"):
        interpreter_fallback._memory(
            Lowering(Subgraph("main"), lambda *_: None), op, Memory(6 * (2**32 - 2), 0)
        )
