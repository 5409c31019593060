"""Averages over inferences."""

from __future__ import annotations

import numpy as np

from tinydeploy.fuzz.draw import Draw, Types


def exponential_average(draw: Draw, code: str, types: Types) -> None:
    """Of one scale; now and then the smallest share, or all of the input."""
    x = draw.source(types.data)
    share = draw.pick((2.0**-15, 1.0, *([float(np.float32(draw.rng.uniform(0.01, 1)))] * 6)))
    draw.result(code, [x], x.shape, types.result, x.quantization, share=share)


GENERATORS = {"ExponentialAverage": exponential_average}
