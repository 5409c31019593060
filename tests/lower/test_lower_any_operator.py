"""Operators without a kernel in firmware/dsp, and rules that random graphs rarely meet: one small
model each, compiled, run on this PC and on the simulated core, against TFLM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from lowered import plan_of
from tinydeploy.fuzz import plans
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Array, Model, Quantization, Tensor, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge
from tinydeploy.lower.plan.ir import Plan
from tinydeploy.lower.rules.interpreter_fallback import kernel_sources

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
    "mirror pad": one(
        "MIRROR_PAD", [((1, 5), I8)], (1, 7), constants=[[[0, 0], [1, 1]]], mode="REFLECT"
    ),
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

MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
JOIN = {"axis": 3, "fused_activation_function": "NONE"}


def moves(kind: Type) -> dict[str, Any]:
    """Operators that move elements of any type."""
    image, border = [(IMAGE, kind)], np.array([7]).astype(kind.dtype)
    made = {
        "transpose": one("TRANSPOSE", image, (3, 1, 4, 6), kind, constants=[[3, 0, 1, 2]]),
        "strided slice": one(
            "STRIDED_SLICE", image, (1, 2, 3, 3), kind,
            constants=[[0, 3, 0, 0], [1, -5, 6, 3], [1, -2, 2, 1]],
            **dict.fromkeys(MASKS, 0), offset=False,
        ),
        "slice": one("SLICE", image, (1, 2, 3, 2), kind, constants=[[0, 1, 2, 1], [1, 2, 3, -1]]),
        "pad": one("PAD", image, (1, 7, 8, 3), kind, constants=[BORDERS]),
        "pad v2": one("PADV2", image, (1, 7, 8, 3), kind, constants=[BORDERS, border]),
        "concatenation": one("CONCATENATION", image * 3, (1, 4, 6, 9), kind, **JOIN),
        "reverse": one("REVERSE_V2", image, IMAGE, kind, constants=[[2, 3]]),
        "broadcast": one("BROADCAST_TO", image, (2, 4, 6, 3), kind, constants=[[2, 4, 6, 3]]),
        "every other": one("GATHER", image, (1, 2, 6, 3), kind, constants=[[1, 3]], axis=1),
        "blocks": one("SPACE_TO_DEPTH", image, (1, 2, 3, 12), kind, block_size=2),
        "nearest": one("RESIZE_NEAREST_NEIGHBOR", image, (1, 8, 18, 3), kind,
                       constants=[[8, 18]], align_corners=False, half_pixel_centers=False),
    }  # fmt: skip
    return {f"{name} of {kind.label}": model for name, model in made.items()}


def _depth_to_space(kind: Type) -> Any:
    return one("DEPTH_TO_SPACE", [((1, 2, 3, 12), kind)], (1, 4, 6, 3), kind, block_size=2)


NOT_BY_TFLM = {
    *("blocks of int16", "every other of int16", "transpose of int32"),
    *("blocks of int32", "every other of int32", "nearest of int32"),
}
MOVES = {
    name: model
    for kind in (I8, I16, I32, F32)
    for name, model in moves(kind).items()
    if name not in NOT_BY_TFLM
}
MOVES |= {f"depth to space of {kind.label}": _depth_to_space(kind) for kind in (I8, F32)}
MODELS = {**INTERPRETED, **RULES, **MOVES}


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
