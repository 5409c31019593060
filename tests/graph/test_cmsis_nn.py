from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tinydeploy.ops import cmsis_nn


def op(name: str, data: tuple[int, ...], weights: tuple[int, ...] | None = None) -> Any:
    shapes = [data, weights]
    inputs = [None if shape is None else SimpleNamespace(shape=shape) for shape in shapes]
    return SimpleNamespace(name=name, input=lambda i: inputs[i], outputs=[], options={})


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (op("CONV_2D", (1, 8, 8, 128), (128, 3, 3, 128)), 2 * 2 * 3 * 3 * 128),
        (op("CONV_2D", (1, 8, 8, 3), (8, 3, 3, 3)), 2 * 2 * 28),  # 27, padded to four
        (op("DEPTHWISE_CONV_2D", (1, 8, 8, 64), (1, 3, 3, 64)), 2 * 9 * 64),
        (op("AVERAGE_POOL_2D", (1, 4, 4, 64)), 4 * 64),
        (op("FULLY_CONNECTED", (1, 64), (10, 64)), 0),
    ],
)
def test_scratch_by_hand(made: Any, expected: int) -> None:
    assert cmsis_nn.scratch_bytes(made) == expected


def test_a_convolution_of_128_channels_fits() -> None:
    """Measured elsewhere: with CMSIS-NN TFLM takes 22,452, with its reference kernels 18,400."""
    model: Any = SimpleNamespace(ops=[op("CONV_2D", (1, 8, 8, 128), (128, 3, 3, 128))])
    assert 22_452 <= 18_400 + cmsis_nn.extra_arena_bytes(model) < 24_000
