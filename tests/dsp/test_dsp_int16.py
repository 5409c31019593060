"""Int16 kernels without weights against TFLM: as portable C++ and as Armv7E-M code from both
compilers, with the arguments that the lowering gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tinydeploy.abi import params
from tinydeploy.fuzz.plans import plan_of
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge
from tinydeploy.kernel_lab.cases import Array, Case
from tinydeploy.kernel_lab.harness import CortexM4, Host
from tinydeploy.lower.plan.ir import Constant

Machine = Host | CortexM4


def case_of(model: Model, rng: np.random.Generator) -> Case:
    """The only step of a model, with random inputs and what TFLM makes of them."""
    data = dump(model)
    given = [rng.integers(-32768, 32768, t.shape).astype(np.int16) for t in model.main.inputs]
    [step] = plan_of(data).steps
    tables = [np.array(a.values) for a in step.arguments if isinstance(a, Constant)]
    names = [a for a in step.arguments if isinstance(a, str)]
    reads = [buffer.tensor.name for buffer in step.reads if buffer.tensor]
    order = [[t.name for t in model.main.inputs].index(name) for name in reads]
    packed = params.BY_NAME[step.params_type].pack(**step.params)
    return Case(
        step.function,
        np.frombuffer(packed, np.uint8).copy(),
        given[order[0]],
        np.asarray(Judge(data).run(given)[0]),
        tables,
        second=given[order[1]].reshape(-1) if len(order) > 1 else None,
        extra=tuple(names),
    )


def model_of(
    code: str, shapes: list[tuple[int, ...]], result: tuple[int, ...], scales: list[float],
    *, constants: tuple[Array, ...] = (), **options: Any,
) -> Model:  # fmt: skip
    build = Builder()
    inputs = [
        build.input(shape, Type.INT16, per_tensor(scale, 0))
        for shape, scale in zip(shapes, scales, strict=False)
    ]
    more = [build.constant(values) for values in constants]
    y = build.op(code, [*inputs, *more], result, Type.INT16, per_tensor(scales[-1], 0), **options)
    return build.model(y)


@pytest.mark.parametrize("activation", ["NONE", "RELU", "RELU6"])
@pytest.mark.parametrize("scales", [[1e-3, 7e-4, 1.1e-3], [2e-4, 9e-3, 6e-3], [4e-4] * 3])
@pytest.mark.parametrize("code", ["ADD", "SUB", "MUL"])
@pytest.mark.parametrize("count", [1, 2, 333])
def test_two_tensors(
    count: int, code: str, scales: list[float], activation: str, machine: Machine,
    rng: np.random.Generator,
):  # fmt: skip
    product = scales[0] * scales[1] * 32768 if code == "MUL" else scales[2]
    model = model_of(
        code, [(1, count)] * 2, (1, count), [*scales[:2], product],
        fused_activation_function=activation,
    )  # fmt: skip
    case_of(model, rng).check(machine)


@pytest.mark.parametrize("channels", [1, 2, 7, 16])
@pytest.mark.parametrize("window", [(2, 2, 2), (3, 2, 1), (6, 5, 1)])
@pytest.mark.parametrize("code", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_pools(
    code: str, window: tuple[int, int, int], channels: int, machine: Machine,
    rng: np.random.Generator,
):  # fmt: skip
    height, width, stride = window
    model = model_of(
        code, [(1, 6, 5, channels)], (1, -(-6 // stride), -(-5 // stride), channels), [2e-4] * 2,
        filter_height=height, filter_width=width, stride_h=stride, stride_w=stride, padding="SAME",
        fused_activation_function="RELU6",
    )  # fmt: skip
    case_of(model, rng).check(machine)


@pytest.mark.parametrize("channels", [1, 2, 9])
@pytest.mark.parametrize("scale", [2e-4, 3e-5])
def test_mean(scale: float, channels: int, machine: Machine, rng: np.random.Generator):
    axes = np.array([1, 2], np.int32)
    model = model_of(
        "MEAN", [(1, 20, 15, channels)], (1, channels), [2e-4, scale], constants=(axes,),
        keep_dims=False,
    )  # fmt: skip
    case_of(model, rng).check(machine)


@pytest.mark.parametrize("scale", [3e-6, 1e-4, 1.5e-3, 0.2])
@pytest.mark.parametrize("shape", [(1, 1), (3, 10), (1, 400)])
def test_softmax(shape: tuple[int, int], scale: float, machine: Machine, rng: np.random.Generator):
    case_of(model_of("SOFTMAX", [shape], shape, [scale, 1 / 32768], beta=1.0), rng).check(machine)


def test_a_sum_by_hand(machine: Machine):
    """Of one scale and back to it: 3 + 4 = 7, and what is beyond int16 saturates."""
    model = model_of("ADD", [(1, 4)] * 2, (1, 4), [0.5] * 3, fused_activation_function="NONE")
    case = case_of(model, np.random.default_rng(0))
    case.input = np.array([3, -3, 32767, -32768], np.int16)
    case.second = np.array([4, 5, 1, -1], np.int16)
    case.expected = np.array([7, 2, 32767, -32768], np.int16)
    case.check(machine)


@pytest.mark.parametrize(("code", "cycles_an_element"), [("ADD", 15.5), ("SUB", 29), ("MUL", 17.5)])
def test_cycles_an_element(code: str, cycles_an_element: float, cortex_m4: CortexM4):
    """An addition as the models have it: with RELU."""
    model = model_of(
        code, [(1, 2000)] * 2, (1, 2000), [1e-3, 7e-4, 1.1e-3], fused_activation_function="RELU"
    )
    case_of(model, np.random.default_rng(0)).check(cortex_m4)
    assert cortex_m4.cycles / 2000 < cycles_an_element


def test_cycles_of_a_max_pool(cortex_m4: CortexM4):
    model = model_of(
        "MAX_POOL_2D", [(1, 16, 16, 16)], (1, 8, 8, 16), [2e-4] * 2, filter_height=2,
        filter_width=2, stride_h=2, stride_w=2, padding="VALID", fused_activation_function="NONE",
    )  # fmt: skip
    case_of(model, np.random.default_rng(0)).check(cortex_m4)
    assert cortex_m4.cycles / 4096 < 7
