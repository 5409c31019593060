"""Modelled cycles of the layers that decide the models' totals; exact here, so any change shows."""

from __future__ import annotations

import numpy as np
import pytest
from tinydeploy.kernel_lab.cases import Layer
from tinydeploy.kernel_lab.harness import CortexM4
from tinydeploy.kernel_lab.layers import Add, Conv, Dense, Depthwise, Pointwise


@pytest.mark.parametrize(
    ("layer", "cycles_per_mac"),
    [
        (Pointwise(125, 64, 64), 1.17),
        (Pointwise(36, 128, 128), 1.06),
        (Depthwise(25, 5, 64), 3.15),
        (Depthwise(24, 24, 32), 2.5),
        (Conv(49, 10, 1, 64, 10, 4, 2), 1.36),
        (Conv(8, 8, 64, 64, 3, 3), 1.02),
        (Dense(640, 128), 1.23),
    ],
    ids=repr,
)
def test_cycles_per_mac(layer: Layer, cycles_per_mac: float, cortex_m4: CortexM4):
    layer.case(np.random.default_rng(0)).check(cortex_m4)
    assert cortex_m4.cycles / layer.macs < cycles_per_mac


def test_adding_takes_seven_cycles_an_element(cortex_m4: CortexM4):
    Add(4096).case(np.random.default_rng(0)).check(cortex_m4)
    assert cortex_m4.cycles / 4096 < 7.6


def test_code_of_the_keyword_model_is_small(cortex_m4: CortexM4):
    """What kws links of firmware/dsp; dot products are unrolled, the rest is not."""
    used = (
        "td_conv", "td_pointwise", "td_gather", "td_dot_pairs_positive", "td_depthwise",
        "td_depthwise_positive", "td_expand_lines", "td_average_pool", "td_sum_pixels",
        "td_fully_connected", "td_dot_one_signed", "td_widen", "td_softmax",
    )  # fmt: skip
    assert sum(cortex_m4.symbols[name][1] for name in used) < 7000
