"""QUANTIZE of floats where rounding turns, and DEQUANTIZE of every number, against TFLM."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compare import Case
from one_op import Tensor
from runner import Runner
from tinydeploy.judge import Judge

WIDEST = 32767 + 300  # of int16, and beyond


def _edges() -> Any:
    """Halves, the floats beside them, whole numbers beside those, all magnitudes, the ends."""
    halves = np.arange(-WIDEST, WIDEST, dtype=np.float32) + np.float32(0.5)
    whole = np.arange(-WIDEST, WIDEST, dtype=np.float32)
    rng = np.random.default_rng(3)
    magnitudes = np.ldexp(rng.uniform(1, 2, (157, 64)), np.arange(-126, 31)[:, None])
    ends = np.ldexp([1.0, -1.0, 1 - 2**-24], 23)
    values = [halves, whole, magnitudes.ravel(), -magnitudes.ravel(), ends, [0.0, -0.0, 1e-45]]
    exact = np.concatenate([np.asarray(each, np.float32) for each in values])
    beside = [np.nextafter(exact, np.float32(end)) for end in (-np.inf, np.inf)]
    return np.concatenate([exact, *beside])


@pytest.mark.parametrize(("dtype", "scale", "zero_point"), [
    ("int16", 1.0, 0), ("int8", 1.0, -5), ("int16", 0.3, 0), ("int8", 0.1, 17),
])  # fmt: skip
def test_rounding_edges_equal_tflm(
    runner: Runner, dtype: str, scale: float, zero_point: int
) -> None:
    values = _edges() * np.float32(scale)
    values = values[np.abs(values / np.float32(scale)) < 2**30]  # beyond, TFLM's sum overflows
    shape = (values.size,)
    case = Case("QUANTIZE", [Tensor(shape, "float32")], [Tensor(shape, dtype, scale, zero_point)])
    reply = runner.run(case.model(), [[values]])
    expected = Judge(case.model()).run([values])[0]
    assert reply.ok
    assert np.frombuffer(reply.outputs, dtype).tolist() == expected.ravel().tolist()


@pytest.mark.parametrize("scale", [0.1, 1 / 3, 3e-39, 1e29])
@pytest.mark.parametrize("dtype", ["int8", "int16", "uint8"])
def test_every_number_dequantized_equals_tflm_to_the_bit(
    runner: Runner, dtype: str, scale: float
) -> None:
    info = np.iinfo(dtype)
    values = np.arange(info.min, info.max + 1).astype(dtype)
    zero_point = {"int8": -7, "int16": 0, "uint8": 100}[dtype]
    shape = (values.size,)
    case = Case("DEQUANTIZE", [Tensor(shape, dtype, scale, zero_point)], [Tensor(shape, "float32")])
    reply = runner.run(case.model(), [[values]])
    expected = Judge(case.model()).run([values])[0]
    assert reply.outputs == expected.tobytes()
