"""What campaigns found once, by hand and small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from tinydeploy.fuzz.build import host_runner
from tinydeploy.fuzz.cases import Case
from tinydeploy.fuzz.compare import difference
from tinydeploy.fuzz.engines import Compiled, Engine, Interpreter
from tinydeploy.fuzz.runner import HostRunner
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Array, Model, Op, Quantization, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge

NEAR = 2.0**0.0009  # TFLM takes scales less than 1/1000 of an octave from some powers for these


@pytest.fixture(scope="module")
def interpreter() -> Iterator[Engine]:
    engine = Interpreter("host")
    yield engine
    engine.close()


def _differs(engine: Engine, model: Model, inputs: Sequence[Array]) -> str:
    """How `engine` differs from TFLM, "" if it does not."""
    data = dump(model)
    expected = [Judge(data).run(inputs)]
    case = Case(0, "", model.main.ops[0].name, model, data, [list(inputs)])
    (outcome,) = engine.run([case])
    assert outcome.outputs is not None, outcome
    return difference(case, outcome.outputs, expected)


def _unary(code: str, kind: Type, scale: float, result: tuple[float, int], count: int) -> Model:
    build = Builder()
    x = build.input((count,), kind, per_tensor(float(np.float32(scale)), 0))
    return build.model(build.op(code, [x], x.shape, kind, per_tensor(*result)))


@pytest.mark.parametrize("scale", [4.0, 7.99, 8.0, 16.0, 44.8, 1e6])
@pytest.mark.parametrize(
    ("code", "result"), [("TANH", (1 / 128, 0)), ("LOGISTIC", (1 / 256, -128))]
)
def test_sigmoids_of_coarse_steps(
    interpreter: Engine, code: str, result: tuple[float, int], scale: float
) -> None:
    every = np.arange(-128, 128, dtype=np.int8)
    assert _differs(interpreter, _unary(code, Type.INT8, scale, result, 256), [every]) == ""


@pytest.mark.parametrize("power", [-40, -33, -32, -31, -8, 0, 8, 21, 22, 23, 24, 27, 29])
def test_quotients_of_any_scale(interpreter: Engine, power: int) -> None:
    """Shifts below none and above 63, by each divisor and dividend."""
    above, below = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128))
    below[below == 5] = 6  # of the zero point
    inputs = [x.astype(np.int8)[None] for x in (above, below)]
    build = Builder()
    scale = float(np.float32(1.37 * 2.0 ** (power / 2)))
    a = build.input((1, 256, 256), Type.INT8, per_tensor(scale, -3))
    b = build.input((1, 256, 256), Type.INT8, per_tensor(float(np.float32(2.0 ** (-power / 2))), 5))
    y = build.op(
        "DIV", [a, b], a.shape, Type.INT8, per_tensor(0.75, 7), fused_activation_function="NONE"
    )
    assert _differs(interpreter, build.model(y), inputs) == ""


@pytest.mark.parametrize("scale", [15.9, 31.9, 32.0, 52.7, 1e6])
def test_log_softmax_of_coarse_steps(interpreter: Engine, scale: float) -> None:
    """From 32 on differences are more than fixed point holds: all but the largest are the least."""
    build = Builder()
    x = build.input((2, 3), Type.INT8, per_tensor(float(np.float32(scale)), -128))
    y = build.op("LOG_SOFTMAX", [x], x.shape, Type.INT8, per_tensor(1 / 16, 127))
    rows = np.array([[127, -128, 127], [4, 4, 5]], np.int8)
    assert _differs(interpreter, build.model(y), [rows]) == ""


@pytest.mark.parametrize("factor", [1, NEAR, 1 / NEAR, 1.001, 1 / 1.001])
@pytest.mark.parametrize("power", [2.0**-10, 2.0**-11, 2.0**-12, 2.0**-13])
@pytest.mark.parametrize("code", ["TANH", "LOGISTIC"])
def test_int16_sigmoids_of_scales_that_are_nearly_powers_of_two(
    interpreter: Engine, code: str, power: float, factor: float
) -> None:
    some = np.arange(-32768, 32768, 17, dtype=np.int16)
    model = _unary(code, Type.INT16, power * factor, (1 / 32768, 0), some.size)
    assert _differs(interpreter, model, [some]) == ""


@pytest.mark.parametrize("size", [4095, 4096, 4097, 5000, 8191, 8192, 8193, 16384])
def test_rows_whose_sum_wraps(interpreter: Engine, size: int) -> None:
    """4096 equals: the sum of their exponentials has 12 integer bits. TFLM wraps it."""
    build = Builder()
    x = build.input((2, size), Type.INT8, per_tensor(0.1, 0))
    model = build.model(build.op("LOG_SOFTMAX", [x], x.shape, Type.INT8, per_tensor(1 / 16, 127)))
    some = np.stack([np.zeros(size, np.int8), (np.arange(size) % 3).astype(np.int8)])
    assert _differs(interpreter, model, [some]) == ""


def test_compiled_difference_of_a_tensor_and_itself() -> None:
    build = Builder()
    x = build.input((5,), Type.INT8, per_tensor(1 / 256, -128))
    y = build.op("SUB", [x, x], x.shape, Type.INT8, per_tensor(0.003, 97))  # finer than its inputs
    some = np.array([-128, -1, 0, 5, 127], np.int8)
    assert _differs(Compiled("host"), build.model(y), [some]) == ""


@pytest.mark.parametrize(("height", "width"), [(10, 4), (3, 1), (2, 1), (1, 4)])
@pytest.mark.parametrize("taps", [2, 4])
def test_compiled_depthwise_of_whole_rows_padded_at_the_end(
    height: int, width: int, taps: int
) -> None:
    """An even kernel has a row of padding less in front than behind: with two, none in front."""
    rng, build = np.random.default_rng(1), Builder()
    x = build.input((1, height, width, 4), Type.INT8, per_tensor(0.01, 3))
    scales = Quantization(np.full(4, 0.01, np.float32), np.zeros(4, np.int64), 3)
    factors = rng.integers(-127, 128, (1, taps, width, 4)).astype(np.int8)
    bias = build.constant(np.arange(4, dtype=np.int32), Type.INT32, per_tensor(1e-4, 0))
    y = build.op(
        "DEPTHWISE_CONV_2D", [x, build.constant(factors, Type.INT8, scales), bias],
        (1, height, 1, 4), Type.INT8, per_tensor(0.02, -5), padding="SAME", stride_h=1,
        stride_w=width, depth_multiplier=1, dilation_h_factor=1, dilation_w_factor=1,
        fused_activation_function="NONE",
    )  # fmt: skip
    some = rng.integers(-128, 128, x.shape).astype(np.int8)
    assert _differs(Compiled("host"), build.model(y), [some]) == ""


def test_a_message_is_text_whatever_the_model_says() -> None:
    build = Builder()
    x = build.input((5,), Type.FLOAT32)
    op = Op("CUSTOM", [x], [build.tensor((5,), Type.FLOAT32)], custom_code="Unknown~Kernel")
    build.subgraph.ops.append(op)
    data = dump(build.model(*op.outputs)).replace(b"Unknown~", b"\xff\x00\n\xe2\x82wn~")
    runner = HostRunner(host_runner())
    reason = runner.run(data).reason
    runner.close()
    assert reason == "custom operator ?????wn~Kernel is not in the op resolver"


def test_an_operator_without_outputs_is_refused_with_its_types() -> None:
    build = Builder()
    x = build.input((4,), Type.INT8, per_tensor(1.0, 0))
    build.ops("ASSIGN_VARIABLE", [x, x], [])  # x is no handle
    y = build.op("RELU", [x], (4,), Type.INT8, per_tensor(1.0, 0))
    runner = HostRunner(host_runner())
    reply = runner.run(dump(build.model(y)))
    runner.close()
    assert reply.reason == "types INT8 x INT8 -> nothing are not supported"


def test_a_scale_beyond_all_numbers_is_refused() -> None:
    """Found by `fuzz guided model`: 3e24 was cast to an int."""
    draft = Builder()
    x = draft.input((1, 4), Type.INT16, per_tensor(1e21, 0))
    y = draft.op("LOGISTIC", [x], (1, 4), Type.INT16, per_tensor(1 / 32768, 0))
    runner = HostRunner(host_runner())
    reply = runner.run(dump(draft.model(y)), [[]])
    runner.close()
    assert not reply.ok
    assert reply.reason


def test_a_factor_beyond_all_sums_is_defined() -> None:
    """Found by `fuzz guided model`: int16 sums times 2^17 were shifted by -2."""
    draft = Builder()
    x = draft.input((1, 4), Type.INT16, per_tensor(131072.0, 0))
    weights = draft.constant(np.ones((1, 4), np.int8), quantization=per_tensor(1.0, 0))
    y = draft.op("FULLY_CONNECTED", [x, weights, None], (1, 1), Type.INT16, per_tensor(1.0, 0))
    runner = HostRunner(host_runner())
    reply = runner.run(dump(draft.model(y)), [[np.full((1, 4), 7, np.int16)]])
    runner.close()
    assert reply.ok
