"""Every kernel against plain numpy, as portable C++ and as Armv7E-M code from both compilers."""

from __future__ import annotations

import numpy as np
import pytest
from tinydeploy.abi import limits
from tinydeploy.abi import params as declared
from tinydeploy.kernel_lab import cases, layers
from tinydeploy.kernel_lab.cases import params_of
from tinydeploy.kernel_lab.harness import CortexM4, Host
from tinydeploy.kernel_lab.layers import (
    Add,
    Conv,
    Dense,
    Depthwise,
    DepthwiseAny,
    DepthwiseTime,
    Pointwise,
    Pool,
)
from tinydeploy.lower.packing import conv_weights, sums

Machine = Host | CortexM4
ROWS = limits.CONV_WINDOW_ROWS.most

POINTWISE = [
    Pointwise(1, 4, 4),
    Pointwise(2, 1, 1),
    Pointwise(3, 3, 5, 7),
    Pointwise(7, 12, 10, -128),
    Pointwise(33, 8, 16),
    Pointwise(17, 30, 30, 12, in_place=True),
    Pointwise(16, 16, 8, in_place=True),
    Pointwise(5, 64, 64, in_place=True),
    Pointwise(4, 36, 6, 127),
    Pointwise(2, 257, 9),
]
DENSE = [
    Dense(1, 1),
    Dense(4, 8),
    Dense(3, 7, 2, 5),
    Dense(10, 13, 3),
    Dense(64, 12, 1, -3),
    Dense(66, 20),
    Dense(640, 16),
    Dense(68, 9, 2, 127),
]
CONV = [
    Conv(1, 1, 1, 1, 1, 1),
    Conv(3, 3, 1, 4, 3, 3),
    Conv(5, 7, 3, 8, 3, 3, 2),
    Conv(6, 8, 3, 5, 3, 3, 1, 3),
    Conv(9, 5, 3, 4, 3, 2, 3),
    Conv(4, 4, 3, 3, 3, 3, in_place=True),
    Conv(7, 5, 6, 7, 5, 2, 1, 9),
    Conv(9, 9, 2, 3, 2, 2, 3, -100),
    Conv(13, 6, 1, 12, 10, 4, 2),
    Conv(6, 6, 8, 8, 3, 3, 1, in_place=True),
    Conv(7, 9, 5, 4, 3, 3, 1, 3, in_place=True),
    Conv(8, 8, 16, 6, 1, 1, 2, 20),
    Conv(4, 20, 2, 4, 1, 9),
    Conv(20, 3, 2, 4, 11, 1),
    *[Conv(45, 3, 2, 4, rows, 2, 3) for rows in (ROWS - 1, ROWS, ROWS + 1)],
    Conv(60, 2, 3, 3, 40, 1, in_place=True),
    Conv(300, 1, 1, 2, 255, 1),
]
DEPTHWISE = [
    Depthwise(1, 1, 1),
    Depthwise(2, 2, 4),
    Depthwise(1, 5, 3, 1, 4),
    Depthwise(5, 1, 4),
    Depthwise(25, 5, 8, in_place=True),
    Depthwise(7, 6, 6, 1, 5, in_place=True, band=1),
    Depthwise(6, 9, 5, 1, -128, in_place=True, band=2),
    Depthwise(8, 8, 4, 2),
    Depthwise(9, 7, 6, 2, 0),
    Depthwise(11, 12, 4, 2, band=1),
    Depthwise(1, 1, 2, 2),
]
DEPTHWISE_ANY = [
    DepthwiseAny(9, 7, 5, (5, 5), in_place=True),
    DepthwiseAny(8, 8, 4, (5, 5), 2, 3),
    DepthwiseAny(12, 1, 6, (9, 1)),
    DepthwiseAny(1, 12, 3, (1, 4), 1, 9),
    DepthwiseAny(7, 6, 4, (2, 2), 2),
    DepthwiseAny(7, 6, 4, (4, 3), 3),
    DepthwiseAny(3, 3, 1, (7, 7)),
    DepthwiseAny(6, 5, 2, (1, 1)),
]
DEPTHWISE_TIME = [
    DepthwiseTime(1, 1, 1, 1),
    DepthwiseTime(5, 1, 4, 5, output_zero_point=3),
    DepthwiseTime(9, 1, 7, 4, 2),
    DepthwiseTime(6, 2, 6, 3, 1, -9),
    DepthwiseTime(17, 1, 10, 17),
]
REST = [
    Add(1),
    Add(19),
    Add(64, (0.05, 0.05, 0.07), (3, -9, 4)),
    Add(40, (0.011, 0.09, 0.093), (0, 0, -20), -1),
    Pool("average", 25, 5, 8),
    Pool("average", 7, 6, 5, (3, 2), 2),
    Pool("average", 16, 16, 4),
    Pool("max", 6, 5, 9, (2, 2), 2),
    Pool("max", 5, 5, 3, (3, 3), 1),
]


@pytest.mark.parametrize(
    "layer",
    [*POINTWISE, *DENSE, *CONV, *DEPTHWISE, *DEPTHWISE_ANY, *DEPTHWISE_TIME, *REST],
    ids=repr,
)
def test_equals_plain_numpy(layer: cases.Layer, machine: Machine, rng: np.random.Generator):
    layer.case(rng).check(machine)


@pytest.mark.parametrize("seed", range(30))
def test_random_shapes(seed: int, machine: Machine):
    rng = np.random.default_rng(seed)
    height, width, depth, channels = (int(n) for n in rng.integers(1, [9, 9, 20, 20]))
    kernel = [int(n) for n in rng.integers(1, 5, 2)]
    zero_point = int(rng.choice([-128, -128, -5, 90]))
    for layer in (
        Conv(height, width, depth, channels, *kernel, int(rng.integers(1, 4)), zero_point),
        Depthwise(height, width, channels, int(rng.integers(1, 3)), zero_point, band=seed % 3),
        Pointwise(height * width, depth, channels, zero_point),
        Dense(depth * 3, channels, 1, zero_point),
    ):
        layer.case(rng).check(machine)


def test_identity_by_hand(machine: Machine):
    """One weight of 1 and a factor of 1/4: ties away from zero."""
    from tinydeploy.lower.packing.exactness import channel_scaling

    weights = np.array([[1]], np.int8)
    start = sums.fold_bias(None, weights, 0)
    scaling = channel_scaling(
        np.array([0.25]), 0, sums.accumulator_bounds(weights, start), biased=True
    )
    assert not scaling.reasons
    assert scaling.mode == "signed"
    given = np.array([4, 2, -2, -4, 127, -128], np.int8)
    case = cases.Case(
        "td_pointwise",
        params_of(declared.POINTWISE, conv_weights.pointwise_geometry(6, 1, 1).params),
        given,
        np.array([1, 1, -1, -1, 32, -32], np.int8),
        [cases.words(conv_weights.pack_pointwise(weights, start, scaling))],
        scratch_bytes=256,
        extra=("td_dot_pairs_signed",),
    )
    case.check(machine)


def test_convolution_needs_little_stack(cortex_m4: CortexM4, rng: np.random.Generator):
    Conv(8, 8, 4, 8, 3, 3).case(rng).check(cortex_m4)
    assert cortex_m4.stack_bytes < 600


def test_softmax_is_near_the_real_one(machine: Machine, rng: np.random.Generator):
    for depth in (1, 2, 12, 100):
        case = layers.Softmax(depth).case(rng)
        got = case.run(machine)[:depth].astype(int)
        assert np.abs(got - case.expected).max() <= 1


def test_lookup(machine: Machine, rng: np.random.Generator):
    from tinydeploy.lower.packing import elementwise

    table = np.frombuffer(elementwise.lookup_table(lambda x: x // 2 + 1), np.int8).copy()
    given = cases.random_int8(rng, 23)
    expected = (given.astype(int) // 2 + 1).astype(np.int8)
    cases.Case("td_lookup", np.array([23], "<u4"), given, expected, [table]).check(machine)


def test_mean(machine: Machine, rng: np.random.Generator):
    """Equal scales: the mean itself; more pixels than an int16 sum takes."""
    from tinydeploy.lower.packing import elementwise

    given = cases.random_int8(rng, 700, 6)
    params = elementwise.mean_params(700, 6, (0.1, 3), (0.1, 3))
    case = cases.Case(
        "td_mean",
        params_of(declared.MEAN, params),
        given,
        layers.rounded_mean(given.astype(int)),
    )
    got = case.run(machine)[:6].astype(int)
    assert np.abs(got - case.expected).max() <= 1


def test_copy_puts_rows_apart(machine: Machine):
    given = np.arange(6, dtype=np.int8)
    expected = np.array([0, 1, 2, 99, 99, 3, 4, 5], np.int8)
    cases.Case("td_copy", np.array([2, 3, 3, 5], "<u4"), given, expected).check(machine)
