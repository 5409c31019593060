"""Models with operators that TFLM does not have: TFLM's parts and the reference, one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.build import Builder, append
from tinydeploy.graph.ir import Array, Model, Type, per_tensor
from tinydeploy.graph.read_tflite import load
from tinydeploy.graph.write_tflite import dump
from tinydeploy.guarded import GuardedJudge, RefusedError
from tinydeploy.judge import Judge
from tinydeploy.segments import SegmentedJudge, judge_of, references
from tinydeploy.stages import trial
from tinydeploy.stages.inspect.lint import lint

UNIT = per_tensor(0.5, 0)
SHAPE = (1, 4)
OP = "ExponentialAverage"


def _between(share: float = 0.25) -> Model:
    """RELU, the average, and twice of it; the first two are outputs as well."""
    build = Builder()
    x = build.input(SHAPE, Type.INT8, UNIT)
    positive = build.op("RELU", [x], SHAPE, Type.INT8, UNIT)
    average = build.op(OP, [positive], SHAPE, Type.INT8, UNIT, share=share)
    twice = build.op("ADD", [average, average], SHAPE, Type.INT8, UNIT)
    return build.model(twice, positive, average)


def _stream(count: int = 6) -> list[Array]:
    rng = np.random.default_rng(1)
    return [rng.integers(-128, 128, SHAPE).astype(np.int8) for _ in range(count)]


def _by_hand(stream: Sequence[Array]) -> list[Array]:
    """As the model of `_between`, in doubles; no sum of these lies near a half."""
    average, found = None, []
    for x in stream:
        positive = np.maximum(x, 0).astype(float)
        average = positive if average is None else average + 0.25 * (positive - average)
        rounded = np.floor(average + 0.5)
        found.append(np.minimum(2 * rounded, 127).astype(np.int8))
    return found


def test_parts_are_computed_one_after_the_other() -> None:
    judge, stream = SegmentedJudge(_between()), _stream()
    for x, expected in zip(stream, _by_hand(stream), strict=True):
        twice, positive, average = judge.run([x])
        assert np.array_equal(positive, np.maximum(x, 0))
        assert np.array_equal(twice, np.minimum(2 * average.astype(int), 127))
        assert np.array_equal(twice, expected)


def test_reset_forgets_the_average() -> None:
    judge, stream = SegmentedJudge(_between()), _stream()
    first = [judge.run([x])[0] for x in stream]
    assert not np.array_equal(judge.run([stream[0]])[0], first[0])
    judge.reset()
    assert np.array_equal([judge.run([x])[0] for x in stream], first)


def test_every_tensor_can_be_asked_for() -> None:
    model = load(dump(_between()))
    judge = judge_of(dump(model), preserve_tensors=True)
    x = _stream()[0]
    outputs = judge.run([x])
    by_name = {tensor: i for i, tensor in enumerate(model.main.tensors)}
    assert np.array_equal(judge.tensor(by_name[model.main.inputs[0]]), x)
    for tensor, value in zip(model.main.outputs, outputs, strict=True):
        assert np.array_equal(judge.tensor(by_name[tensor]), value)


def test_variables_of_tflm_last_across_inferences() -> None:
    """SVDF keeps its state though it lies in a segment; all of the share changes nothing."""
    build = Builder()
    x = build.input((1, 3), Type.FLOAT32)
    features = build.constant(np.ones((4, 3), np.float32))
    times = build.constant(np.arange(8, dtype=np.float32).reshape(4, 2))
    state = build.variable((1, 8), Type.FLOAT32)
    bias = build.constant(np.zeros(4, np.float32))
    y = build.op("SVDF", [x, features, times, bias, state], (1, 4), Type.FLOAT32, rank=1)
    model = build.model(y)
    plain = Judge(dump(model))
    append(model, OP, share=1.0)
    judge = judge_of(dump(model))
    for value in np.random.default_rng(2).normal(size=(5, 1, 3)).astype(np.float32):
        assert np.allclose(judge.run([value])[0], plain.run([value])[0])


def test_a_model_of_tflm_alone_is_tflms() -> None:
    build = Builder()
    x = build.input(SHAPE, Type.INT8, UNIT)
    model = build.model(build.op("RELU", [x], SHAPE, Type.INT8, UNIT))
    assert isinstance(judge_of(dump(model)), Judge)
    model.description = OP  # the name alone makes no operator
    assert isinstance(judge_of(dump(model)), Judge)
    assert references(model) == []
    assert not [finding for finding in lint(model) if finding.rule == "not-of-tflm"]


def _with_variable() -> Model:
    model = _between()
    build = Builder()
    build.subgraph = model.main
    handle = build.op("VAR_HANDLE", [], (), Type.RESOURCE, container="", shared_name="v")
    build.ops("ASSIGN_VARIABLE", [handle, model.main.inputs[0]], [])
    return model


def _with_hidden() -> Model:
    """The average within a branch of IF."""
    branch = Builder("branch")
    x = branch.input(SHAPE, Type.INT8, UNIT)
    inner = branch.model(branch.op(OP, [x], SHAPE, Type.INT8, UNIT, share=0.5)).main
    build = Builder()
    condition, x = build.input((1,), Type.BOOL), build.input(SHAPE, Type.INT8, UNIT)
    options = {"then_subgraph_index": 1, "else_subgraph_index": 1}
    model = build.model(build.op("IF", [condition, x], SHAPE, Type.INT8, UNIT, **options))
    return Model([model.main, inner])


@pytest.mark.parametrize(
    ("make", "name"), [(_with_variable, "ASSIGN_VARIABLE"), (_with_hidden, OP)]
)
def test_what_cannot_be_taken_apart_is_refused(make: Callable[[], Model], name: str) -> None:
    with pytest.raises(UnsupportedModelError, match=f"{name} in a model with {OP}") as caught:
        judge_of(dump(make()))
    assert caught.value.hint


def test_a_segment_that_tflm_refuses_is_named() -> None:
    model = _between()
    model.main.ops[2].code = "EXP"  # which TFLM has of floats only
    del model.main.ops[2].inputs[1:]
    with pytest.raises(RefusedError) as caught, GuardedJudge(dump(model)):
        pass
    assert "operator 2, EXP" in caught.value.message
    assert (caught.value.operator, caught.value.op_index) == ("EXP", 2)


def test_the_trial_and_the_findings_know_of_it() -> None:
    model = _between()
    assert trial.ask(dump(model), model).runs
    (finding,) = [finding for finding in lint(model) if finding.rule == "not-of-tflm"]
    assert finding.where == OP


@pytest.mark.parametrize("share", [0.0, 2.0, None])
def test_options_that_the_reference_does_not_take_are_refused(share: float | None) -> None:
    model = _between()
    build = Builder()
    options = {} if share is None else {"share": share}
    x = model.main.ops[1].operands
    build.ops(OP, x, model.main.ops[1].outputs, **options)
    model.main.ops[1] = build.subgraph.ops[0]
    assert f"{OP}: share" in trial.ask(dump(model), model).reason


def test_append_takes_the_outputs_place() -> None:
    build = Builder()
    x = build.input(SHAPE, Type.INT8, UNIT)
    model = build.model(build.op("RELU", [x], SHAPE, Type.INT8, UNIT))
    old = model.main.outputs[0]
    op = append(model, OP, share=0.5)
    assert model.main.outputs == op.outputs
    assert op.inputs == [old]
    assert load(dump(model)).main.ops[1].name == OP
