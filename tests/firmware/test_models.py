"""Whole models on the runtime: equal to TFLM, in less memory, with clear refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from compare import random_values
from one_op import Tensor, one_op
from runner import Runner
from tinydeploy.config import MODELS_DIR
from tinydeploy.graph.read_tflite import load
from tinydeploy.judge import Judge

TFLM_KWS_ARENA_BYTES = 22_784  # scripts/tinydeploy/bench/peers.py
COMMITTED = sorted(MODELS_DIR.glob("*/*.tflite"))


@pytest.fixture(scope="module")
def kws(shared_data: Path) -> bytes:
    return (shared_data / "mlperf_tiny" / "kws_ref_model.tflite").read_bytes()


@pytest.fixture(scope="module")
def kws_inputs(shared_data: Path) -> list[np.ndarray]:
    files = sorted((shared_data / "mlperf_tiny" / "kws01").glob("*.bin"))
    return [np.fromfile(file, np.int8).reshape(1, 49, 10, 1) for file in files]


def test_kws_equals_tflm(kws: bytes, kws_inputs: list[np.ndarray], runner: Runner) -> None:
    reply = runner.run(kws, [[values] for values in kws_inputs])
    judge = Judge(kws)
    assert len(kws_inputs) == 101
    assert reply.outputs == b"".join(judge.run([values])[0].tobytes() for values in kws_inputs)


def test_kws_needs_less_arena_than_tflm(kws: bytes, runner_32: Runner) -> None:
    reply = runner_32.run(kws)
    assert reply.ok
    assert 16_000 < reply.arena_used < TFLM_KWS_ARENA_BYTES


def test_arena_used_is_the_smallest_that_does(
    kws: bytes, kws_inputs: list[np.ndarray], runner: Runner
) -> None:
    used = runner.run(kws).arena_used
    assert runner.run(kws, [[kws_inputs[0]]], arena_bytes=used).ok
    refused = runner.run(kws, arena_bytes=used - 16)
    assert not refused.ok
    assert refused.reason.endswith(f"too small: {used} are needed")


@pytest.mark.parametrize("arena_bytes", [0, 1, 15, 16, 100, 1000, 5000, 15_000])
def test_a_tiny_arena_is_refused(kws: bytes, arena_bytes: int, sanitized: Runner) -> None:
    reply = sanitized.run(kws, arena_bytes=arena_bytes)
    assert not reply.ok
    assert "too small" in reply.reason


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_committed_models_equal_tflm(path: Path, runner: Runner) -> None:
    model = path.read_bytes()
    judge = Judge(model)
    rng = np.random.default_rng(0)
    inputs = load(model).subgraphs[0].inputs
    tensors = [Tensor(tuple(t.shape), t.type.label) for t in inputs]
    runs = [[random_values(rng, t, -3.0, 3.0) for t in tensors] for _ in range(20)]
    reply = runner.run(model, runs)
    assert reply.ok, reply.reason
    expected = [np.concatenate([o.ravel() for o in judge.run(values)]) for values in runs]
    ours = np.frombuffer(reply.outputs, expected[0].dtype).reshape(len(runs), -1)
    if ours.dtype.kind == "f":
        assert np.allclose(ours, expected, 1e-5, 1e-6)
    else:
        assert np.array_equal(ours, expected)


def test_preserved_tensors_do_not_change_results(
    kws: bytes, kws_inputs: list[np.ndarray], runner: Runner
) -> None:
    plain = runner.run(kws, [[kws_inputs[0]]])
    preserved = runner.run(kws, [[kws_inputs[0]]], preserve_tensors=True)
    assert preserved.outputs == plain.outputs
    assert preserved.arena_used > plain.arena_used


def test_an_unknown_operator_is_named_by_its_code(runner: Runner) -> None:
    tensor = Tensor((1, 4), "float32")
    reply = runner.run(one_op("LSH_PROJECTION", [tensor], [tensor]))
    assert (reply.ok, reply.op_index, reply.builtin_code) == (False, 0, 15)
    assert reply.reason == "builtin operator 15 is not in the op resolver"


def test_unsupported_types_are_named(runner: Runner) -> None:
    image, output = Tensor((1, 4), "int32"), Tensor((1, 4), "int8", 1.0)
    reply = runner.run(one_op("SOFTMAX", [image], [output], ("SoftmaxOptions", {"beta": 1.0})))
    assert reply.reason == "types INT32 -> INT8 are not supported"


def test_shapes_that_do_not_fit_are_refused(runner: Runner) -> None:
    image, output = Tensor((1, 4), "float32"), Tensor((1, 5), "float32")
    reply = runner.run(one_op("RESHAPE", [image], [output]))
    assert (reply.ok, reply.reason) == (False, "shapes do not fit together")


def test_not_a_model_is_refused(sanitized: Runner) -> None:
    assert sanitized.run(b"").reason == "not a .tflite model"
    assert sanitized.run(b"hello, world").reason == "not a .tflite model"
