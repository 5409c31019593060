"""What a model keeps from one inference to the next, compiled: variables, SVDF, audio
front ends over several runs, on this PC and on the simulated core, against TFLM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import plan_checker
import pytest
from flatbuffers import flexbuffers
from lowered import plan_of
from tinydeploy.fuzz import plans
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Array, Model, Tensor, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge
from tinydeploy.lower.lowering import NotCompilableError
from tinydeploy.lower.plan.ir import Plan

Q = per_tensor(0.05, -3)
I8 = Type.INT8
RUNS = 5


def handle(build: Builder, name: str) -> Tensor:
    return build.op("VAR_HANDLE", [], (), Type.RESOURCE, container="", shared_name=name)


def read(build: Builder, name: str, shape: tuple[int, ...]) -> Tensor:
    return build.op("READ_VARIABLE", [handle(build, name)], shape, I8, Q)


def assign(build: Builder, name: str, value: Tensor) -> None:
    build.ops("ASSIGN_VARIABLE", [handle(build, name), value], [])


def joined(build: Builder, *parts: Tensor) -> Tensor:
    rows = sum(part.shape[1] for part in parts)
    return build.op("CONCATENATION", list(parts), (1, rows, 1, 4), I8, Q, axis=1)


def rows(build: Builder, source: Tensor, first: int, count: int) -> Tensor:
    begin = build.constant(np.array([0, first, 0, 0], np.int32))
    size = build.constant(np.array([1, count, 1, 4], np.int32))
    return build.op("SLICE", [source, begin, size], (1, count, 1, 4), I8, Q)


def relu(build: Builder, source: Tensor) -> Tensor:
    return build.op("RELU", [source], source.shape, I8, Q)


def window(*, first: Array | None = None) -> Model:
    """The last three rows, as a streaming model keeps them: read, join, keep the newest, use."""
    build = Builder()
    x = build.input((1, 1, 1, 4), I8, Q)
    if first is not None:
        build.ops("CALL_ONCE", [], [], init_subgraph_index=1)
    seen = joined(build, read(build, "past", (1, 2, 1, 4)), x)
    assign(build, "past", rows(build, seen, 1, 2))
    weights = np.arange(-6, 6, dtype=np.int8).reshape(1, 3, 1, 4)
    w = build.constant(weights, quantization=per_tensor(0.05, 0))
    bias = build.constant(np.array([9, -9, 0, 99], np.int32), quantization=Q)
    y = build.op(
        "DEPTHWISE_CONV_2D", [seen, w, bias], (1, 1, 1, 4), I8, Q,
        padding="VALID", stride_h=1, stride_w=1, depth_multiplier=1,
    )  # fmt: skip
    model = build.model(y)
    if first is not None:
        setup = Builder("setup")
        assign(setup, "past", setup.constant(first, quantization=Q))
        model.subgraphs.append(setup.model().main)
    return model


def read_again_after_the_write() -> Model:
    """What was read before is needed after the variable got its new value: that takes a copy."""
    build = Builder()
    x = build.input((1, 2, 1, 4), I8, Q)
    old = read(build, "v", x.shape)
    assign(build, "v", relu(build, x))
    new = read(build, "v", x.shape)
    return build.model(joined(build, old, new))


def written_twice() -> Model:
    build = Builder()
    x = build.input((1, 2, 1, 4), I8, Q)
    old = read(build, "v", x.shape)
    assign(build, "v", relu(build, x))
    middle = read(build, "v", x.shape)
    assign(build, "v", build.op("ADD", [middle, old], x.shape, I8, Q))
    return build.model(joined(build, middle, relu(build, old)))


def straight_from_the_input() -> Model:
    """Input to one variable, that one's old value to the next, a constant to a third."""
    build = Builder()
    x = build.input((1, 1, 1, 4), I8, Q)
    a, b, c = (read(build, name, x.shape) for name in "abc")
    y = joined(build, a, b, c)
    assign(build, "b", a)
    assign(build, "a", x)
    assign(build, "c", build.constant(np.array([[[[4, 3, 2, 1]]]], np.int8), quantization=Q))
    return build.model(y)


def value_that_is_an_output() -> Model:
    build = Builder()
    x = build.input((1, 1, 1, 4), I8, Q)
    total = build.op("ADD", [read(build, "sum", x.shape), x], x.shape, I8, Q)
    assign(build, "sum", total)
    return build.model(total, read(build, "sum", x.shape))


def in_place_would_spoil_it() -> Model:
    """The last reader of what was read could write over it, if it were not the variable."""
    build = Builder()
    x = build.input((1, 1, 1, 4), I8, Q)
    doubled = build.op("ADD", [read(build, "v", x.shape), x], x.shape, I8, Q)
    kept = relu(build, x)
    y = build.op("MUL", [relu(build, doubled), kept], x.shape, I8, Q)
    assign(build, "v", kept)
    return build.model(y)


def svdf() -> Model:
    build = Builder()
    rng = np.random.default_rng(3)
    x = build.input((1, 3), I8, Q)
    features = build.constant(rng.integers(-99, 99, (4, 3)).astype(np.int8), quantization=Q)
    times = build.constant(rng.integers(-99, 99, (4, 5)).astype(np.int16), quantization=Q)
    bias = build.constant(np.array([5, -7], np.int32), quantization=per_tensor(0.0005, 0))
    state = build.variable((1, 20), Type.INT16, per_tensor(0.01, 0))
    inputs = [x, features, times, bias, state]
    return build.model(build.op("SVDF", inputs, (1, 2), I8, Q, rank=2))


def signal(name: str, out: tuple[int, ...], more: Sequence[Type] = (), **fields: Any) -> Any:
    """An operator of audio front ends on 8 samples of int16."""

    def make() -> Model:
        build = Builder()
        x = build.input((1, 8), Type.INT16)
        outputs = [build.tensor(out, Type.INT16), *(build.tensor((), kind) for kind in more)]
        build.ops("CUSTOM", [x], outputs)
        op = build.subgraph.ops[-1]
        op.custom_code, op.custom_options = name, flexbuffers.Dumps(fields)
        return build.model(*outputs)

    return make


MODELS: dict[str, Callable[[], Model]] = {
    "window": window,
    "window from constants": lambda: window(first=np.arange(8, dtype=np.int8).reshape(1, 2, 1, 4)),
    "window from one number": lambda: window(first=np.full((1, 2, 1, 4), 9, np.int8)),
    "read again after the write": read_again_after_the_write,
    "written twice": written_twice,
    "straight from the input": straight_from_the_input,
    "value that is an output": value_that_is_an_output,
    "in place would spoil it": in_place_would_spoil_it,
    "svdf": svdf,
    "delay": signal("SignalDelay", (1, 8), delay_length=5),
    "framer": signal(
        "SignalFramer", (1, 2, 7), [Type.BOOL], frame_size=7, frame_step=4, prefill=True
    ),
}


@pytest.fixture(scope="module")
def made() -> dict[str, tuple[Plan, list[list[Array]], bytes]]:
    """For each model the plan, inputs of several runs, and the bytes that TFLM answers."""
    found = {}
    rng = np.random.default_rng(7)
    for name, make in MODELS.items():
        model = make()
        data = dump(model)
        x = model.main.inputs[0]
        runs = [[rng.integers(-128, 128, x.shape).astype(x.type.dtype)] for _ in range(RUNS)]
        judge = Judge(data)
        answers = [value.tobytes() for given in runs for value in judge.run(given)]
        assert len(set(answers)) > 1, "it does not keep anything"
        found[name] = plan_of(data), runs, b"".join(answers)
    return found


@pytest.fixture(scope="module", params=[plans.HostPlans, plans.CortexM4Plans])
def machine(
    request: pytest.FixtureRequest, made: Any, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    folder = tmp_path_factory.mktemp("state")
    machine = request.param([plan for plan, _, _ in made.values()], folder)
    yield machine
    machine.close()


@pytest.mark.parametrize("name", MODELS)
def test_runs_one_after_another_equal_tflm(made: Any, machine: Any, name: str) -> None:
    plan, runs, expected = made[name]
    index = list(MODELS).index(name)
    assert plans.run(machine, index, plan, runs) == expected
    assert plans.run(machine, index, plan, runs) == expected, "it was not reset"


@pytest.mark.parametrize("name", MODELS)
def test_memory(made: Any, name: str) -> None:
    plan = made[name][0]
    plan_checker.check(plan)
    assert plan.kept


def test_a_window_costs_two_moves_and_one_back(made: Any) -> None:
    """Reading and assigning are no steps: old and new rows are joined, the newest go back."""
    steps = [step.function for step in made["window"][0].steps]
    assert steps == ["td_copy", "td_copy", "td_copy", "td_depthwise_time"]


def test_a_set_up_that_computes_is_left_to_the_interpreter() -> None:
    model = window(first=np.zeros((1, 2, 1, 4), np.int8))
    setup = Builder("setup")
    assign(setup, "past", relu(setup, read(setup, "other", (1, 2, 1, 4))))
    model.subgraphs[1] = setup.model().main
    with pytest.raises(NotCompilableError, match="CALL_ONCE"):
        plan_of(dump(model))
