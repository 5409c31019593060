"""TFLM judges in a child whose memory and CPU time are bounded, whatever becomes of the parent."""

from __future__ import annotations

import numpy as np
import pytest
from tinydeploy import bounds, models
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Type
from tinydeploy.graph.write_tflite import dump
from tinydeploy.guarded import GuardedJudge, RefusedError


def endless() -> Model:
    """WHILE true."""
    build = Builder()
    x = build.input((1,), Type.INT32)
    y = build.tensor((1,), Type.INT32)
    build.ops("WHILE", [x], [y], cond_subgraph_index=1, body_subgraph_index=2)
    main = build.model(y).main
    condition = Builder()
    value = condition.input((1,), Type.INT32)
    always = condition.op("EQUAL", [value, value], (1,), Type.BOOL)
    body = Builder()
    value = body.input((1,), Type.INT32)
    same = body.op("MAXIMUM", [value, value], (1,), Type.INT32)
    return Model([main, condition.model(always).main, body.model(same).main])


def test_a_loop_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the system, even if nobody waits for it any more."""
    monkeypatch.setattr(bounds, "JUDGE_CPU_S", 1)
    with (
        pytest.raises(RefusedError, match="SIGXCPU"),
        GuardedJudge(dump(endless())) as judge,
    ):
        judge.run([np.zeros(1, np.int32)])


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "JUDGE_BYTES", 1 << 20)
    with pytest.raises(RefusedError), GuardedJudge(models.load("sine").tflite().read_bytes()):
        pass
