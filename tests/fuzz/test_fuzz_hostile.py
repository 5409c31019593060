"""Damaged models do not crash the runtime; one that does is kept."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from tinydeploy import models
from tinydeploy.bench.network import Network
from tinydeploy.fuzz import build, hostile, names, spoil
from tinydeploy.fuzz.cases import make, subjects
from tinydeploy.fuzz.runner import HostRunner, RunnerCrashError, RunnerTimeoutError
from tinydeploy.graph import ir
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Type
from tinydeploy.graph.write_tflite import dump
from tinydeploy.lower.emit import cpp

MUTANTS = int(os.environ.get("TINYDEPLOY_MUTANTS", "1000"))

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="no g++ for the sanitizers")


def test_mutants_do_not_crash_the_runtime(tmp_path: Path) -> None:
    found = hostile.run(hostile.Extent(MUTANTS, 1), tmp_path)
    assert found.crashes == []
    assert 0 < found.accepted < found.mutants == MUTANTS  # both paths were walked
    assert 0 < found.compiled < found.mutants
    assert 0 < found.renamed < found.mutants


def test_a_name_that_gets_out_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the fuzzer looks for, with the escaping taken away."""
    sine = models.load("sine").tflite().read_bytes()
    for number in range(len(names.TEXTS)):
        assert names.problem(names.renamed(sine, number)) == (True, "")
    monkeypatch.setattr(cpp, "comment", lambda text: text)
    monkeypatch.setattr(ir, "shown", lambda text: text)
    problems = {names.problem(names.renamed(sine, number))[1] for number in range(6)}
    assert "a name is compiled" in problems


def test_an_error_that_is_none_of_ours_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(names.read_tflite, "load", fail)
    assert names.problem(b"") == (False, "the reader: RecursionError: too deep")


def test_one_thing_is_spoilt_and_the_file_stays_sound() -> None:
    """The kernels' own checks see it: most are no damage that the reader finds."""
    data, reasons = make(1, 0, ["CONV_2D int8 x int8"]).data, set()
    runner = HostRunner(build.sanitized_runner())
    for number in range(150):
        spoilt = spoil.spoil(np.random.default_rng(number), data)
        assert spoilt == spoil.spoil(np.random.default_rng(number), data)
        reasons.add(runner.run(spoilt, [[]]).reason)
    for words in ("types", "shapes do not", "quantization is", "options are", "input"):
        assert any(words in reason for reason in reasons), (words, reasons)
    runner.close()


def test_what_lacks_room_is_refused_with_what_it_needs() -> None:
    data, refused = make(1, 0, ["CONV_2D int8 x int8"]).data, 0
    runner = HostRunner(build.sanitized_runner())
    for number in range(50):
        room = spoil.scarce(np.random.default_rng(number), data)
        reply = runner.run(data, [[]], arena_bytes=room)
        refused += not reply.ok
        assert reply.ok or "arena" in reply.reason
    runner.close()
    assert refused > 25


def test_batches_of_zero_do_not_crash_the_runtime() -> None:
    """TFLM's own interpreter refuses most of them; ours refuses them or computes nothing."""
    runner, every, accepted = HostRunner(build.sanitized_runner()), subjects([]), 0
    for number, name in enumerate(every):
        model = make(1, number, every).model
        for tensor in (tensor for graph in model.subgraphs for tensor in graph.tensors):
            if tensor.shape and not tensor.is_constant:
                tensor.shape = (0, *tensor.shape[1:])
        reply = runner.run(dump(model), [[]])
        assert reply.ok or reply.reason, name
        accepted += reply.ok
    runner.close()
    assert 0 < accepted < len(every)  # both paths were walked


def test_a_model_without_end_is_stopped(tmp_path: Path) -> None:
    """A loop while the number that came in is true, over a body that returns it."""
    condition, body, build_ = Builder("condition"), Builder("body"), Builder()
    asked = condition.model(condition.input((1,), Type.BOOL)).main
    done = body.model(body.input((1,), Type.BOOL)).main
    result = build_.tensor((1,), Type.BOOL)
    build_.ops(
        "WHILE", [build_.input((1,), Type.BOOL)], [result],
        cond_subgraph_index=1, body_subgraph_index=2,
    )  # fmt: skip
    model = build_.model(result)
    model.subgraphs += [asked, done]
    runner = HostRunner(build.sanitized_runner(), cpu_limit_s=1)
    assert runner.run(dump(model), [[np.array([False])]]).outputs == b"\0"
    with pytest.raises(RunnerTimeoutError):
        runner.run(dump(model), [[np.array([True])]])
    assert runner.run(dump(model), [[np.array([False])]]).ok  # started again
    runner.close()


def test_a_crash_is_kept_with_its_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise RunnerCrashError("heap-buffer-overflow")

    monkeypatch.setattr(HostRunner, "run", crash)
    found = hostile.run(hostile.Extent(50, 1), tmp_path, most_crashes=3)
    assert found.mutants == 3
    assert [problem for _, problem in found.crashes] == ["heap-buffer-overflow"] * 3
    assert all(path.is_file() for path, _ in found.crashes)


@pytest.mark.parametrize(
    ("code", "expected"),
    [("EQUAL", [1, 0, 1, 0]), ("LOGICAL_OR", [1, 1, 0, 1]), ("LOGICAL_NOT", [0, 1, 1, 0])],
)
def test_any_byte_but_zero_is_true(code: str, expected: list[int]) -> None:
    """A damaged model or a careless sender: C++'s bool must not hold them."""
    draft, stored = Builder(), np.array([4, 0, 0, 255], np.uint8).view(np.bool_)
    operands = [draft.input((4,), Type.BOOL), draft.constant(stored, Type.BOOL)]
    if code == "LOGICAL_NOT":
        operands = [operands[0]]
    model = draft.model(draft.op(code, operands, (4,), Type.BOOL))
    given = np.array([7, 9, 0, 0] if code != "LOGICAL_NOT" else [2, 0, 0, 128], np.uint8)
    runner = HostRunner(build.sanitized_runner())
    reply = runner.run(dump(model), [[given.view(np.bool_)]])
    runner.close()
    assert list(reply.outputs) == expected


def test_an_arena_of_any_size_is_told_not_overrun() -> None:
    """What is kept is a list in the arena: one too small may have written over it."""
    net = Network((1, 2, 1, 4), 0.1, -128, 3)
    for index in range(3):
        net.stream(f"rows_{index}", 3)
        net.depthwise((4, 1), 1, padding="VALID")
    data = dump(net.model())
    runner = HostRunner(build.sanitized_runner())
    needed = runner.run(data).arena_used
    accepted = {
        arena: runner.run(data, arena_bytes=arena).ok for arena in range(0, needed + 64, 16)
    }
    runner.close()
    assert accepted[needed - needed % 16 + 16]
    assert not any(ok for arena, ok in accepted.items() if arena < needed - 64)
