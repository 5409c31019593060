"""Facts about operators: names against the firmware, shapes and work by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Op, Tensor, Type, per_tensor
from tinydeploy.ops import support, work
from tinydeploy.ops.advice import advice
from tinydeploy.ops.shapes import expected_shape, shape_problem
from tinydeploy.ops.types import signature
from tinydeploy.stages.input_spec import input_specs
from tinydeploy.stages.vectors import random


def _op(code: str, inputs: Sequence[Any], output: Sequence[int], **options: Any) -> Op:
    """An op on float tensors; an input is a shape, or an array for a constant."""
    build = Builder()
    tensors = [
        build.constant(each) if isinstance(each, np.ndarray) else build.input(each, Type.FLOAT32)
        for each in inputs
    ]
    build.op(code, tensors, output, Type.FLOAT32, **options)
    return build.subgraph.ops[0]


def _axes(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


_SAME2 = {"padding": "SAME", "stride_w": 2, "stride_h": 2}
_VALID = {"padding": "VALID", "stride_w": 1, "stride_h": 1}
_POOL = {"filter_width": 2, "filter_height": 3, **_VALID}


@pytest.mark.parametrize(
    ("code", "inputs", "options", "shape"),
    [
        ("CONV_2D", [(1, 49, 10, 1), (64, 10, 4, 1)], _SAME2, (1, 25, 5, 64)),
        ("CONV_2D", [(1, 5, 5, 4), (8, 3, 3, 2)], _VALID, (1, 3, 3, 8)),
        (
            "CONV_2D",
            [(1, 7, 7, 1), (1, 3, 3, 1)],
            {"dilation_w_factor": 2, "dilation_h_factor": 3, **_VALID},
            (1, 1, 3, 1),
        ),
        ("DEPTHWISE_CONV_2D", [(2, 4, 4, 3), (1, 3, 3, 6)], _SAME2, (2, 2, 2, 6)),
        ("AVERAGE_POOL_2D", [(1, 4, 4, 3)], _POOL, (1, 2, 3, 3)),
        ("FULLY_CONNECTED", [(1, 2, 3), (4, 6)], {}, (1, 4)),
        ("FULLY_CONNECTED", [(1, 2, 3), (4, 3)], {"keep_num_dims": True}, (1, 2, 4)),
        ("ADD", [(1, 4, 1), (3, 1, 2)], {}, (3, 4, 2)),
        ("SOFTMAX", [(1, 4)], {}, (1, 4)),
        ("CONCATENATION", [(1, 2), (1, 3)], {"axis": -1}, (1, 5)),
        ("PAD", [(1, 2), _axes(0, 0, 1, 2)], {}, (1, 5)),
        ("TRANSPOSE", [(2, 3, 4), _axes(2, 0, 1)], {}, (4, 2, 3)),
        ("MEAN", [(1, 2, 3, 4), _axes(1, -2)], {}, (1, 4)),
        ("MEAN", [(1, 2, 3, 4), _axes(1, 2)], {"keep_dims": True}, (1, 1, 1, 4)),
        ("RESHAPE", [(2, 3), _axes(6)], {}, (6,)),
    ],
)
def test_shapes(code: str, inputs: list[Any], options: dict[str, Any], shape: Any) -> None:
    op = _op(code, inputs, shape, **options)
    assert expected_shape(op) == shape
    assert shape_problem(op) == ""
    wrong = _op(code, inputs, (*shape, 2), **options)
    assert (shape_problem(wrong) != "") or code == "FULLY_CONNECTED"


@pytest.mark.parametrize(
    ("op", "text"),
    [
        (_op("CONV_2D", [(1, 5, 5, 3), (8, 3, 3, 2)], (1,), **_VALID), "filters for 2 channels"),
        (_op("CONV_2D", [(1, 2, 2, 1), (1, 3, 3, 1)], (1,), **_VALID), "does not fit"),
        (_op("CONV_2D", [(1, 2, 2), (1, 3, 3, 1)], (1,), **_VALID), "4 dimensions"),
        (_op("CONV_2D", [(1, 2, 2, 1)], (1,), **_VALID), "odd number"),
        (_op("RESHAPE", [(2, 3)], (7,)), "cannot make"),
        (_op("ADD", [(2, 3), (4,)], (2, 3)), "broadcast"),
        (_op("CONCATENATION", [(2, 3), (3, 3)], (2, 6), axis=1), "joins"),
    ],
)
def test_shape_problems(op: Op, text: str) -> None:
    assert text in shape_problem(op)


@pytest.mark.parametrize(
    ("op", "macs"),
    [
        (_op("CONV_2D", [(1, 5, 5, 4), (8, 3, 3, 2)], (1, 3, 3, 8)), 9 * 8 * 3 * 3 * 2),
        (_op("DEPTHWISE_CONV_2D", [(1, 4, 4, 3), (1, 3, 3, 6)], (1, 2, 2, 6)), 4 * 6 * 9),
        (_op("FULLY_CONNECTED", [(3, 5), (4, 5)], (3, 4)), 3 * 4 * 5),
        (_op("TRANSPOSE_CONV", [(4,), (6, 3, 3, 2), (1, 2, 2, 2)], (1, 4, 4, 6)), 8 * 6 * 9),
        (_op("BATCH_MATMUL", [(2, 3, 4), (2, 4, 5)], (2, 3, 5)), 2 * 3 * 4 * 5),
        (_op("SVDF", [(1, 10), (8, 10), (8, 4)], (1, 4)), 8 * (10 + 4)),
        (_op("ADD", [(4,), (4,)], (4,)), 0),
    ],
)
def test_macs(op: Op, macs: int) -> None:
    assert work.op_macs(op) == macs


def _conv(data: Type, weights: Type, count: int = 1) -> Model:
    build = Builder()
    tensor = build.input((1, 2, 2, 1), data)
    for _ in range(count):
        w = Tensor("w", weights, (1, 1, 1, 1), np.zeros((1, 1, 1, 1), weights.dtype))
        tensor = build.op("CONV_2D", [tensor, w, None], (1, 2, 2, 1), data, None, **_VALID)
    return build.model(tensor)


def test_signature() -> None:
    assert signature(_conv(Type.INT8, Type.INT8).main.ops[0]) == "int8 x int8"
    build = Builder()
    x = build.input((1,), Type.FLOAT32)
    build.op("QUANTIZE", [x], (1,), Type.INT8, per_tensor(1, 0))
    assert signature(build.subgraph.ops[0]) == "float32 -> int8"


def test_supported() -> None:
    assert support.check_supported(_conv(Type.INT8, Type.INT8)) == []


def test_dynamic_range_is_explained() -> None:
    (problem,) = support.check_supported(_conv(Type.FLOAT32, Type.INT8, count=2))
    assert (problem.operator, problem.types, problem.count) == ("CONV_2D", "float32 x int8", 2)
    assert "representative" in problem.hint


@pytest.mark.parametrize(
    ("code", "kind", "hint"),
    [("EXP", Type.INT8, "no integer form"), ("ARG_MAX", Type.INT16, "full int8")],
)
def test_a_missing_type_has_a_hint_that_helps(code: str, kind: Type, hint: str) -> None:
    build = Builder()
    x = build.input((2,), kind, per_tensor(1, 0))
    build.op(code, [x], (2,), kind, per_tensor(1, 0))
    (problem,) = support.check_supported(Model([build.subgraph]))
    assert hint in problem.hint


def test_error_names_everything() -> None:
    model = _conv(Type.FLOAT32, Type.INT8, count=2)
    x = model.main.outputs[0]
    model.main.ops.append(
        Op("CUSTOM", [x], [Tensor("y", Type.FLOAT32, (1,))], custom_code="FlexErf")
    )
    with pytest.raises(UnsupportedModelError) as caught:
        support.require_supported(model)
    assert "2 x CONV_2D (float32 x int8)" in caught.value.message
    assert "1 x FlexErf" in caught.value.message
    assert "TFLITE_BUILTINS only" in caught.value.hint


def test_odd_shapes_are_a_problem() -> None:
    model = _conv(Type.INT8, Type.INT8)
    model.main.outputs[0].shape = (1, 3, 3, 1)
    (problem,) = support.check_supported(model)
    assert "gives the shape [1, 2, 2, 1]" in problem.reason


@pytest.mark.parametrize("operator", ["TILE", "GELU", "FlexErf", "Mine", "DILATE"])
def test_advice(operator: str) -> None:
    assert advice(operator)


@pytest.mark.parametrize(("code", "rows"), [("GATHER", 7), ("EMBEDDING_LOOKUP", 7), ("ADD", None)])
def test_noise_for_a_table_lies_in_it(code: str, rows: int | None) -> None:
    build = Builder()
    words = build.input((1, 3), Type.INT32)
    flat = build.op("RESHAPE", [words], (3,), Type.INT32)
    table = build.constant(np.ones((7, 2), np.float32))
    inputs = [table, flat] if code == "GATHER" else [flat, table]
    model = build.model(build.op(code, inputs, (3, 2), Type.FLOAT32))
    (spec,) = input_specs(model)
    assert spec.rows == rows
    drawn = random([spec], 100, seed=1).inputs[0]
    assert drawn.dtype == np.int32
    assert (drawn.max() < 7) == (rows is not None)
    assert (drawn.min() == 0) == (rows is not None)
