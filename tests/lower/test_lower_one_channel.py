"""1x1 convolutions from one channel: by look-up where there are enough outputs, equal to TFLM."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_lower_exactness import case_of, check, layer, steps_of
from tinydeploy.fuzz.cases import Case


def from_one(height: int, width: int, channels: int, seed: int = 0, **options: Any) -> Case:
    """Scales from one that makes all outputs zero to one that makes most of them the clamp's."""
    rng = np.random.default_rng([seed, channels])
    weights = rng.integers(-128, 128, (channels, 1, 1, 1))
    scales = np.exp2(rng.uniform(-14, 3, channels))
    scales[rng.random(channels) < 0.2] = np.exp2(rng.choice([-34, *range(-20, 4)]))
    bias = rng.integers(-3000, 3000, channels) << rng.integers(0, 10, channels)
    output = (0.05, int(rng.choice([-128, 3, 127])))
    return case_of(
        layer("CONV_2D", weights, scales, bias, output=output, size=(height, width), **options),
        seed,
    )


@pytest.mark.parametrize(
    ("size", "function"),
    [
        ((40, 40, 4), "td_pointwise_one"),
        ((23, 47, 11), "td_pointwise_one"),
        ((40, 40, 3), "td_pointwise"),  # no word to store
        ((19, 21, 40), "td_pointwise"),  # tables of 256 would cost more
    ],
)
def test_takes_tables_where_there_are_enough_outputs(
    size: tuple[int, int, int], function: str
) -> None:
    rng = np.random.default_rng(1)
    channels = size[2]
    model = layer(
        "CONV_2D", rng.integers(-127, 128, (channels, 1, 1, 1)), np.full(channels, 0.01),
        np.zeros(channels), size=size[:2],
    )  # fmt: skip
    (step,) = steps_of(model)
    assert step.function == function


@pytest.mark.parametrize(("scale", "bias"), [(40.0, 1 << 29), (2e-9, 1 << 29)])
def test_a_sum_too_large_for_the_table_is_left_to_others(scale: float, bias: int) -> None:
    """TFLM's own sum wraps, or the output's offset, shifted to the left, leaves no room for it."""
    scales, start = np.full(8, 0.01), np.arange(8)
    scales[3], start[3] = scale, bias
    model = layer("CONV_2D", np.full((8, 1, 1, 1), 50), scales, start, size=(40, 40))
    assert steps_of(model)[0].function != "td_pointwise_one"
    check([case_of(model, 1)], "host")


@pytest.mark.parametrize("target", ["host", "simulator"])
def test_every_scale_equals_tflm(target: str) -> None:
    sizes = [(40, 40, 4), (23, 47, 5), (41, 29, 11), (1025, 1, 8), (30, 30, 40)]
    kinds: list[dict[str, Any]] = [{}, {"fused_activation_function": "RELU6"}]
    cases = [
        from_one(*size, seed=seed, **options)
        for seed, (size, options) in enumerate((size, kind) for size in sizes for kind in kinds)
    ]
    for case in cases:
        assert steps_of(case.model)[0].function == "td_pointwise_one"
    check(cases, target)
