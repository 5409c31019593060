"""Compares the runtime on this PC with the judge on the same model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from one_op import Options, Tensor, one_op
from runner import Runner, split
from tinydeploy.segments import judge_of

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Case:
    """A one-op model and the bounds within which its float outputs may differ from TFLM's.

    Attributes:
        relative, absolute: tolerance of float outputs; integers must be equal.
        low, high: range of random float inputs.
    """

    op: str
    inputs: Sequence[Tensor | None]
    outputs: Sequence[Tensor]
    options: Options | None = None
    relative: float = 0.0
    absolute: float = 0.0
    low: float = -4.0
    high: float = 4.0

    def model(self) -> bytes:
        """The .tflite bytes."""
        return one_op(self.op, self.inputs, self.outputs, self.options)


def random_values(
    rng: np.random.Generator, tensor: Tensor, low: float = -4.0, high: float = 4.0
) -> Array:
    """Values for a tensor; integers cover the whole type and often its ends."""
    if tensor.dtype == "float32":
        return rng.uniform(low, high, tensor.shape).astype(np.float32)
    if tensor.dtype == "bool":
        return rng.integers(0, 2, tensor.shape).astype(bool)
    if tensor.dtype in ("int32", "int64"):
        return rng.integers(-100, 100, tensor.shape).astype(tensor.dtype)
    info = np.iinfo(tensor.dtype)
    if tensor.dtype in ("uint32", "uint64"):  # of all magnitudes
        values = rng.integers(0, info.max, tensor.shape, tensor.dtype, endpoint=True)
        return values >> rng.integers(0, info.bits, tensor.shape).astype(tensor.dtype)
    values = rng.integers(info.min, info.max + 1, tensor.shape)
    ends = rng.random(tensor.shape) < 0.1
    values = np.where(ends, np.where(rng.random(tensor.shape) < 0.5, info.min, info.max), values)
    return values.astype(tensor.dtype)


def check(runner: Runner, case: Case, rng: np.random.Generator, runs: int = 2) -> None:
    """Fail unless the runtime computes what the judge does on random inputs."""
    model = case.model()
    judge = judge_of(model)
    wanted = [tensor for tensor in case.inputs if tensor is not None and tensor.is_input]
    inputs = [
        [random_values(rng, tensor, case.low, case.high) for tensor in wanted] for _ in range(runs)
    ]
    reply = runner.run(model, inputs)
    assert reply.ok, f"{case}: {reply.reason}"
    shapes = [(tensor.shape, tensor.dtype) for tensor in case.outputs]
    step = len(reply.outputs) // runs
    for index, arrays in enumerate(inputs):
        ours = split(reply.outputs[index * step : (index + 1) * step], shapes)
        for got, expected in zip(ours, judge.run(arrays), strict=True):
            assert_equal(got, expected.reshape(got.shape), case)


def assert_equal(got: Array, expected: Array, case: Case) -> None:
    """Equal to the last bit, or close as the case allows for floats."""
    if got.dtype.kind == "f":
        close = np.allclose(got, expected, case.relative, case.absolute, equal_nan=True)
        assert close, f"{np.abs(got - expected).max()} apart: {case}"
        return
    different = np.flatnonzero(got.ravel() != expected.ravel())
    if different.size:
        first = different[0]
        raise AssertionError(
            f"{different.size} of {got.size} differ, at {first} "
            f"{got.ravel()[first]} instead of {expected.ravel()[first]}: {case}"
        )


def seeds(count: int) -> Iterator[np.random.Generator]:
    """Generators for `count` reproducible cases."""
    return (np.random.default_rng(seed) for seed in range(count))
