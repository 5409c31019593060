"""What the PC folds and packs, checked by hand and against TFLM's arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from tinydeploy.lower.packing import conv_weights, elementwise, exactness, sums, words
from tinydeploy.lower.packing.exactness import (
    Scaling,
    channel_scaling,
    quantize_multiplier,
    rescale,
)


def test_quantize_multiplier_by_hand():
    assert quantize_multiplier(0.5) == (1 << 30, 0)
    assert quantize_multiplier(1.0) == (1 << 30, 1)
    assert quantize_multiplier(0.75 / 256) == (3 << 29, -8)
    assert quantize_multiplier(0.0) == (0, 0)
    assert quantize_multiplier(1 - 2.0**-40) == (1 << 30, 1)  # rounds up to a power of two


def test_two_channels_share_a_lane():
    weights = np.array([[1, 2, 3, 4], [0, -1, 5, 0]], np.int8)
    packed = words.lane_words(weights)
    lanes = [[1, 2 - 256, 3 + 5 * 256, 4]]
    wanted = [[lanes[0][0] & 0xFFFF | lanes[0][2] << 16, lanes[0][1] & 0xFFFF | lanes[0][3] << 16]]
    np.testing.assert_array_equal(packed, np.array(wanted, np.uint32))


def test_packed_weights_take_one_byte_each():
    weights = np.ones((64, 64), np.int8)
    start = sums.fold_bias(None, weights, 0)
    scaling = channel_scaling(
        np.full(64, 0.004), -128, sums.accumulator_bounds(weights, start), biased=True
    )
    assert not scaling.reasons
    assert len(conv_weights.pack_pointwise(weights, start, scaling)) == 64 * (64 + 13)


def test_fold_bias_takes_the_zero_point_out():
    weights = np.array([[1, -2, 3]], np.int8)
    assert sums.fold_bias(np.array([10]), weights, 5)[0] == 10 - 5 * 2
    low, high = sums.accumulator_bounds(weights, np.array([0]))
    assert (low[0], high[0]) == (-128 * 4 - 127 * 2, 127 * 4 + 128 * 2)


def test_weights_of_minus_128_fit_where_the_lane_holds_them():
    """256*B + A is an int16 but for B = -128 and A < 0."""
    pairs = np.array([[-128, 5], [-127, -128], [0, 5], [-128, -128], [-1, 5], [-128, 7]], np.int8)
    assert exactness.crowded_lanes(pairs) == [5]
    assert exactness.crowded_lanes(pairs[:, 1:]) == []
    assert exactness.crowded_lanes(pairs[:1]) == []


@pytest.mark.parametrize(
    ("scale", "zero_point", "bound", "biased", "reason"),
    [
        (0.01, -128, 1 << 23, True, "sums beyond 2^23"),
        (0.6, 0, 1000, True, "scale"),  # signed and no shift to the right
        (200.0, -128, 1000, True, "outputs beyond 2^15"),
        (1.5, -128, 40_000, True, "outputs beyond 2^15"),
        (1.5, -128, 40_000, False, ""),  # depthwise clamps words
        (2.0**-18, 0, (1 << 23) - 1, True, "scale"),  # the constant leaves int32
        (2.0**-18, -128, (1 << 23) - 1, False, ""),  # by a coarser multiplier
        (2.0**-30, 5, (1 << 23) - 1, True, ""),  # always 5
    ],
)
def test_names_the_channels_that_are_not_exact(
    scale: float, zero_point: int, bound: int, biased: bool, reason: str
):
    """Beside a channel that is."""
    bounds = (np.array([-bound, -9]), np.array([bound, 9]))
    found = channel_scaling(np.array([scale, 0.1]), zero_point, bounds, biased=biased)
    assert found.reasons == ({0: reason} if reason else {})


@pytest.mark.parametrize("zero_point", [-128, 0, 127])
@pytest.mark.parametrize("exponent", range(-26, 6))
def test_staircases_are_equal_at_every_step(exponent: int, zero_point: int):
    """Over all sums that there are, where one side of them is much longer than the other."""
    rng = np.random.default_rng(exponent + 100)
    exact = 0
    for _ in range(20):
        scale = float(np.exp2(exponent + rng.uniform(0, 1)))
        low, high = sorted(rng.integers(-(1 << 23), 1 << 23, 2) >> rng.integers(0, 22, 2))
        channel = exactness._Channel(*quantize_multiplier(scale), zero_point, int(low), int(high))
        for biased in (True, False):
            numbers = channel_scaling(
                np.array([scale]), zero_point, (np.array([low]), np.array([high])), biased=biased
            )
            if numbers.reasons:
                continue
            exact += 1
            acc = np.unique(rng.integers(low, high + 1, 4000))
            if not channel.wraps and channel.highest > channel.lowest:
                first = channel._first_sums(np.arange(channel.lowest + 1, channel.highest + 1))
                acc = np.unique(np.concatenate([acc, first, first - 1]))
            given = np.zeros_like(acc) if numbers.fixed[0] else acc
            np.testing.assert_array_equal(fast(given, numbers, biased), channel.outputs(acc))
    assert exact or exponent > 0


def fast(acc: np.ndarray, scaling: Scaling, biased: bool) -> np.ndarray:
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
        scaling = channel_scaling(np.array([scale]), zero_point, bounds, biased=biased)
        assert not scaling.reasons
        wanted = np.clip(rescale(acc, *quantize_multiplier(scale)) + zero_point, -128, 127)
        np.testing.assert_array_equal(fast(acc, scaling, biased), wanted)


def test_a_channel_that_is_always_zero_keeps_its_zero():
    bounds = (np.array([-100]), np.array([100]))
    for zero_point in (-128, 3):
        scaling = channel_scaling(np.array([1e-12]), zero_point, bounds, biased=True)
        assert not scaling.reasons
        assert (fast(np.arange(-100, 101), scaling, True) == zero_point).all()


def test_add_refuses_ties_that_round_at_random():
    """Thirds are no numbers of TFLM's arithmetic: its rounding errors decide where a tie goes."""
    assert elementwise.add_params((0.1, -7), (1 / 30, 20), (0.2, 0), 8) is None


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("ratio", [0.25, 0.5, 1.0, 2.0, 3.0])
def test_add_of_equal_scales_rounds_ties_away_from_zero(ratio: float, sign: int):
    for zeros in ((0, 0, 0), (-128, -128, -128), (-128, 127, 5), (9, -77, -128)):
        pairs = [(0.1 * ratio, zeros[0]), (0.1 * ratio, zeros[1]), (0.1, zeros[2])]
        assert elementwise.add_params(*pairs, 8, sign) is not None, zeros


def test_add_is_exact_up_to_ratios_of_four():
    rng = np.random.default_rng(0)
    for _ in range(60):
        scales = (*(0.05 * np.exp2(rng.uniform(-3, 2, 2))), 0.05)
        zeros = rng.integers(-128, 128, 3)
        pairs = [(float(s), int(z)) for s, z in zip(scales, zeros, strict=True)]
        assert elementwise.add_params(*pairs, 8, int(rng.choice([-1, 1]))) is not None, pairs
