"""IF, WHILE, CALL_ONCE and variables against TFLM, on models of several subgraphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from runner import Runner
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Tensor, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge

Array = np.ndarray[Any, Any]


def _branch(code: str, constant: float) -> Any:
    """A subgraph: one operator on its input and a constant."""
    build = Builder(code.lower())
    x = build.input((2, 3), Type.FLOAT32)
    y = build.op(code, [x, build.constant(np.float32(constant))], (2, 3), Type.FLOAT32)
    return build.model(y).main


def _if() -> Model:
    build = Builder()
    condition = build.input((1,), Type.BOOL)
    x = build.input((2, 3), Type.FLOAT32)
    options = {"then_subgraph_index": 1, "else_subgraph_index": 2}
    y = build.op("IF", [condition, x], (2, 3), Type.FLOAT32, **options)
    twice = build.op("ADD", [y, y], (2, 3), Type.FLOAT32)
    model = build.model(twice, x)
    model.subgraphs += [_branch("ADD", 1.5), _branch("MUL", -2.0)]
    return model


def _loop(limit: int) -> Model:
    """While i < limit: i += 1, x *= 1.5, through a graph of two operators."""
    condition = Builder("condition")
    i = condition.input((1,), Type.INT32)
    condition.input((3,), Type.FLOAT32)
    stop = condition.constant(np.array([limit], np.int32))
    check = condition.model(condition.op("LESS", [i, stop], (1,), Type.BOOL)).main
    body = Builder("body")
    i, x = body.input((1,), Type.INT32), body.input((3,), Type.FLOAT32)
    one, factor = body.constant(np.array([1], np.int32)), body.constant(np.float32(1.5))
    following = body.op("ADD", [i, one], (1,), Type.INT32)
    step = body.model(following, body.op("MUL", [x, factor], (3,), Type.FLOAT32)).main
    build = Builder()
    start, x = build.input((1,), Type.INT32), build.input((3,), Type.FLOAT32)
    counted, grown = build.tensor((1,), Type.INT32), build.tensor((3,), Type.FLOAT32)
    options = {"cond_subgraph_index": 1, "body_subgraph_index": 2}
    build.ops("WHILE", [start, x], [counted, grown], **options)
    model = build.model(counted, grown)
    model.subgraphs += [check, step]
    return model


def _handle(build: Builder, name: str) -> Tensor:
    return build.op("VAR_HANDLE", [], (), Type.RESOURCE, container="", shared_name=name)


def _accumulator() -> Model:
    """CALL_ONCE sets a variable to 10; each run adds the input to it. Another one counts runs."""
    setup = Builder("setup")
    tens = setup.constant(np.full(4, 10, np.float32))
    setup.ops("ASSIGN_VARIABLE", [_handle(setup, "sum"), tens], [])
    build = Builder()
    x = build.input((4,), Type.FLOAT32)
    build.ops("CALL_ONCE", [], [], init_subgraph_index=1)
    results = []
    for name, amount in (("sum", x), ("runs", build.constant(np.ones(2, np.float32)))):
        handle = _handle(build, name)
        old = build.op("READ_VARIABLE", [handle], amount.shape, Type.FLOAT32)
        new = build.op("ADD", [old, amount], amount.shape, Type.FLOAT32)
        build.ops("ASSIGN_VARIABLE", [handle, new], [])
        results.append(new)
    model = build.model(*results)
    model.subgraphs.append(setup.model().main)
    return model


def _unassigned(zero_point: int) -> Model:
    """What was read before anything was assigned; then the input."""
    build = Builder()
    quantization = per_tensor(0.5, zero_point)
    x = build.input((1, 3), Type.INT8, quantization)
    handle = _handle(build, "v")
    old = build.op("READ_VARIABLE", [handle], x.shape, Type.INT8, per_tensor(0.5, 77))
    build.ops("ASSIGN_VARIABLE", [handle, x], [])
    return build.model(build.op("RELU", [old], x.shape, Type.INT8, old.quantization))


def _same(model: Model, runs: list[list[Array]], runner: Runner) -> bytes:
    data = dump(model)
    judge = Judge(data)
    expected = b"".join(o.tobytes() for inputs in runs for o in judge.run(inputs))
    reply = runner.run(data, runs)
    assert reply.ok, reply.reason
    assert reply.outputs == expected
    return reply.outputs


def test_if_equals_tflm(runner: Runner) -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    outputs = _same(_if(), [[np.array([flag]), x] for flag in (True, False, True)], runner)
    values = np.frombuffer(outputs, np.float32).reshape(3, 2, 6)
    assert values[0, 0].tolist() == (2 * (x + 1.5)).ravel().tolist()
    assert values[1, 0].tolist() == (-4 * x).ravel().tolist()


@pytest.mark.parametrize("start", [0, 3, 7])
def test_while_equals_tflm(start: int, runner: Runner) -> None:
    x = np.array([1, -2, 0.5], np.float32)
    outputs = _same(_loop(5), [[np.array([start], np.int32), x]] * 2, runner)
    assert np.frombuffer(outputs[:4], np.int32)[0] == max(start, 5)


@pytest.mark.parametrize("zero_point", [-128, 0, 9])
def test_an_unassigned_variable_is_the_zero_point_of_what_will_be(
    zero_point: int, runner: Runner
) -> None:
    runs = [[np.full((1, 3), n, np.int8)] for n in (90, 100)]
    _same(_unassigned(zero_point), runs, runner)


def test_variables_equal_tflm(runner: Runner) -> None:
    runs = [[np.full(4, n, np.float32)] for n in range(4)]
    outputs = np.frombuffer(_same(_accumulator(), runs, runner), np.float32).reshape(4, 6)
    assert outputs[:, 0].tolist() == [10, 11, 13, 16]
    assert outputs[:, 4].tolist() == [1, 2, 3, 4]


def test_a_graph_that_calls_itself_is_refused(sanitized: Runner) -> None:
    model = _if()
    model.main.ops[0].options["then_subgraph_index"] = 0
    reply = sanitized.run(dump(model))
    assert not reply.ok
    assert reply.reason == "subgraphs call one another too deeply"


def test_a_missing_subgraph_is_refused(sanitized: Runner) -> None:
    model = _loop(5)
    model.main.ops[0].options["body_subgraph_index"] = 9
    assert sanitized.run(dump(model)).reason == "there is no subgraph 9"


def test_a_tiny_arena_is_refused(sanitized: Runner) -> None:
    data = dump(_loop(5))
    used = sanitized.run(data).arena_used
    for arena_bytes in range(0, used - 16, 16):
        reply = sanitized.run(data, arena_bytes=arena_bytes)
        assert not reply.ok
        assert "too small" in reply.reason
    assert sanitized.run(data, arena_bytes=used).ok
