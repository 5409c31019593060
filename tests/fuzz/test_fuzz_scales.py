"""Scales whose ratio another rounding would make another multiplier: every engine rounds as TFLM.

TFLM multiplies and divides scales in double. Rounded to float between, 1 in 500 of the 16-bit
multipliers of int16 sums is another one, and some ties of the 32-bit ones fall to the other side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from tinydeploy.fuzz.cases import Case
from tinydeploy.fuzz.compare import difference
from tinydeploy.fuzz.engines import Compiled, Interpreter
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Array, Model, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge

Rng = np.random.Generator
Made = tuple[Model, list[Array]]
FEW, MANY = 12, 80  # models of an operator: most show the difference, or one in 20


def _scales(rng: Rng, count: int, low: float = -9, high: float = -3) -> list[np.float32]:
    return [np.float32(2.0 ** rng.uniform(low, high)) for _ in range(count)]


def _mantissa(real: float, bits: int) -> int:
    return round(math.frexp(real)[0] * (1 << bits))


def _apart(in_float: np.float32, in_double: float, bits: int = 31) -> bool:
    """Whether the two are so different that results show it."""
    most = 60 if bits == 31 else 0
    return abs(_mantissa(float(in_float), bits) - _mantissa(in_double, bits)) > most


def _until_apart(rng: Rng, ratio: Callable[..., tuple[np.float32, float]], count: int, bits: int,
                 low: float = -9, high: float = -3) -> list[float]:  # fmt: skip
    while True:
        scales = _scales(rng, count, low, high)
        if _apart(*ratio(*scales), bits):
            return [float(scale) for scale in scales]


def _product(a: np.float32, b: np.float32, out: np.float32) -> tuple[np.float32, float]:
    return np.float32(a * b) / out, float(a) * float(b) / float(out)


def _fully_connected(rng: Rng) -> Made:
    a, b, out = _until_apart(rng, _product, 3, 15, -14, -8)
    build = Builder()
    x = build.input((1, 1), Type.INT16, per_tensor(a, 0))
    weights = build.constant(np.ones((40, 1), np.int8), Type.INT8, per_tensor(b, 0))
    sums = (rng.uniform(-30000, 30000, 40) / (a * b / out)).astype(np.int64)
    bias = build.constant(sums, Type.INT64, per_tensor(a * b, 0))
    y = build.op(
        "FULLY_CONNECTED", [x, weights, bias], (1, 40), Type.INT16, per_tensor(out, 0),
        fused_activation_function="NONE",
    )  # fmt: skip
    return build.model(y), [np.zeros((1, 1), np.int16)]


def _batch_matmul(rng: Rng) -> Made:
    a, b, out = _until_apart(rng, _product, 3, 15, -14, -8)
    build = Builder()
    left = build.input((1, 30, 2), Type.INT16, per_tensor(a, 0))
    right = build.input((1, 2, 30), Type.INT16, per_tensor(b, 0))
    y = build.op("BATCH_MATMUL", [left, right], (1, 30, 30), Type.INT16, per_tensor(out, 0))
    reach = min(32767, int(math.sqrt(15000 / (a * b / out))))
    inputs = [rng.integers(-reach, reach + 1, x.shape).astype(np.int16) for x in (left, right)]
    return build.model(y), inputs


def _svdf(rng: Rng) -> Made:
    while True:
        a, b, state = _until_apart(rng, lambda a, b, s: _product(a, b, s / 256), 3, 31)
        state = float(np.float32(state / 256))
        weights = rng.integers(-127, 128, (200, 16)).astype(np.int8)
        x = rng.integers(-128, 128, (1, 16)).astype(np.int8)
        near = np.round((weights.astype(int) @ x[0]) * (a * b / state))
        if np.abs(near).max() < 32767:
            break
    build = Builder()
    inputs = [
        build.input(x.shape, Type.INT8, per_tensor(a, 0)),
        build.constant(weights, Type.INT8, per_tensor(b, 0)),
        build.constant(np.ones((200, 1), np.int16), Type.INT16, per_tensor(1 / 64, 0)),
        build.constant(-near.astype(np.int32), Type.INT32, per_tensor(state / 64, 0)),
        build.variable((1, 200), Type.INT16, per_tensor(state, 0)),
    ]
    y = build.op(
        "SVDF", inputs, (1, 200), Type.INT8, per_tensor(state / 64, 0), rank=1,
        fused_activation_function="RELU",
    )  # fmt: skip
    return build.model(y), [x]


def _div(rng: Rng) -> Made:
    def ratio(a: np.float32, b: np.float32, out: np.float32) -> tuple[np.float32, float]:
        return a / np.float32(b * out), float(a) / (float(b) * float(out))

    a, b, out = _until_apart(rng, ratio, 3, 31)
    above, below = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128))
    below[below == 5] = 6
    inputs = [x.astype(np.int8)[None] for x in (above, below)]
    build = Builder()
    operands = [
        build.input((1, 256, 256), Type.INT8, per_tensor(scale, zero))
        for scale, zero in ((a, 0), (b, 5))
    ]
    y = build.op(
        "DIV", operands, (1, 256, 256), Type.INT8, per_tensor(out, -3),
        fused_activation_function="NONE",
    )  # fmt: skip
    return build.model(y), inputs


def _every(code: str, kind: Type, scale: float, out: float, **options: float) -> Made:
    info = np.iinfo(kind.dtype)
    every = np.arange(info.min, info.max + 1).astype(kind.dtype).reshape(1, -1)
    build = Builder()
    x = build.input(every.shape, kind, per_tensor(scale, 0))
    y = build.op(code, [x], every.shape, kind, per_tensor(out, 0), **options)
    return build.model(y), [every]


def _hard_swish(rng: Rng) -> Made:
    def ratio(a: np.float32, out: np.float32) -> tuple[np.float32, float]:
        return np.float32(a / 128) / out, float(a) / 128 / float(out)

    return _every("HARD_SWISH", Type.INT8, *_until_apart(rng, ratio, 2, 15))


def _hard_swish_of_tiny_inputs(rng: Rng) -> Made:
    return _every("HARD_SWISH", Type.INT8, 2.0 ** -rng.uniform(9, 12), 2.0 ** rng.uniform(-1, 2))


def _abs(rng: Rng) -> Made:
    def ratio(a: np.float32, out: np.float32) -> tuple[np.float32, float]:
        return a / out, float(a) / float(out)

    return _every("ABS", Type.INT16, *_until_apart(rng, ratio, 2, 31))


def _softmax(rng: Rng) -> Made:
    def ratio(a: np.float32, beta: np.float32) -> tuple[np.float32, float]:
        return np.float32(a * beta), float(a) * float(beta)

    scale, beta = _until_apart(rng, ratio, 2, 31, -13, -10)
    lower = np.arange(-32768, 32768, 5, dtype=np.int16)
    pairs = np.stack([np.full_like(lower, 32767), lower], axis=-1)
    build = Builder()
    x = build.input(pairs.shape, Type.INT16, per_tensor(scale, 0))
    y = build.op("SOFTMAX", [x], x.shape, Type.INT16, per_tensor(1 / 32768, 0), beta=beta * 512)
    return build.model(y), [pairs]


def _lstm(rng: Rng) -> Made:
    """Sums of all sizes: one of 500 multipliers shows in one of 20 sums."""
    a, b, _ = _until_apart(rng, lambda a, b, c: _product(a, b, np.float32(2**-12)), 3, 15, -14, -8)
    units, build, quant = 40, Builder(), per_tensor(b, 0)
    x = build.input((1, 8, 1), Type.INT16, per_tensor(a, 0))
    own = [build.constant(np.full((units, 1), 2, np.int8), Type.INT8, quant) for _ in range(4)]
    past = [build.constant(np.zeros((units, units), np.int8), Type.INT8, quant) for _ in range(4)]
    sums = [(rng.uniform(-6000, 6000, units) / (a * b * 4096)).astype(np.int64) for _ in range(4)]
    biases = [build.constant(sum_, Type.INT64, per_tensor(a * b, 0)) for sum_ in sums]
    states = [
        build.variable((1, units), Type.INT16, per_tensor(scale, 0)) for scale in (2**-15, 2**-11)
    ]
    none = [None] * 3
    inputs = [x, *own, *past, *none, *biases, None, None, *states, *none, None]
    y = build.op(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, (1, 8, units), Type.INT16, per_tensor(2**-15, 0),
        fused_activation_function="TANH", cell_clip=0.0, proj_clip=0.0, time_major=False,
    )  # fmt: skip
    return build.model(y), [rng.integers(-99, 100, x.shape).astype(np.int16)]


MAKERS = {
    **dict.fromkeys((_fully_connected, _batch_matmul, _abs, _softmax, _lstm), FEW),
    **dict.fromkeys((_svdf, _div, _hard_swish), MANY),
    _hard_swish_of_tiny_inputs: FEW,
}


def _cases(make: Callable[[Rng], Made], count: int) -> Iterator[Case]:
    for number in range(count):
        model, inputs = make(np.random.default_rng(number))
        yield Case(number, "", model.main.ops[0].name, model, dump(model), [inputs])


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: str(make.__name__).strip("_"))
def test_the_interpreter_rounds_scales_as_tflm(make: Callable[[Rng], Made]) -> None:
    cases = list(_cases(make, MAKERS[make]))
    interpreter = Interpreter("host")
    try:
        outcomes = interpreter.run(cases)
    finally:
        interpreter.close()
    for case, outcome in zip(cases, outcomes, strict=True):
        assert outcome.outputs is not None, outcome
        assert difference(case, outcome.outputs, [Judge(case.data).run(case.inputs[0])]) == ""


def test_the_compiled_engine_rounds_scales_as_tflm() -> None:
    cases = [case for make in MAKERS for case in _cases(make, 4)]
    for case, outcome in zip(cases, Compiled("host").run(cases), strict=True):
        assert outcome.outputs is not None, outcome
        expected = [Judge(case.data).run(case.inputs[0])]
        assert difference(case, outcome.outputs, expected) == "", case.label
