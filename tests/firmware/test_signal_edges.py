"""Signal operators on silence, full scale and powers of two, where widths and shifts end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from runner import Runner
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Type
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge

Array = npt.NDArray[Any]


def _rfft(kind: Type, number: int) -> Model:
    build = Builder()
    x = build.input((1, 64), kind)
    return build.model(build.op("SignalRfft", [x], (1, 66), kind, T=number, fft_length=64))


def _auto_scale() -> Model:
    build = Builder()
    x = build.input((64,), Type.INT16)
    scaled, bits = build.tensor((64,), Type.INT16), build.tensor((), Type.INT32)
    build.ops("SignalFftAutoScale", [x], [scaled, bits])
    return build.model(scaled, bits)


def _log(scale: int) -> Model:
    build = Builder()
    x = build.input((64,), Type.UINT32)
    options = {"output_scale": scale, "input_correction_bits": 1}
    return build.model(build.op("SignalFilterBankLog", [x], (64,), Type.INT16, **options))


def _loud(shape: Sequence[int], dtype: Any) -> list[Array]:
    """Square waves of full scale, of many periods."""
    ends = np.iinfo(dtype)
    time = np.arange(shape[-1])
    waves = [time // half % 2 == 0 for half in range(1, 40)]
    return [np.where(wave, ends.max, ends.min).astype(dtype).reshape(shape) for wave in waves]


def _quiet(shape: Sequence[int], dtype: Any) -> list[Array]:
    """Silence, one sample that is not, and what follows on the lowest number."""
    rng, found = np.random.default_rng(1), [np.zeros(shape, dtype)]
    for value in (1, -1, -2, 255, 256, -256, 32767, -32768):
        one = np.zeros(shape, dtype)
        one[rng.integers(shape[0])] = value
        found += [one, np.minimum.accumulate(one), np.sort(rng.permutation(one))]
    return found


def _magnitudes(shape: Sequence[int], dtype: Any) -> list[Array]:
    """All powers of two and their neighbours."""
    powers = np.uint64(1) << np.arange(32, dtype=np.uint64)
    near = np.concatenate([powers, powers - np.uint64(1)])
    return [near.astype(dtype).reshape(shape), (near + np.uint64(1)).astype(dtype).reshape(shape)]


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (_rfft(Type.INT16, 7), _loud),
        (_rfft(Type.INT32, 2), _loud),
        (_auto_scale(), _quiet),
        (_auto_scale(), _loud),
        (_log(65536 * 3), _magnitudes),
        (_log((1 << 31) - 1), _magnitudes),
    ],
)
def test_signal_at_the_edges_equals_tflm(
    model: Model, values: Callable[..., list[Array]], runner: Runner
) -> None:
    data, (x,) = dump(model), model.main.inputs
    inputs = values(x.shape, x.type.dtype)
    judge = Judge(data)
    expected = b"".join(a.tobytes() for value in inputs for a in judge.run([value]))
    assert runner.run(data, [[value] for value in inputs]).outputs == expected
