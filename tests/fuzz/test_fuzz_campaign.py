"""A short run of everything finds nothing, and a wrong kernel is found."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from tinydeploy import arena, cli
from tinydeploy.config import FIRMWARE_DIR
from tinydeploy.errors import ParityError, UsageError
from tinydeploy.fuzz import build, cases, engines, parallel, resident, rooms
from tinydeploy.fuzz.campaign import Tally
from tinydeploy.fuzz.cases import GRAPH, make, subjects
from tinydeploy.fuzz.draw import UnfitError
from tinydeploy.fuzz.edges import edges_of
from tinydeploy.fuzz.engines import Compiled, Interpreter, Outcome
from tinydeploy.fuzz.judging import JudgeProcess
from tinydeploy.graph.read_tflite import load

Fuzz = Callable[..., Tally]  # the fixture
SOME = 48  # cases
COMPILED = "ADD AVERAGE_POOL_2D CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED MUL SOFTMAX graph graph"
CUSTOM = "SignalRfft SignalFilterBank SignalPCAN TFLM_DECODE TFLite_Detection_PostProcess"
ROUNDING = FIRMWARE_DIR / "kernels" / "activations" / "rectifiers.cpp"


@pytest.mark.parametrize("target", ["host", "simulator"])
def test_interpreter_computes_what_tflm_does(target: str, fuzz: Fuzz) -> None:
    every = subjects([])
    tally = fuzz("", [Interpreter(target)], cases=len(every))
    assert tally.failures == []
    assert tally.subjects.keys() == set(every)
    assert tally.total.ran[f"interpreter on {target}"] > 0.7 * len(every)


@pytest.mark.parametrize("target", ["host", "simulator"])
def test_compiled_plans_compute_what_tflm_does(target: str, fuzz: Fuzz) -> None:
    tally = fuzz(COMPILED, [Compiled(target)], cases=SOME)
    assert tally.failures == []
    assert tally.total.ran[f"compiled on {target}"] > SOME // 2


def test_compiled_custom_operators_compute_what_tflm_does(fuzz: Fuzz) -> None:
    """With types that only they have, and what their files share."""
    tally = fuzz(CUSTOM, [Compiled("host")], cases=14)
    assert tally.failures == []
    assert tally.total.ran["compiled on host"] == 14


def _wrong_relu(folder: Path) -> Path:
    """RELU that lets a number below zero through, in graphs of ten operators and more."""
    text = ROUNDING.read_text()
    right = "Max(params->range.lowest, params->output_offset)"
    assert text.count(right) == 1
    wrong = folder / ROUNDING.name
    wrong.write_text(text.replace(right, f"{right} - 1"))
    return wrong


def test_a_wrong_kernel_is_found_and_reduced(fuzz: Fuzz, tmp_path: Path) -> None:
    wrong = Interpreter("host", {ROUNDING: _wrong_relu(tmp_path)})
    tally = fuzz("RELU graph", [wrong], cases=4 * SOME)
    assert len(tally.failures) == 2
    for failure in tally.failures:
        (op,) = load(failure.files[-2]).main.ops  # the smallest model that still fails
        assert op.code == "RELU"
        assert "elements differ" in failure.why


def test_a_wrong_plan_is_found(fuzz: Fuzz, monkeypatch: pytest.MonkeyPatch) -> None:
    source_of = resident.source_of
    monkeypatch.setattr(
        resident,
        "source_of",
        lambda some: source_of(some).replace(".pad_left = 1", ".pad_left = 0"),
    )
    tally = fuzz("CONV_2D", [Compiled("host")], cases=3 * SOME)
    assert tally.failures


def test_the_reproducer_shows_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = Interpreter("host", {ROUNDING: _wrong_relu(tmp_path)})
    monkeypatch.setattr(engines, "engines", lambda *_: [wrong])
    found = ["fuzz", "--ops", "RELU,graph", "--cases", "8", "--seed", "3", "--out", str(tmp_path)]
    assert cli.main(found) == ParityError.exit_code
    (line, *_) = re.findall(r"^  tinydeploy (fuzz .+)$", capsys.readouterr().out, re.M)
    again = [*shlex.split(line), "--out", str(tmp_path / "again")]
    assert cli.main(again) == ParityError.exit_code
    (model,) = (tmp_path / "again").glob("*host.tflite")
    assert model.read_bytes() == (tmp_path / model.name).read_bytes()
    monkeypatch.undo()
    assert cli.main(again) == 0  # the right kernel


def test_results_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = Interpreter("host", {ROUNDING: _wrong_relu(tmp_path)})
    monkeypatch.setattr(engines, "engines", lambda *_: [wrong])
    command = ["fuzz", "--ops", "RELU,graph", "--cases", "8", "--seed", "3", "--json"]
    assert cli.main([*command, "--out", str(tmp_path)]) == ParityError.exit_code
    found = json.loads(capsys.readouterr().out)
    assert found["cases"] == 8
    assert found["engines"]["interpreter on host"]["differ"] == len(found["failures"]) > 0
    assert Path(found["failures"][0]["files"][0]).is_file()


def _task(folder: Path, engine: str = "interpreter") -> parallel.Task:
    return parallel.Task(tuple(subjects(["ADD"])), 1, 3 * engines.BATCH, engine, "host", folder)


def test_a_campaign_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    kept, whole = tmp_path / "kept.json", 3 * engines.BATCH
    stopped = parallel.run(_task(tmp_path), 1, kept=kept, seconds=0)
    assert stopped.total.cases == engines.BATCH
    seen: list[int] = []
    tally = parallel.run(
        _task(tmp_path), 2, kept=kept, progress=lambda tally: seen.append(tally.total.cases)
    )
    assert seen == [2 * engines.BATCH, whole]
    assert tally.total.cases == tally.total.ran["interpreter on host"] == whole
    assert parallel.run(_task(tmp_path), 2, kept=kept).subjects == tally.subjects


def test_figures_of_another_command_are_not_gone_on_with(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    parallel.run(_task(tmp_path), 1, kept=kept, seconds=0)
    with pytest.raises(UsageError, match="another code or another command"):
        parallel.run(_task(tmp_path, "compiled"), 1, kept=kept)


class _Silent:
    """An engine that refuses everything."""

    name, may_refuse = "silent", False

    def run(self, cases: list[object]) -> list[Outcome]:
        return [Outcome(refusal="no") for _ in cases]

    def close(self) -> None:
        pass


def test_a_refusal_of_what_tflm_runs_is_a_failure(fuzz: Fuzz) -> None:
    tally = fuzz("ADD", [_Silent()], cases=1, seed=2)
    assert [failure.why for failure in tally.failures] == ["refused: no"]


def test_seed_and_number_make_the_same_case() -> None:
    names = subjects(["CONV_2D", GRAPH])
    for number in range(4):
        one, two = make(5, number, names), make(5, number, names)
        assert one.data == two.data
        for a, b in zip(one.inputs[0], two.inputs[0], strict=True):
            np.testing.assert_array_equal(a, b)
    assert make(5, 0, names).data != make(6, 0, names).data


def test_graphs_are_large_and_have_branches() -> None:
    graphs = [make(1, number, [GRAPH]).model.main for number in range(30)]
    assert all(10 <= len(graph.ops) <= 40 for graph in graphs)
    shared = [sum(len(g.consumers(t)) > 1 for t in g.tensors) for g in graphs]
    assert sum(count > 0 for count in shared) > 25
    assert len({op.code for graph in graphs for op in graph.ops}) > 30


def test_the_runner_is_not_built_twice() -> None:
    assert build.host_runner() == build.host_runner()


def test_nothing_compared_is_no_success(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(JudgeProcess, "run", lambda self, case: None)
    command = "fuzz --ops ABS --cases 3 --engine interpreter --target host --out"
    assert cli.main([*command.split(), str(tmp_path)]) == ParityError.exit_code
    said = capsys.readouterr().err
    assert "nothing was compared: TFLM took none of 3 cases" in said
    assert "--seed" in said


@pytest.mark.parametrize("code", ["CONV_2D", "FULLY_CONNECTED", "SVDF"])
def test_sizes_at_limits_have_room_on_the_simulated_core(code: str) -> None:
    """With what kernels unpack and keep by channel, and with the file's scales."""
    rng, sizes = np.random.default_rng(1), edges_of(code)
    for types in cases.combinations(code):
        for edge in (edge for edge in sizes for _ in range(4)):
            with suppress(UnfitError):
                case = cases.finish(cases.at_edge(rng, code, types, edge), 0, code, code, 0.0)
                assert len(case.data) <= rooms.MODEL_BYTES
                assert arena.needs(case.model).total_bytes <= rooms.ARENA_BYTES
                given = sum(array.nbytes for run in case.inputs for array in run)
                assert given <= rooms.INPUT_BYTES


@pytest.mark.parametrize("code", ["CONV_2D", "SOFTMAX", "MAX_POOL_2D"])
def test_sizes_at_limits_compute_what_tflm_does(
    code: str, monkeypatch: pytest.MonkeyPatch, fuzz: Fuzz
) -> None:
    monkeypatch.setattr(cases, "EDGE_SHARE", 1.0)
    tally = fuzz(code, [Interpreter("host"), Compiled("host")], cases=5)
    assert tally.failures == []
    assert tally.total.ran["interpreter on host"] > 2
