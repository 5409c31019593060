"""Averages over inferences: by hand, then against the Python reference, as TFLM has none."""

from __future__ import annotations

import numpy as np
import pytest
from compare import Case, check, seeds
from one_op import Options, Tensor, one_op
from runner import Runner, split

CASES = 12
RUNS = 9
OP = "ExponentialAverage"
SMALLEST = 2.0**-15


def _options(share: float) -> Options:
    return ("", {"share": share})


def _tensor(dtype: str, size: int = 3, scale: float = 0.5) -> Tensor:
    quantization = () if dtype == "float32" else (scale, 0)
    return Tensor((size,), dtype, *quantization)


def _stream(
    runner: Runner, share: float, dtype: str, stream: list[list[float]]
) -> list[list[float]]:
    """Outputs of one inference after another."""
    tensor = _tensor(dtype, len(stream[0]))
    inputs = [[np.array(values, dtype)] for values in stream]
    reply = runner.run(one_op(OP, [tensor], [tensor], _options(share)), inputs)
    assert reply.ok, reply.reason
    step = len(reply.outputs) // len(stream)
    parts = [reply.outputs[at : at + step] for at in range(0, len(reply.outputs), step)]
    return [split(part, [(tensor.shape, dtype)])[0].tolist() for part in parts]


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_integers_by_hand(runner: Runner, dtype: str) -> None:
    """A quarter of the way each time: 0, 25, 43.75, 57.8; halves go up."""
    stream = [[0, 100, 1], [100, 0, 0], [100, 0, 0], [100, 0, 0]]
    expected = [[0, 100, 1], [25, 75, 1], [44, 56, 1], [58, 42, 0]]
    assert _stream(runner, 0.25, dtype, stream) == expected


def test_floats_by_hand(runner: Runner) -> None:
    stream = [[0.0, 8.0], [8.0, 0.0], [8.0, 0.0]]
    assert _stream(runner, 0.5, "float32", stream) == [[0.0, 8.0], [4.0, 4.0], [6.0, 2.0]]


def test_a_small_share_adds_up(runner: Runner) -> None:
    """Steps of less than one unit are kept: after 100 inferences 1 - 0.99^100 of 127."""
    stream = [[0.0], *[[127.0]] * 100]
    assert _stream(runner, 0.01, "int8", stream)[-1] == [round(127 * (1 - 0.99**100))]


def test_the_whole_share_is_the_input(runner: Runner) -> None:
    stream = [[-128.0, 127.0], [127.0, -128.0], [3.0, -3.0]]
    assert _stream(runner, 1.0, "int8", stream) == stream


@pytest.mark.parametrize("dtype", ["float32", "int8", "int16"])
@pytest.mark.parametrize("seed", list(seeds(CASES)))
def test_as_the_reference(runner: Runner, dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    share = float(np.float32(rng.choice([SMALLEST, 1.0, rng.uniform(0.01, 1)])))
    tensor = _tensor(dtype, int(rng.integers(1, 40)))
    check(runner, Case(OP, [tensor], [tensor], _options(share), 1e-6, 1e-6), rng, RUNS)


@pytest.mark.parametrize("share", [0.0, SMALLEST / 2, 1.1, -0.5, float("nan")])
def test_shares_that_are_none_are_refused(runner: Runner, share: float) -> None:
    reply = runner.run(one_op(OP, [_tensor("int8")], [_tensor("int8")], _options(share)))
    assert not reply.ok
    assert "options" in reply.reason


@pytest.mark.parametrize(
    ("given", "result", "reason"),
    [
        (_tensor("int8"), _tensor("int16"), "types"),
        (_tensor("int32"), _tensor("int32"), "types"),
        (_tensor("int8"), _tensor("int8", 4), "shapes"),
        (_tensor("int8"), _tensor("int8", scale=0.25), "quantization"),
    ],
)
def test_others_are_refused(runner: Runner, given: Tensor, result: Tensor, reason: str) -> None:
    reply = runner.run(one_op(OP, [given], [result], _options(0.5)))
    assert not reply.ok
    assert reason in reply.reason
