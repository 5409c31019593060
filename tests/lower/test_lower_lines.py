"""Depthwise convolutions along one axis: every shape of them equals TFLM, on the lines' kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from test_lower_exactness import case_of, check, layer, steps_of
from tinydeploy.fuzz.cases import Case

AXES = ("vertical", "horizontal")


@dataclass(frozen=True)
class Along:
    """A depthwise layer with `taps` along an axis and 1 across it; `across` is a stride there."""

    length: int
    taps: int
    channels: int
    lines: int = 1
    stride: int = 1
    dilation: int = 1
    padding: str = "SAME"
    zero_point: int = -128
    seed: int = 0
    across: int = 1

    def case(self, axis: str) -> Case:
        rng = np.random.default_rng([self.seed, self.length, self.taps])
        turn = 1 if axis == "vertical" else -1
        size, kernel = (self.length, self.lines)[::turn], (self.taps, 1)[::turn]
        strides, dilations = (self.stride, self.across)[::turn], (self.dilation, 1)[::turn]
        weights = rng.integers(-128, 128, (1, *kernel, self.channels)).astype(np.int8)
        model = layer(
            "DEPTHWISE_CONV_2D", weights, rng.uniform(0.001, 0.004, self.channels),
            rng.integers(-3000, 3000, self.channels), output=(0.05, self.zero_point),
            size=size, padding=self.padding, stride_h=strides[0], stride_w=strides[1],
            dilation_h_factor=dilations[0], dilation_w_factor=dilations[1],
        )  # fmt: skip
        return case_of(model, self.seed)


def swept(seed: int) -> Case:
    """Anything the kernel is for."""
    rng = np.random.default_rng([7, seed])
    dilation = int(rng.integers(1, 5)) if seed % 3 == 0 else 1
    taps, padding = int(rng.integers(1, 12)), str(rng.choice(["SAME", "VALID"]))
    reach = (taps - 1) * dilation + 1
    length = int(rng.integers(1, 34)) + (reach if padding == "VALID" else 0)
    layer_along = Along(
        length, taps, int(rng.integers(2, 10)),
        lines=int(rng.choice([1, 1, 2, 5])),
        stride=1 if dilation > 1 else int(rng.integers(1, 3)), dilation=dilation,
        padding=padding, zero_point=int(rng.choice([-128, 0, 90])), seed=seed,
        across=int(rng.integers(1, 3)),
    )  # fmt: skip
    return layer_along.case(AXES[seed % 2])


SHAPES = {
    "one tap": ("short_three", {"length": 49, "taps": 1, "channels": 40}),
    "three taps": ("short_three", {"length": 49, "taps": 3, "channels": 40}),
    "five taps": ("short_five", {"length": 49, "taps": 5, "channels": 40}),
    "nine taps": ("short_nine", {"length": 49, "taps": 9, "channels": 40}),
    "stride 2": ("short_nine_stride2", {"length": 49, "taps": 9, "channels": 40, "stride": 2}),
    "dilated": ("short_five", {"length": 49, "taps": 5, "channels": 8, "dilation": 4}),
    "lines": ("short_five", {"length": 20, "taps": 5, "channels": 8, "lines": 6}),
    "ten taps": ("line", {"length": 49, "taps": 10, "channels": 40}),
    "a window is longer": ("line", {"length": 7, "taps": 7, "channels": 8}),
    "phases are shorter than a window": ("line", {"length": 14, "taps": 5, "channels": 8,
                                                  "dilation": 4}),
    "every other line": ("line", {"length": 20, "taps": 3, "channels": 8, "lines": 5,
                                  "across": 2}),
}  # fmt: skip


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize(("kernel", "shape"), SHAPES.values(), ids=SHAPES.keys())
def test_takes_the_kernel_for_its_taps(axis: str, kernel: str, shape: dict[str, Any]) -> None:
    if axis == "horizontal" and "across" in shape:
        kernel = "short_three"  # neighbours are as far apart in output and input
    (step,) = steps_of(Along(**shape).case(axis).model)
    assert step.arguments[-1] == f"td_{kernel}_positive"


def test_scales_and_sums_at_the_edges_of_the_short_kernel() -> None:
    """TFLM's own rounding: sums up to 2^30, scales from the smallest up to 1/2."""
    channels = 12
    weights = np.random.default_rng(1).integers(-128, 128, (1, 3, 1, channels)).astype(np.int8)
    real = np.array([0.49999, 0.5, 0.99, 1.5, 2**-22, 2**-23, 2**-24, 2**-9, 3e-8, 0.3, 0.1, 1e-9])
    bias = np.array([9, -9, 4, 3, 2**27, -(2**27), 2**29, -(2**29), 2**29, 2**21, -(2**20), 7])
    for zero_point, slow in ((-128, 3), (3, 5)):
        model = layer(
            "DEPTHWISE_CONV_2D", weights, real * 0.05 / 0.02, bias, output=(0.05, zero_point),
            size=(19, 1),
        )  # fmt: skip
        fast, *others = steps_of(model)
        assert fast.function == "td_depthwise_short"
        assert sum(int(step.params["channels"]) for step in others) <= slow  # type: ignore[arg-type]
        check([case_of(model, 1)], "host")
        check([case_of(model, 1)], "simulator")


def test_a_kernel_that_sees_padding_only_is_narrower() -> None:
    rng = np.random.default_rng(1)
    weights = rng.integers(-127, 128, (1, 3, 3, 8)).astype(np.int8)
    model = layer("DEPTHWISE_CONV_2D", weights, np.full(8, 0.003), np.arange(8), size=(30, 1))
    (step,) = steps_of(model)
    assert (step.function, step.params["taps"]) == ("td_depthwise_short", 3)
    check([case_of(model, 1)], "host")


@pytest.mark.parametrize("dilation", [2, 3])
@pytest.mark.parametrize("taps", [2, 3, 4, 5])
def test_a_dilated_kernel_on_one_pixel_keeps_the_tap_that_is_on_it(
    taps: int, dilation: int
) -> None:
    """Padding counts pixels, not taps; with an even number of taps none may be on the pixel."""
    rng = np.random.default_rng([taps, dilation])
    weights = rng.integers(-127, 128, (1, 3, taps, 8)).astype(np.int8)
    model = layer(
        "DEPTHWISE_CONV_2D", weights, np.full(8, 0.003), np.arange(8), size=(12, 1),
        dilation_h_factor=1, dilation_w_factor=dilation,
    )  # fmt: skip
    check([case_of(model, 1)], "host")


@pytest.mark.parametrize("target", ["host", "simulator"])
def test_swept_lines_equal_tflm(target: str) -> None:
    cases = [swept(seed) for seed in range(240)]
    bodies = {str(steps_of(case.model)[0].arguments[-1]) for case in cases}
    for kind in ("line", "short_three", "short_five", "short_nine"):
        for stride in ("", "_stride2"):
            assert {f"td_{kind}{stride}_{mode}" for mode in ("positive", "signed")} <= bodies
    check(cases, target)
