"""What is drawn meets the edges, and what a campaign reached is told."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tinydeploy.config import FIRMWARE_DIR
from tinydeploy.fuzz import coverage, patterns, record
from tinydeploy.fuzz.cases import RUNS, TURNS, make, subjects
from tinydeploy.fuzz.draw import Draw, UnfitError
from tinydeploy.fuzz.families.windows import Window
from tinydeploy.graph.ir import Quantization, Tensor, Type
from tinydeploy.ops.custom_options import options_of
from tinydeploy.ops.types import SUPPORTED


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (700,)])
def test_patterns_have_the_shape_and_meet_the_ends(dtype: str, shape: tuple[int, ...]) -> None:
    rng, kind, met = np.random.default_rng(1), np.dtype(dtype), set()
    for _ in range(200):
        found = patterns.values(rng, shape, kind)
        assert found.shape == shape
        assert found.dtype == kind
        met |= {int(found.min()), int(found.max())}
    assert {np.iinfo(kind).min, np.iinfo(kind).max, 0} <= met


def test_scales_at_an_edge_are_powers_of_two_or_of_the_models_scales() -> None:
    draw = Draw(np.random.default_rng(2))
    near = [draw.rounding_edge(0.013) for _ in range(200)]
    assert all(0.0065 < scale < 0.03 for scale in near)
    powers = [scale for scale in near if math.frexp(scale)[0] == 0.5]
    assert len(powers) > 20
    assert any(abs(scale / 2.0**-6 - 1) < 1e-6 and scale != 2.0**-6 for scale in near)


def test_what_lasts_is_run_for_long_now_and_then() -> None:
    names = subjects(["SVDF", "SignalDelay"])
    runs = [len(make(1, number, names).inputs) for number in range(80)]
    assert min(runs) == RUNS
    assert max(runs) > 20


def test_operators_with_many_paths_have_more_turns() -> None:
    every = subjects([])
    assert every.count("CONV_2D int8 x int8") == TURNS["CONV_2D"]
    assert set(TURNS) <= set(SUPPORTED)


def test_all_ways_of_compressed_constants_are_drawn() -> None:
    models = [make(1, n, ["TFLM_DECODE any"]).model.main.ops[0] for n in range(60)]
    heads = {int(op.inputs[1].data.ravel()[0]) for op in models if op.inputs[1] is not None}
    assert heads == {0, 1, 2}
    assert {op.outputs[0].type for op in models} >= {Type.INT8, Type.INT16, Type.FLOAT32}


def test_no_window_needs_more_padding_than_the_kernels_take() -> None:
    """TFLM wraps it; case 8718 of seed 31 was refused."""
    assert Window("SAME", (1, 65535), (1, 1), (1, 1)).positions((1, 3, 4, 1)) == (3, 4)
    with pytest.raises(UnfitError):
        Window("SAME", (1, 65535), (1, 1), (1, 2)).positions((1, 3, 4, 1))


def test_fast_suppression_first_layers_and_zero_points_of_weights_are_drawn() -> None:
    """Paths of kernels that no model had taken."""
    found = [make(1, n, ["TFLite_Detection_PostProcess float32"]).model.main for n in range(40)]
    assert {options_of(graph.ops[0])["use_regular_nms"] for graph in found} == {False, True}
    convolutions = [make(1, n, ["CONV_2D int8 x int8"]).model.main.ops[0] for n in range(60)]
    pictures = [op for op in convolutions if op.operands[0].size >= 400]
    assert {op.operands[0].shape[3] for op in pictures} >= {1, 3}
    dense = [make(1, n, ["FULLY_CONNECTED int8 x int8"]).model.main.ops[0] for n in range(60)]
    assert any(np.any(quantization_of(op.operands[1]).zero_points) for op in dense)


def quantization_of(tensor: Tensor) -> Quantization:
    assert tensor.quantization is not None
    return tensor.quantization


def test_a_table_is_not_counted_as_a_kernel() -> None:
    found: dict[str, coverage.Reached] = {}
    line = {"line_number": 8, "count": 1, "branches": []}
    for name in ("kernels/ops.def", "kernels/conv/prepare.cpp", "runtime/tensor.cpp"):
        coverage._add(found, {"file": str(FIRMWARE_DIR / name), "lines": [line]})
    assert found.keys() == {"kernels/conv/prepare.cpp"}


def test_figures_of_coverage_are_told_by_folder() -> None:
    reached = {
        "kernels/conv/a.cpp": coverage.Reached({1: 4, 2: 0, 3: 0, 7: 0}, {(1, 0): True}),
        "dsp/b.cpp": coverage.Reached({1: 1}, {(1, 0): True, (1, 1): False}),
    }
    assert coverage.by_room(reached) == {"kernels/conv": [4, 1, 1, 1], "dsp": [1, 1, 2, 1]}
    missed = coverage.missed(reached)
    assert missed == {"kernels/conv/a.cpp": "2-3, 7"}
    figures = record.of_coverage(coverage.by_room(reached), missed)
    text = record.render({record.COVERED: {"command": "tinydeploy fuzz coverage", **figures}})
    assert "| kernels/conv | 4 | 25.0 % | 1 | 100.0 % |" in text
    assert "- kernels/conv/a.cpp: 2-3, 7" in text
