"""Cycles of the kernels on the layers of five well-known models.

    python -m tinydeploy.kernel_lab.bench

Random weights and inputs, each kernel called alone on a simulated Cortex-M4; the projected total of
a model is the sum of its layers, without the engine's dispatch.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinydeploy.kernel_lab import cases, harness, layers


@dataclass(frozen=True)
class LayerRow:
    """One layer shape of a model, `count` times."""

    model: str
    layer: cases.Layer
    count: int = 1


def _mobilenet(model: str, channels: int) -> Iterator[LayerRow]:
    conv, depthwise = layers.Conv, layers.Depthwise
    yield LayerRow(model, conv(96, 96, channels, 8, 3, 3, 2))
    size, depth = 48, 8
    for stride, out, count in (
        (1, 16, 1), (2, 32, 1), (1, 32, 1), (2, 64, 1), (1, 64, 1), (2, 128, 1), (1, 128, 5),
        (2, 256, 1), (1, 256, 1),
    ):  # fmt: skip
        yield LayerRow(model, depthwise(size, size, depth, stride), count)
        size //= stride
        yield LayerRow(model, layers.Pointwise(size * size, depth, out), count)
        depth = out
    yield LayerRow(model, layers.AveragePool(3, 3, 256))
    yield LayerRow(model, layers.Dense(256, 2, output_zero_point=3))
    yield LayerRow(model, layers.Softmax(2))


def _resnet() -> Iterator[LayerRow]:
    conv = layers.Conv
    yield LayerRow("ic", conv(32, 32, 3, 16, 3, 3))
    yield LayerRow("ic", conv(32, 32, 16, 16, 3, 3))
    yield LayerRow("ic", conv(32, 32, 16, 16, 3, 3, output_zero_point=4))
    yield LayerRow("ic", layers.Add(32 * 32 * 16))
    for size, depth in ((32, 16), (16, 32)):
        half = size // 2
        yield LayerRow("ic", conv(size, size, depth, 2 * depth, 3, 3, 2))
        yield LayerRow("ic", conv(half, half, 2 * depth, 2 * depth, 3, 3, output_zero_point=4))
        yield LayerRow("ic", conv(size, size, depth, 2 * depth, 1, 1, 2, output_zero_point=4))
        yield LayerRow("ic", layers.Add(half * half * 2 * depth))
    yield LayerRow("ic", layers.AveragePool(8, 8, 64))
    yield LayerRow("ic", layers.Dense(64, 10, output_zero_point=4))
    yield LayerRow("ic", layers.Softmax(10))


def model_rows() -> list[LayerRow]:
    """The layers of kws, ic, ad, person and vww (without dead channels removed)."""
    kws = [
        LayerRow("kws", layers.Conv(49, 10, 1, 64, 10, 4, 2)),
        LayerRow("kws", layers.Depthwise(25, 5, 64), 4),
        LayerRow("kws", layers.Pointwise(125, 64, 64), 4),
        LayerRow("kws", layers.AveragePool(25, 5, 64)),
        LayerRow("kws", layers.Dense(64, 12, output_zero_point=4)),
        LayerRow("kws", layers.Softmax(12)),
    ]
    ad = [
        LayerRow("ad", layers.Dense(640, 128)),
        LayerRow("ad", layers.Dense(128, 128), 6),
        LayerRow("ad", layers.Dense(128, 8)),
        LayerRow("ad", layers.Dense(8, 128)),
        LayerRow("ad", layers.Dense(128, 640, output_zero_point=4)),
    ]
    return [*kws, *_resnet(), *ad, *_mobilenet("person", 1), *_mobilenet("vww", 3)]


GOALS = {
    "kws": (4.3, 3.9),
    "ic": (16.5, 15.0),
    "ad": (0.36, 0.34),
    "person": (11, 9.5),
    "vww": (8, 6),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--toolchain", choices=("zig", "gcc"), default="zig")
    parser.add_argument("--model")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        core = harness.CortexM4(harness.build_cortex_m4(Path(folder), options.toolchain))
    totals: dict[str, int] = {}
    known: dict[cases.Layer, int] = {}
    for row in model_rows():
        if options.model not in (None, row.model):
            continue
        if row.layer not in known:
            case = row.layer.case(np.random.default_rng(1))
            case.check(core)
            known[row.layer] = core.cycles
        cycles = known[row.layer]
        totals[row.model] = totals.get(row.model, 0) + cycles * row.count
        rate = f"{cycles / row.layer.macs:6.3f}" if row.layer.macs else " " * 6
        print(f"{row.model:7}{row.count} x {row.layer.label:40}{cycles:10,}{rate:>8}", flush=True)
    for model, cycles in totals.items():
        goal, stretch = GOALS[model]
        print(f"{model:7}{cycles / 1e6:8.3f} M   goal {goal} M, stretch {stretch} M")


if __name__ == "__main__":
    main()
