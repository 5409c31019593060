"""Operators without a kernel in firmware/dsp, and rules that random graphs rarely meet: one small
model each, compiled, run on this PC and on the simulated core, against TFLM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from conftest import plan_of
from tinydeploy.fuzz import plans
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Array, Model, Quantization, Tensor, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge
from tinydeploy.lower.interpreted import kernel_sources
from tinydeploy.lower.plan import Plan

Q = per_tensor(0.05, -3)
IMAGE = (1, 4, 6, 3)
BY_CHANNEL = np.array([5, -9, 0], np.int8)
BORDERS = [[0, 0], [1, 2], [2, 0], [0, 0]]
I8, I16, I32, F32, BOOL = Type.INT8, Type.INT16, Type.INT32, Type.FLOAT32, Type.BOOL
Given = Sequence[tuple[tuple[int, ...], Type]]


def one(
    code: str,
    given: Given,
    out: tuple[int, ...],
    kind: Type = I8,
    quantization: Quantization | None = Q,
    constants: Sequence[Any] = (),
    **options: Any,
) -> Callable[[], Model]:
    """A model of one operator: inputs, then constants."""

    def make() -> Model:
        build = Builder()
        inputs = [build.input(shape, t, Q if t is I8 else None) for shape, t in given]
        more = [_constant(build, value) for value in constants]
        output = quantization if kind is I8 else None
        return build.model(build.op(code, [*inputs, *more], out, kind, output, **options))

    return make


def _constant(build: Builder, value: Any) -> Tensor:
    array = np.asarray(value, np.int32 if not isinstance(value, np.ndarray) else value.dtype)
    return build.constant(array, quantization=Q if array.dtype == np.int8 else None)


def several(code: str, given: tuple[int, ...], constants: Sequence[Any], **options: Any) -> Any:
    """A model of one operator with two outputs: columns 0-1 and 2-5, or the rows of UNPACK."""

    def make() -> Model:
        build = Builder()
        x = build.input(given, I8, Q)
        shapes = [given[1:]] * 2 if code == "UNPACK" else [(*given[:-1], n) for n in (2, 4)]
        outputs = [build.tensor(shape, I8, Q) for shape in shapes]
        build.ops(code, [x, *(_constant(build, value) for value in constants)], outputs, **options)
        return build.model(*outputs)

    return make


def outer_product() -> Model:
    build = Builder()
    a, b = build.input((1, 3, 1), I8, Q), build.input((1, 1, 5), I8, Q)
    return build.model(build.op("MUL", [a, b], (1, 3, 5), I8, Q))


def different_scales() -> Model:
    build = Builder()
    a, b = build.input((1, 3), I8, Q), build.input((1, 3), I8, per_tensor(0.07, 0))
    sums = build.op("ADD", [a, b], (1, 3), I8, Q)
    return build.model(build.op("CONCATENATION", [a, sums], (1, 6), I8, Q, axis=1))


def weights_from_the_input() -> Model:
    build = Builder()
    x, w = build.input((1, 4), I8, Q), build.input((3, 4), I8, per_tensor(0.1, 0))
    return build.model(build.op("FULLY_CONNECTED", [x, w, None], (1, 3), I8, Q))


INTERPRETED = {
    "float": one("RELU", [((1, 5), F32)], (1, 5), F32),
    "quantize": one("QUANTIZE", [((1, 5), F32)], (1, 5)),
    "dequantize": one("DEQUANTIZE", [((1, 5), I8)], (1, 5), F32),
    "cast": one("CAST", [((1, 5), I32)], (1, 5), F32),
    "comparison": one("GREATER", [((1, 5), I8), ((1, 5), I8)], (1, 5), BOOL),
    "gather": one("GATHER", [((1, 5), I8)], (1, 3), constants=[[4, 0, 2]], axis=1),
    "batch matmul": one("BATCH_MATMUL", [((1, 2, 3), I8), ((1, 3, 4), I8)], (1, 2, 4)),
    "resize": one("RESIZE_BILINEAR", [(IMAGE, I8)], (1, 7, 5, 3), constants=[[7, 5]]),
    "transpose of floats": one("TRANSPOSE", [((2, 3), F32)], (3, 2), F32, constants=[[1, 0]]),
    "sum": one("SUM", [(IMAGE, I8)], (1, 3), constants=[[1, 2]], keep_dims=False),
    "l2": one("L2_NORMALIZATION", [((1, 5), I8)], (1, 5), quantization=per_tensor(1 / 128, 0)),
    "log softmax": one("LOG_SOFTMAX", [((1, 5), I8)], (1, 5), quantization=per_tensor(1 / 16, 127)),
    "outer product": outer_product,
    "weights from the input": weights_from_the_input,
}
RULES = {
    "maximum": one("MAXIMUM", [(IMAGE, I8), (IMAGE, I8)], IMAGE),
    "minimum by channel": one("MINIMUM", [(IMAGE, I8)], IMAGE, constants=[BY_CHANNEL]),
    "pack": one("PACK", [((2, 3), I8), ((2, 3), I8)], (2, 2, 3), axis=1, values_count=2),
    "unpack": several("UNPACK", (2, 3, 5), [], axis=0, num=2),
    "split v": several("SPLIT_V", (2, 6), [[2, 4], 1], num_splits=2),
    "slice": one("SLICE", [(IMAGE, I8)], (1, 2, 3, 2), constants=[[0, 1, 2, 1], [1, 2, 3, 2]]),
    "pad v2": one(
        "PADV2", [(IMAGE, I8)], (1, 7, 8, 3), constants=[BORDERS, np.array([9], np.int8)]
    ),
    "different scales": different_scales,
}
MODELS = {**INTERPRETED, **RULES}


def _inputs(model: Model) -> list[Array]:
    rng = np.random.default_rng(5)
    made = []
    for tensor in model.main.inputs:
        wide = rng.uniform(-9, 9, tensor.shape) if tensor.type.is_float else None
        value = rng.integers(-128, 128, tensor.shape) if wide is None else wide
        made.append(value.astype(tensor.type.dtype))
    return made


@pytest.fixture(scope="module")
def made() -> dict[str, tuple[Plan, list[Array], bytes]]:
    """For each model the plan, inputs, and the bytes that TFLM answers."""
    found = {}
    for name, make in MODELS.items():
        model = make()
        data, inputs = dump(model), _inputs(model)
        answer = Judge(data).run(inputs)
        found[name] = plan_of(data), inputs, b"".join(value.tobytes() for value in answer)
    return found


@pytest.fixture(scope="module", params=[plans.HostPlans, plans.CortexM4Plans])
def machine(
    request: pytest.FixtureRequest, made: Any, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    machine = request.param([plan for plan, _, _ in made.values()], tmp_path_factory.mktemp("any"))
    yield machine
    machine.close()


@pytest.mark.parametrize("name", MODELS)
def test_equals_tflm(made: Any, machine: Any, name: str) -> None:
    plan, inputs, expected = made[name]
    assert plans.run(machine, list(MODELS).index(name), plan, [inputs]) == expected


@pytest.mark.parametrize("name", MODELS)
def test_which_kernel(made: Any, name: str) -> None:
    plan = made[name][0]
    assert any(step.kernel for step in plan.steps) == (name in INTERPRETED)


def test_a_file_for_each_source_of_kernels(made: Any) -> None:
    steps = [*made["gather"][0].steps, *made["cast"][0].steps, *made["maximum"][0].steps]
    sources = kernel_sources(steps)
    assert list(sources) == ["kernel_layout_gather.cc", "kernel_maths_cast.cc"]
    assert "= EvalGather;" in sources["kernel_layout_gather.cc"]
