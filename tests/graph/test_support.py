"""What the tables say of the kernels against the kernels: types they take, RAM they keep."""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tinydeploy import arena
from tinydeploy.config import ROOT
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Quantization, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.ops.persistent import KERNELS
from tinydeploy.ops.types import ANY, SUPPORTED, signature

FIRMWARE_TESTS = ROOT / "tests/firmware"
Make = Callable[[Type, Type, Type], Model]  # of data, weights and result
TYPES = [Type.FLOAT32, Type.INT8, Type.INT16, Type.UINT8, Type.INT32, Type.INT64, Type.BOOL]
_BIAS = {Type.FLOAT32: Type.FLOAT32, Type.INT16: Type.INT64}
_WINDOW = {"padding": "SAME", "stride_w": 1, "stride_h": 1}
_POOL = {"filter_width": 2, "filter_height": 2, **_WINDOW}
_SHAPE = (1, 4, 4, 2)

# Results whose scale and zero point TFLite fixes.
_FIXED_RANGES = {
    ("SOFTMAX", Type.INT8): (1 / 256, -128),
    ("SOFTMAX", Type.INT16): (1 / 32768, 0),
    ("LOG_SOFTMAX", Type.INT8): (16 / 256, 127),
    ("LOGISTIC", Type.INT8): (1 / 256, -128),
    ("LOGISTIC", Type.INT16): (1 / 32768, 0),
    ("TANH", Type.INT8): (1 / 128, 0),
    ("TANH", Type.INT16): (1 / 32768, 0),
    ("L2_NORMALIZATION", Type.INT8): (1 / 128, 0),
}


def _quantization(kind: Type, code: str = "") -> Quantization | None:
    if kind.is_float or kind is Type.BOOL:
        return None
    return per_tensor(*_FIXED_RANGES.get((code, kind), (1.0, 0)))


def _weighted(code: str, shape: tuple[int, ...], out: tuple[int, ...], **options: Any) -> Make:
    def make(data: Type, weights: Type, result: Type) -> Model:
        build = Builder()
        x = build.input(_SHAPE, data, _quantization(data))
        w = build.constant(np.ones(shape, weights.dtype), weights, _quantization(weights))
        kind = _BIAS.get(data, Type.INT32)
        bias = build.constant(np.zeros(2, kind.dtype), kind, _quantization(kind))
        y = build.op(code, [x, w, bias], out, result, _quantization(result), **options)
        return build.model(y)

    return make


def _plain(
    code: str, out: tuple[int, ...] = _SHAPE, *, constants: Sequence[Any] = (), **options: Any
) -> Make:
    """One input, then int32 constants."""

    def make(data: Type, weights: Type, result: Type) -> Model:
        build = Builder()
        x = build.input(_SHAPE, data, _quantization(data))
        more = [build.constant(np.array(values, np.int32)) for values in constants]
        y = build.op(code, [x, *more], out, result, _quantization(result, code), **options)
        return build.model(y)

    return make


def _several(code: str, count: int = 2, **options: Any) -> Make:
    """Inputs of the same shape and type, and such a result."""

    def make(data: Type, weights: Type, result: Type) -> Model:
        build = Builder()
        inputs = [build.input(_SHAPE, data, _quantization(data)) for _ in range(count)]
        y = build.op(code, inputs, _SHAPE, result, _quantization(result), **options)
        return build.model(y)

    return make


def _padded(data: Type, weights: Type, result: Type) -> Model:
    build = Builder()
    x = build.input(_SHAPE, data, _quantization(data))
    pads = build.constant(np.zeros((4, 2), np.int32))
    value = build.constant(np.zeros(1, data.dtype), data, _quantization(data))
    return build.model(build.op("PADV2", [x, pads, value], _SHAPE, result, _quantization(result)))


def _joined(data: Type, weights: Type, result: Type) -> Model:
    build = Builder()
    inputs = [build.input((1, 4, 4, 1), data, _quantization(data)) for _ in range(2)]
    y = build.op("CONCATENATION", inputs, _SHAPE, result, _quantization(result), axis=3)
    return build.model(y)


def _typed(code: str, shapes: Sequence[Any], out: tuple[int, ...], **options: Any) -> Make:
    """An input of the data's type for each shape; a list stands for an int32 constant."""

    def make(data: Type, weights: Type, result: Type) -> Model:
        build = Builder()
        inputs = [
            build.constant(np.array(shape, np.int32))
            if isinstance(shape, list)
            else build.input(shape, data, _quantization(data))
            for shape in shapes
        ]
        y = build.op(code, inputs, out, result, _quantization(result, code), **options)
        return build.model(y)

    return make


def _selected(data: Type, weights: Type, result: Type) -> Model:
    build = Builder()
    inputs = [build.input(_SHAPE, Type.BOOL)]
    inputs += [build.input(_SHAPE, data, _quantization(data)) for _ in range(2)]
    return build.model(build.op("SELECT_V2", inputs, _SHAPE, result, _quantization(result)))


def _looked_up(data: Type, weights: Type, result: Type) -> Model:
    build = Builder()
    ids = build.input((3,), data)
    table = build.input((4, 2), weights, _quantization(weights))
    y = build.op("EMBEDDING_LOOKUP", [ids, table], (3, 2), result, _quantization(result))
    return build.model(y)


def _transposed_conv(data: Type, weights: Type, result: Type) -> Model:
    build = Builder()
    shape = build.constant(np.array(_SHAPE, np.int32))
    w = build.constant(np.ones((2, 3, 3, 2), weights.dtype), weights, _quantization(weights))
    x = build.input(_SHAPE, data, _quantization(data))
    kind = _BIAS.get(data, Type.INT32)
    bias = build.constant(np.zeros(2, kind.dtype), kind, _quantization(kind))
    y = build.op(
        "TRANSPOSE_CONV", [shape, w, x, bias], _SHAPE, result, _quantization(result), **_WINDOW
    )
    return build.model(y)


def _svdf(data: Type, weights: Type, result: Type) -> Model:
    """`weights` are those over time."""
    build = Builder()
    x = build.input((1, 3), data, _quantization(data))
    features = build.constant(np.ones((4, 3), data.dtype), data, _quantization(data))
    times = build.constant(np.ones((4, 2), weights.dtype), weights, _quantization(weights))
    kind = _BIAS.get(data, Type.INT32)
    bias = build.constant(np.zeros(2, kind.dtype), kind, _quantization(kind))
    state = build.variable((1, 8), weights, _quantization(weights))
    inputs = [x, features, times, bias, state]
    return build.model(build.op("SVDF", inputs, (1, 2), result, _quantization(result), rank=2))


def _lstm(data: Type, weights: Type, result: Type) -> Model:
    build = Builder()
    x = build.input((1, 3, 5), data, _quantization(data))

    def constants(*shape: int) -> list[Any]:
        kind = weights if len(shape) > 1 else _BIAS.get(data, Type.INT32)
        values = np.ones(shape, kind.dtype)
        return [build.constant(values, kind, _quantization(kind)) for _ in range(4)]

    own, recurrent, biases = constants(2, 5), constants(2, 2), constants(2)
    hidden = build.variable((1, 2), data, _quantization(data))
    is_float = data is Type.FLOAT32
    cell = build.variable(
        (1, 2), data if is_float else Type.INT16, None if is_float else per_tensor(2**-11, 0)
    )
    inputs = [x, *own, *recurrent, *[None] * 3, *biases, None, None, hidden, cell, *[None] * 4]
    y = build.op(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        inputs,
        (1, 3, 2),
        result,
        _quantization(result),
        fused_activation_function="TANH",
    )
    return build.model(y)


def _signal(
    code: str, shape: tuple[int, ...], *more: Any, tables: Sequence[Any] = (), **options: Any
) -> Make:
    """An input, int16 tables, outputs of more shapes; those after the first are as TFLM has them.

    `more`: the shape of the first output, then pairs of shape and type.
    """

    def make(data: Type, weights: Type, result: Type) -> Model:
        build = Builder()
        inputs = [build.input(shape, data, _quantization(data))]
        inputs += [build.constant(np.array(table, np.int16)) for table in tables]
        if code == "SignalPCAN":
            inputs.insert(1, build.input(shape, data))
        if code == "SignalFilterBankSquareRoot":
            inputs.append(build.constant(np.array(5, np.int32)))
        outputs = [build.tensor(more[0], result, _quantization(result))]
        outputs += [build.tensor(*other) for other in more[1:]]
        build.ops(code, inputs, outputs, **options)
        return build.model(*outputs)

    return make


_SUBTRACTION = {
    "num_channels": 4,
    "smoothing": 10,
    "one_minus_smoothing": 6,
    "clamping": False,
    "alternate_smoothing": 10,
    "alternate_one_minus_smoothing": 6,
    "smoothing_bits": 2,
    "min_signal_remaining": 1,
    "spectral_subtraction_bits": 14,
}
_STACKER = {"stacker_left_context": 1, "stacker_right_context": 0, "stacker_step": 1}
_FLAG = ((), Type.BOOL)
_SIGNAL: dict[str, Make] = {
    "CIRCULAR_BUFFER": _signal("CIRCULAR_BUFFER", (1, 1, 4, 2), (1, 3, 4, 2), cycles_max=1),
    "SignalDelay": _signal("SignalDelay", (4,), (4,), delay_length=2),
    "SignalEnergy": _signal("SignalEnergy", (8,), (4,), start_index=0, end_index=4),
    "SignalFftAutoScale": _signal("SignalFftAutoScale", (4,), (4,), ((), Type.INT32)),
    "SignalFilterBank": _signal(
        *("SignalFilterBank", (6,), (2,)),
        tables=[[1] * 6, [1] * 6, [0, 2, 4], [0, 2, 4], [2, 2, 2]],
        num_channels=2,
    ),
    "SignalFilterBankLog": _signal(
        "SignalFilterBankLog", (4,), (4,), output_scale=3, input_correction_bits=2
    ),
    "SignalFilterBankSpectralSubtraction": _signal(
        *("SignalFilterBankSpectralSubtraction", (4,), (4,), ((4,), Type.UINT32)), **_SUBTRACTION
    ),
    "SignalFilterBankSquareRoot": _signal("SignalFilterBankSquareRoot", (4,), (4,)),
    "SignalFramer": _signal(
        *("SignalFramer", (4,), (1, 6), _FLAG), frame_size=6, frame_step=4, prefill=True
    ),
    "SignalIrfft": _signal("SignalIrfft", (10,), (8,), fft_length=8, T=7),
    "SignalOverlapAdd": _signal("SignalOverlapAdd", (1, 2, 4), (1, 4), frame_step=2, T=7),
    "SignalPCAN": _signal("SignalPCAN", (4,), (4,), tables=[[1] * 125], snr_shift=6),
    "SignalRfft": _signal("SignalRfft", (8,), (10,), fft_length=8, T=7),
    "SignalStacker": _signal("SignalStacker", (4,), (8,), _FLAG, num_channels=4, **_STACKER),
    "SignalWindow": _signal("SignalWindow", (4,), (4,), tables=[[1] * 4], shift=2),
}


def _classified(data: Type, weights: Type, result: Type) -> Model:
    build = Builder()
    x = build.input((4,), data)
    constants = [build.constant(np.array([1, 3], np.int32)) for _ in range(2)]
    outputs = [build.tensor((2,), result), build.tensor((2,), Type.INT32)]
    build.ops("BasicClassifier", [x, *constants], outputs)
    return build.model(*outputs)


def _detected(data: Type, weights: Type, result: Type) -> Model:
    build = Builder()
    inputs = [build.input((1, 3, 4), data), build.input((1, 3, 2), data)]
    inputs.append(build.constant(np.ones((3, 4), np.float32)))
    outputs = [build.tensor(shape, result) for shape in ((1, 5, 4), (1, 5), (1, 5), (1,))]
    scales = dict.fromkeys(("y_scale", "x_scale", "h_scale", "w_scale"), 5.0)
    thresholds = {"nms_score_threshold": 0.5, "nms_iou_threshold": 0.5}
    build.ops(
        *("TFLite_Detection_PostProcess", inputs, outputs),
        max_detections=5,
        max_classes_per_detection=1,
        num_classes=2,
        **scales,
        **thresholds,
    )
    return build.model(*outputs)


_BINARY = [
    *("ADD", "DIV", "FLOOR_DIV", "FLOOR_MOD", "MAXIMUM", "MINIMUM", "MUL", "PRELU"),
    *("SQUARED_DIFFERENCE", "SUB"),
]
_COMPARISONS = ["EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL"]
_UNARY = """
    ABS CEIL COS ELU EXP FLOOR HARD_SWISH LEAKY_RELU LOG LOGICAL_NOT LOGISTIC NEG RELU RELU6 ROUND
    L2_NORMALIZATION LOG_SOFTMAX RSQRT SIN SQRT SQUARE TANH ZEROS_LIKE
"""
_REDUCTIONS = ["MEAN", "REDUCE_ALL", "REDUCE_MAX", "REDUCE_MIN", "SUM"]
_OPEN = {"begin_mask": 15, "end_mask": 15}

MODELS: dict[str, Make] = {
    **_SIGNAL,
    "BasicClassifier": _classified,
    "TFLite_Detection_PostProcess": _detected,
    **{code: _several(code) for code in [*_BINARY, *_COMPARISONS, "LOGICAL_AND", "LOGICAL_OR"]},
    **{code: _plain(code) for code in _UNARY.split()},
    **{code: _plain(code, (1, 2), constants=[[1, 2]]) for code in _REDUCTIONS},
    "ADD_N": _several("ADD_N"),
    "ARG_MAX": _plain("ARG_MAX", (1, 4, 4), constants=[[3]]),
    "ARG_MIN": _plain("ARG_MIN", (1, 4, 4), constants=[[3]]),
    "BATCH_MATMUL": _typed("BATCH_MATMUL", [(1, 2, 3), (1, 3, 4)], (1, 2, 4)),
    "BATCH_TO_SPACE_ND": _plain("BATCH_TO_SPACE_ND", constants=[[1, 1], [[0, 0], [0, 0]]]),
    "BROADCAST_ARGS": _typed("BROADCAST_ARGS", [(2,), (3,)], (3,)),
    "BROADCAST_TO": _plain("BROADCAST_TO", (2, 4, 4, 2), constants=[[2, 4, 4, 2]]),
    "CAST": _plain("CAST"),
    "CUMSUM": _plain("CUMSUM", constants=[[1]]),
    "DEPTH_TO_SPACE": _plain("DEPTH_TO_SPACE", block_size=1),
    "DYNAMIC_UPDATE_SLICE": _typed(
        "DYNAMIC_UPDATE_SLICE", [_SHAPE, (1, 2, 2, 1), [0, 0, 0, 0]], _SHAPE
    ),
    "EMBEDDING_LOOKUP": _looked_up,
    "FILL": _typed("FILL", [[4, 2], ()], (4, 2)),
    "GATHER": _plain("GATHER", (1, 4, 3, 2), constants=[[0, 3, 1]], axis=2),
    "GATHER_ND": _plain("GATHER_ND", (3, 2), constants=[[[0, 1, 2]] * 3]),
    "MIRROR_PAD": _plain("MIRROR_PAD", constants=[np.zeros((4, 2))]),
    "PACK": _typed("PACK", [_SHAPE], (1, *_SHAPE), values_count=1, axis=0),
    "RESIZE_BILINEAR": _plain("RESIZE_BILINEAR", constants=[[4, 4]]),
    "RESIZE_NEAREST_NEIGHBOR": _plain("RESIZE_NEAREST_NEIGHBOR", constants=[[4, 4]]),
    "REVERSE_V2": _plain("REVERSE_V2", constants=[[1]]),
    "SELECT_V2": _selected,
    "SHAPE": _plain("SHAPE", (4,)),
    "SPACE_TO_BATCH_ND": _plain("SPACE_TO_BATCH_ND", constants=[[1, 1], [[0, 0], [0, 0]]]),
    "SPACE_TO_DEPTH": _plain("SPACE_TO_DEPTH", block_size=1),
    "SPLIT": _typed("SPLIT", [[0], _SHAPE], _SHAPE, num_splits=1),
    "SPLIT_V": _typed("SPLIT_V", [_SHAPE, [1], [0]], _SHAPE, num_splits=1),
    "SVDF": _svdf,
    "TRANSPOSE_CONV": _transposed_conv,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
    "UNPACK": _plain("UNPACK", (4, 4, 2), num=1, axis=0),
    "AVERAGE_POOL_2D": _plain("AVERAGE_POOL_2D", **_POOL),
    "CONCATENATION": _joined,
    "CONV_2D": _weighted("CONV_2D", (2, 3, 3, 2), _SHAPE, **_WINDOW),
    "DEPTHWISE_CONV_2D": _weighted(
        "DEPTHWISE_CONV_2D", (1, 3, 3, 2), _SHAPE, depth_multiplier=1, **_WINDOW
    ),
    "DEQUANTIZE": _plain("DEQUANTIZE"),
    "EXPAND_DIMS": _plain("EXPAND_DIMS", (1, *_SHAPE), constants=[[0]]),
    "FULLY_CONNECTED": _weighted("FULLY_CONNECTED", (2, 32), (1, 2)),
    "L2_POOL_2D": _plain("L2_POOL_2D", **_POOL),
    "MAX_POOL_2D": _plain("MAX_POOL_2D", **_POOL),
    "PAD": _plain("PAD", constants=[np.zeros((4, 2))]),
    "PADV2": _padded,
    "QUANTIZE": _plain("QUANTIZE"),
    "RESHAPE": _plain("RESHAPE", (1, 32), constants=[[1, 32]]),
    "SLICE": _plain("SLICE", constants=[[0, 0, 0, 0], list(_SHAPE)]),
    "SOFTMAX": _plain("SOFTMAX", beta=1.0),
    "SQUEEZE": _plain("SQUEEZE", (4, 4, 2), squeeze_dims=[0]),
    "STRIDED_SLICE": _plain("STRIDED_SLICE", constants=[[0] * 4, list(_SHAPE), [1] * 4], **_OPEN),
    "TRANSPOSE": _plain("TRANSPOSE", constants=[[0, 1, 2, 3]]),
}
_HAS_WEIGHTS = {
    *("CONV_2D", "DEPTHWISE_CONV_2D", "EMBEDDING_LOOKUP", "FULLY_CONNECTED"),
    *("SVDF", "TRANSPOSE_CONV", "UNIDIRECTIONAL_SEQUENCE_LSTM"),
}
_OTHER_RESULT = {"CAST", "DEQUANTIZE", "EMBEDDING_LOOKUP", "QUANTIZE", "SOFTMAX"}
_INDEX_RESULT = {"ARG_MAX", "ARG_MIN", "SHAPE"}
_WEIGHT_TYPES = [Type.FLOAT32, Type.INT8, Type.INT16, Type.INT4]
_WIDE = [Type.UINT32, Type.UINT64]


def _combinations(code: str) -> Iterator[tuple[Type, Type, Type]]:
    weights = _WEIGHT_TYPES if code in _HAS_WEIGHTS else [Type.INT8]
    for data, weight in itertools.product(_kinds(code), weights):
        for result in _results(code, data):
            yield data, weight, result


def _results(code: str, data: Type) -> list[Type]:
    if code in _COMPARISONS or code == "BasicClassifier":
        return [Type.BOOL]
    if code in _INDEX_RESULT:
        return [Type.INT32]
    return _kinds(code) if code in _SIGNAL or code in _OTHER_RESULT else [data]


def _kinds(code: str) -> list[Type]:
    wide = [Type.UINT32] if code == "CAST" else _WIDE if code in _SIGNAL else []
    return [*TYPES, *wide]


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


def _typed_operators() -> list[str]:
    return sorted(code for code, types in SUPPORTED.items() if ANY not in types)


def test_every_operator_has_a_model_here() -> None:
    assert set(_typed_operators()) <= set(MODELS)


@pytest.mark.parametrize("code", _typed_operators())
def test_table_says_what_the_kernels_take(runner: Any, code: str) -> None:
    accepted = set()
    for combination in _combinations(code):
        model = MODELS[code](*combination)
        if runner.run(dump(model)).ok:
            accepted.add(signature(model.main.ops[0]))
    assert sorted(accepted) == sorted(SUPPORTED[code])


def _sixteen(model: Model) -> Model:
    """The same op sixteen times, so that sizes show although the arena is a multiple of 16."""
    (op,) = model.main.ops
    for _ in range(15):
        outputs = [dataclasses.replace(output) for output in op.outputs]
        model.main.tensors += outputs
        model.main.ops.append(dataclasses.replace(op, outputs=outputs))
    return model


@pytest.mark.parametrize("code", _typed_operators())
def test_table_says_what_the_kernels_keep(runner: Any, code: str) -> None:
    for combination in _combinations(code):
        model = _sixteen(MODELS[code](*combination))
        reply = runner.run(dump(model))
        if reply.ok:
            told = arena.needs(model).total_bytes
            assert reply.arena_used // 16 * 16 == told, combination


def test_the_arena_is_exact_for_all_that_runs() -> None:
    assert set(KERNELS) == set(SUPPORTED)
