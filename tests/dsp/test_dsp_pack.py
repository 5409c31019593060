"""What the PC folds and packs, checked by hand and against TFLM's arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from tinydeploy.lower import elementwise, pack
from tinydeploy.lower.elementwise import rescale


def test_quantize_multiplier_by_hand():
    assert pack.quantize_multiplier(0.5) == (1 << 30, 0)
    assert pack.quantize_multiplier(1.0) == (1 << 30, 1)
    assert pack.quantize_multiplier(0.75 / 256) == (3 << 29, -8)
    assert pack.quantize_multiplier(0.0) == (0, 0)
    assert pack.quantize_multiplier(1 - 2.0**-40) == (1 << 30, 1)  # rounds up to a power of two


def test_two_channels_share_a_lane():
    weights = np.array([[1, 2, 3, 4], [0, -1, 5, 0]], np.int8)
    words = pack._lane_words(weights)
    lanes = [[1, 2 - 256, 3 + 5 * 256, 4]]
    wanted = [[lanes[0][0] & 0xFFFF | lanes[0][2] << 16, lanes[0][1] & 0xFFFF | lanes[0][3] << 16]]
    np.testing.assert_array_equal(words, np.array(wanted, np.uint32))


def test_packed_weights_take_one_byte_each():
    weights = np.ones((64, 64), np.int8)
    start = pack.fold_bias(None, weights, 0)
    scaling = pack.channel_scaling(
        np.full(64, 0.004), -128, pack.accumulator_bounds(weights, start), biased=True
    )
    assert scaling is not None
    assert len(pack.pack_pointwise(weights, start, scaling)) == 64 * (64 + 13)


def test_fold_bias_takes_the_zero_point_out():
    weights = np.array([[1, -2, 3]], np.int8)
    assert pack.fold_bias(np.array([10]), weights, 5)[0] == 10 - 5 * 2
    low, high = pack.accumulator_bounds(weights, np.array([0]))
    assert (low[0], high[0]) == (-128 * 4 - 127 * 2, 127 * 4 + 128 * 2)


def test_weights_of_minus_128_do_not_fit():
    assert pack.lanes_are_exact(np.array([-127, 127], np.int8))
    assert not pack.lanes_are_exact(np.array([-128], np.int8))


@pytest.mark.parametrize(
    ("scale", "zero_point", "bound", "activation"),
    [
        (0.01, -128, 1 << 23, (-128, 127)),  # 256 times the sum leaves int32
        (0.01, -128, 1000, (-128, 100)),  # a clamp inside of int8
        (0.6, 0, 1000, (-128, 127)),  # signed and no shift to the right
        (200.0, -128, 1000, (-128, 127)),  # far to the left
        (2.0**-18, 0, (1 << 23) - 1, (-128, 127)),  # the constant leaves int32
    ],
)
def test_refuses_where_not_exact(
    scale: float, zero_point: int, bound: int, activation: tuple[int, int]
):
    bounds = (np.array([-bound]), np.array([bound]))
    found = pack.channel_scaling(np.array([scale]), zero_point, bounds, activation, biased=True)
    assert found is None


def fast(acc: np.ndarray, scaling: pack.Scaling, biased: bool) -> np.ndarray:
    a = acc.astype(np.int64) * 256
    y = (a * int(scaling.multiplier[0]) >> 32) + int(scaling.constant[0])
    if scaling.mode == "signed":
        y -= 128 * (a < 0)
    y >>= int(scaling.shift[0])
    return np.clip(y - 128, -128, 127) if biased else np.clip(y, -128, 127)


@pytest.mark.parametrize("seed", range(300))
def test_requantization_equals_tflm(seed: int):
    """Around every step from one output to the next, and far outside."""
    rng = np.random.default_rng(seed)
    zero_point = int(rng.choice([-128, 0, 127, rng.integers(-128, 128)]))
    scale = float(np.exp2(rng.uniform(-16, 4 if zero_point == -128 else -1)))
    if seed % 5 == 0:
        scale = float(np.exp2(np.floor(np.log2(scale))))  # ties
    bound = min(int(300 / scale) + 5, (1 << 23) - 1)
    steps = (np.arange(-258, 259) / (2 * scale)).astype(np.int64)
    acc = (steps[:, None] + np.arange(-3, 4)).ravel()
    acc = np.unique(np.concatenate([acc, rng.integers(-bound, bound + 1, 500), [0, bound, -bound]]))
    acc = acc[np.abs(acc) <= bound]
    bounds = (np.array([-bound]), np.array([bound]))
    for biased in (True, False):
        scaling = pack.channel_scaling(np.array([scale]), zero_point, bounds, biased=biased)
        assert scaling is not None
        wanted = np.clip(rescale(acc, *pack.quantize_multiplier(scale)) + zero_point, -128, 127)
        np.testing.assert_array_equal(fast(acc, scaling, biased), wanted)


def test_a_channel_that_is_always_zero_keeps_its_zero():
    bounds = (np.array([-100]), np.array([100]))
    for zero_point in (-128, 3):
        scaling = pack.channel_scaling(np.array([1e-12]), zero_point, bounds, biased=True)
        assert scaling is not None
        assert (fast(np.arange(-100, 101), scaling, True) == zero_point).all()


def test_add_refuses_ties_that_round_both_ways():
    """(a + b) / 2 rounds halves away from zero, which one shift cannot."""
    assert elementwise.add_params((0.1, 0), (0.1, 0), (0.2, 0), 8) is None


def test_add_is_exact_for_most_scales():
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(50):
        scales = rng.uniform(0.01, 0.05, 3) * (1, 1, 1.5) + (0, 0, 0.01)
        zeros = rng.integers(-128, 128, 3)
        pairs = [(float(s), int(z)) for s, z in zip(scales, zeros, strict=True)]
        found += elementwise.add_params(pairs[0], pairs[1], pairs[2], 8) is not None
    assert found >= 40
