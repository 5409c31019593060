"""The judge is asked first, where its crash is an answer, and its reason reaches the user."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tinydeploy import boards, cli, images, models, programs
from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph import read_tflite
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.guarded import GuardedJudge, JudgeChild, RefusedError
from tinydeploy.judge import Judge
from tinydeploy.sources import Source
from tinydeploy.stages import trial
from tinydeploy.stages.build_options import DEFAULT
from tinydeploy.stages.inspect import inspect, to_html, to_text
from tinydeploy.ui import Ui

UNIT = per_tensor(1.0, 0)
NEXT_TO_NOTHING = per_tensor(7.85e-9, 0)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "cache_dir", lambda: tmp_path / "cache")


def aborts() -> Model:
    """TFLM's Prepare of SOFTMAX aborts where the input's scale is that small."""
    build = Builder()
    x = build.input((1, 4), Type.INT8, UNIT)
    y = build.op("QUANTIZE", [x], (1, 4), Type.INT8, NEXT_TO_NOTHING)
    z = build.op("SOFTMAX", [y], (1, 4), Type.INT8, per_tensor(1 / 256, -128), beta=1.0)
    return build.model(z)


def eleven_parts() -> Model:
    build = Builder()
    parts = [build.input((1, 1), Type.INT8, UNIT) for _ in range(12)]
    return build.model(_concatenation(build, parts, Type.INT8))


def uint8_concatenation() -> Model:
    build = Builder()
    parts = [build.input((1, 1), Type.UINT8, UNIT) for _ in range(2)]
    return build.model(_concatenation(build, parts, Type.UINT8))


def _concatenation(build: Builder, parts, kind: Type):  # type: ignore[no-untyped-def]
    shape = (1, len(parts))
    options = {"axis": 1, "fused_activation_function": "NONE"}
    return build.op("CONCATENATION", parts, shape, kind, UNIT, **options)


def slice_of_five_dimensions() -> Model:
    build = Builder()
    x = build.input((1, 2, 2, 2, 2), Type.INT8, UNIT)
    bounds = [build.constant(np.full(5, value, np.int32)) for value in (0, 1, 1)]
    options = dict.fromkeys(
        ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0
    )
    y = build.op("STRIDED_SLICE", [x, *bounds], (1, 1, 1, 1, 1), Type.INT8, UNIT, **options)
    return build.model(y)


def shape_at_run_time() -> Model:
    build = Builder()
    x, dims = build.input((1, 2), Type.INT8, UNIT), build.input((2,), Type.INT32)
    value = build.constant(np.array(3, np.int8))
    filled = build.op("FILL", [dims, value], (1, 2), Type.INT8)
    return build.model(build.op("ADD", [x, filled], (1, 2), Type.INT8, UNIT))


def prepared_but_not_run() -> Model:
    build = Builder()
    x = build.input((1, 4), Type.INT16, UNIT)
    axis = build.constant(np.array([1], np.int32))
    return build.model(build.op("REDUCE_MAX", [x, axis], (1,), Type.INT16, UNIT))


def larger_than_any_arena() -> Model:
    build = Builder()
    x = build.input((1, 1 << 15, 2000), Type.INT8, UNIT)
    return build.model(build.op("RELU", [x], x.shape, Type.INT8, UNIT))


REFUSED: list[tuple[Callable[[], Model], str, str]] = [
    (aborts, "SOFTMAX", "crashes (SIGABRT)"),
    (eleven_parts, "CONCATENATION", "num_inputs <= kMaxInputNum"),
    (uint8_concatenation, "CONCATENATION", "TFLM "),
    (slice_of_five_dimensions, "STRIDED_SLICE", "input dim should not exceed 4"),
    (shape_at_run_time, "FILL", "Non-constant >dims<"),
    (prepared_but_not_run, "REDUCE_MAX", "fails to run"),
    (larger_than_any_arena, "", "Failed to resize buffer"),
]


@pytest.mark.parametrize(
    ("make", "operator", "words"), REFUSED, ids=lambda x: getattr(x, "__name__", "")
)
def test_refused(make: Callable[[], Model], operator: str, words: str, tmp_path: Path) -> None:
    """`inspect` and the pipeline say the same, before anything is built, in TFLM's words."""
    path = tmp_path / "model.tflite"
    path.write_bytes(dump(make()))
    found = inspect(path)
    assert not found.runs
    (problem,) = found.problems
    assert (problem.operator, words in problem.reason) == (operator, True), problem.reason
    assert "\n" not in problem.reason
    assert problem.hint
    assert not any(fit.fits for fit in found.boards)
    source = Source("model", "model", path, None, None, "test")
    with pytest.raises(UnsupportedModelError, match="TFLM") as caught:
        images.make_image(source, boards.load("nano33"), DEFAULT, Ui(quiet=True))
    assert words in caught.value.message


def test_what_does_not_run_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(dump(aborts()))
    found = inspect(path, "nano33")
    for shown in (to_text(found), to_html(found)):
        assert "does not run" in shown
        assert ">fits<" not in shown
        assert "   fits" not in shown


@pytest.mark.parametrize(
    "arguments", [["inspect"], ["inspect", "--json"], ["deploy", "--json", "--model"]]
)
def test_command_line(
    arguments: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(dump(aborts()))
    assert cli.main([*arguments, str(path)]) == UnsupportedModelError.exit_code
    out, err = capfd.readouterr()
    assert "Traceback" not in err
    if "--json" in arguments:
        said = json.loads(out)
        assert "SIGABRT" in json.dumps(said)
        assert arguments[0] == "inspect" or said["error"]["exit_code"] == 3
    assert ("error:" in err) == (arguments[0] == "deploy")


def test_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = aborts()
    data = dump(model)
    first = trial.ask(data, model)
    monkeypatch.setattr(trial, "_ask", lambda *_: pytest.fail("asked again"))
    assert trial.ask(data, model) == first


def test_a_home_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "cache_dir", lambda: Path("/proc/nowhere"))
    model = read_tflite.load(models.load("sine").tflite())
    assert trial.ask(dump(model), model).runs


def test_same_answers_as_in_this_process() -> None:
    data = models.load("sine").tflite().read_bytes()
    given = [np.array([[17]], np.int8)]
    with GuardedJudge(data, preserve_tensors=True) as guarded:
        plain = Judge(data, preserve_tensors=True)
        assert np.array_equal(guarded.run(given)[0], plain.run(given)[0])
        assert np.array_equal(guarded.tensor(0), plain.tensor(0))
        guarded.reset()


def test_a_crash_of_the_third_inference_says_so() -> None:
    data = models.load("sine").tflite().read_bytes()
    given = [np.array([[17]], np.int8)]
    with GuardedJudge(data) as judge:
        judge.run(given)
        judge.run(given)
        judge._child._process.kill()
        judge._child._process.join()
        with pytest.raises(RefusedError, match=r"SIGKILL.*inference 3"):
            judge.run(given)


def test_one_child_judges_model_after_model() -> None:
    """One that crashes it takes nothing from the next, and words are of the present model."""
    data, child = models.load("sine").tflite().read_bytes(), JudgeChild()
    given = [np.array([[17]], np.int8)]
    first = GuardedJudge(data, child=child).run(given)
    process = child._process
    for refused, words in ((eleven_parts(), "num_inputs"), (uint8_concatenation(), "input_type")):
        with pytest.raises(RefusedError, match=words) as caught:
            GuardedJudge(dump(refused), child=child)
        assert not caught.value.crashed
        assert caught.value.message.count("concatenation.cc") == 1
    assert child._process is process
    with pytest.raises(RefusedError, match="crashes"):
        GuardedJudge(dump(aborts()), child=child).run([])
    assert np.array_equal(GuardedJudge(data, child=child).run(given)[0], first[0])
    child.close()


def test_the_child_keeps_no_pipe_of_ours_open() -> None:
    """A program that reads to the end of its input would never end."""
    reads, writes = os.pipe()
    with GuardedJudge(models.load("sine").tflite().read_bytes()):
        os.close(writes)
        assert select.select([reads], [], [], 5.0)[0] == [reads]
    os.close(reads)


def test_a_time_limit() -> None:
    data = models.load("sine").tflite().read_bytes()
    with pytest.raises(RefusedError, match="has not finished"):
        GuardedJudge(data, time_limit_s=0.0)


@pytest.mark.parametrize(
    ("operator", "accelerator", "compiler"),
    [
        ("ethos-u", "Ethos-U", "Vela"),
        ("XC_conv2d_v2", "xcore", "xmos-ai-tools"),
        ("edgetpu-custom-op", "Edge TPU", "edgetpu_compiler"),
    ],
)
def test_compiled_for_an_accelerator(
    operator: str, accelerator: str, compiler: str, tmp_path: Path
) -> None:
    build = Builder()
    x = build.input((1, 4), Type.INT8, UNIT)
    path = tmp_path / "model.tflite"
    path.write_bytes(dump(build.model(build.op(operator, [x], (1, 4), Type.INT8, UNIT))))
    (problem,) = inspect(path).problems
    assert accelerator in problem.reason
    assert "before " + compiler in problem.hint
    source = Source("model", "model", path, None, None, "test")
    with pytest.raises(UnsupportedModelError, match=accelerator) as caught:
        programs.make_program(source, boards.load("nano33"), DEFAULT, Ui(quiet=True), tmp_path)
    assert "before " + compiler in caught.value.hint


@pytest.mark.parametrize(
    ("case", "words"),
    [("softmax_tiny", "SIGABRT"), ("quantizations/none_batch", "Non-constant >dims<")],
)
def test_cases(case: str, words: str, shared_data: Path) -> None:
    path = shared_data / "cases" / f"{case}.tflite"
    assert words in inspect(path).problems[0].reason
