"""The table of type combinations against the kernels: what it says runs is accepted, no more."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tinydeploy.config import ROOT
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Quantization, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.ops.types import SUPPORTED, signature

FIRMWARE_TESTS = ROOT / "tests/firmware"
TYPES = [Type.FLOAT32, Type.INT8, Type.INT16, Type.UINT8, Type.INT32, Type.INT64, Type.BOOL]
_BIAS = {Type.FLOAT32: Type.FLOAT32, Type.INT16: Type.INT64}
_WINDOW = {"padding": "SAME", "stride_w": 1, "stride_h": 1}
_POOL = {"filter_width": 2, "filter_height": 2, **_WINDOW}


def _quantization(kind: Type, scale: float = 1.0, zero_point: int = 0) -> Quantization | None:
    return None if kind.is_float or kind is Type.BOOL else per_tensor(scale, zero_point)


def _weighted(code: str, shape: tuple[int, ...], out: tuple[int, ...], **options: Any) -> Any:
    def make(data: Type, weights: Type, result: Type) -> Model:
        build = Builder()
        x = build.input((1, 4, 4, 2), data, _quantization(data))
        w = build.constant(np.ones(shape, weights.dtype), weights, _quantization(weights))
        kind = _BIAS.get(data, Type.INT32)
        bias = build.constant(np.zeros(2, kind.dtype), kind, _quantization(kind))
        y = build.op(code, [x, w, bias], out, result, _quantization(result), **options)
        return build.model(y)

    return make


def _plain(
    code: str, out: tuple[int, ...] = (1, 4, 4, 2), *, constant: Any = None, **more: Any
) -> Any:
    def make(data: Type, weights: Type, result: Type) -> Model:
        build = Builder()
        x = build.input((1, 4, 4, 2), data, _quantization(data))
        inputs = [x] if constant is None else [x, build.constant(np.array(constant, np.int32))]
        scale = (1 / 256, -128) if (code, result) in _FIXED else (1.0, 0)
        scale = (1 / 32768, 0) if (code, result) in _FIXED_16 else scale
        y = build.op(code, inputs, out, result, _quantization(result, *scale), **more)
        return build.model(y)

    return make


# TFLite fixes the range of these results.
_FIXED = {("SOFTMAX", Type.INT8), ("LOGISTIC", Type.INT8)}
_FIXED_16 = {("SOFTMAX", Type.INT16), ("LOGISTIC", Type.INT16)}


def _binary(code: str) -> Any:
    def make(data: Type, weights: Type, result: Type) -> Model:
        build = Builder()
        x = build.input((1, 4, 4, 2), data, _quantization(data))
        y = build.input((1, 4, 4, 2), data, _quantization(data))
        return build.model(
            build.op(
                code, [x, y], (1, 4, 4, 2), result, _quantization(result), pot_scale_int16=False
            )
        )

    return make


MODELS: dict[str, Callable[[Type, Type, Type], Model]] = {
    "ADD": _binary("ADD"),
    "AVERAGE_POOL_2D": _plain("AVERAGE_POOL_2D", **_POOL),
    "CONV_2D": _weighted("CONV_2D", (2, 3, 3, 2), (1, 4, 4, 2), **_WINDOW),
    "DEPTHWISE_CONV_2D": _weighted(
        "DEPTHWISE_CONV_2D", (1, 3, 3, 2), (1, 4, 4, 2), depth_multiplier=1, **_WINDOW
    ),
    "DEQUANTIZE": _plain("DEQUANTIZE"),
    "FULLY_CONNECTED": _weighted("FULLY_CONNECTED", (2, 32), (1, 2)),
    "LOGISTIC": _plain("LOGISTIC"),
    "MAX_POOL_2D": _plain("MAX_POOL_2D", **_POOL),
    "MEAN": _plain("MEAN", (1, 2), constant=[1, 2]),
    "QUANTIZE": _plain("QUANTIZE"),
    "RELU": _plain("RELU"),
    "RELU6": _plain("RELU6"),
    "RESHAPE": _plain("RESHAPE", (1, 32), constant=[1, 32]),
    "SOFTMAX": _plain("SOFTMAX", beta=1.0),
}
_HAS_WEIGHTS = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
_OTHER_RESULT = {"DEQUANTIZE", "QUANTIZE", "SOFTMAX"}


def _combinations(code: str) -> Iterator[tuple[Type, Type, Type]]:
    weights = [Type.FLOAT32, Type.INT8, Type.INT16] if code in _HAS_WEIGHTS else [Type.INT8]
    for data, weight in itertools.product(TYPES, weights):
        for result in TYPES if code in _OTHER_RESULT else [data]:
            yield data, weight, result


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"firmware_{name}", FIRMWARE_TESTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def runner() -> Iterator[Any]:
    if not (FIRMWARE_TESTS / "host_build.py").is_file():
        pytest.skip("no host build of the firmware here")
    runner = _module("runner").Runner(_module("host_build").zig_runner_32())
    yield runner
    runner.close()


def test_every_operator_has_a_model_here() -> None:
    assert set(SUPPORTED) <= set(MODELS)


@pytest.mark.parametrize("code", sorted(SUPPORTED))
def test_table_says_what_the_kernels_take(runner: Any, code: str) -> None:
    accepted = set()
    for combination in _combinations(code):
        model = MODELS[code](*combination)
        if runner.run(dump(model)).ok:
            accepted.add(signature(model.main.ops[0]))
    assert sorted(accepted) == sorted(SUPPORTED[code])
