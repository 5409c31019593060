"""What the cycles of a step of a plan grow with, from the params of its kernel."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tinydeploy.lower.plan.ir import Step
from tinydeploy.ops import features as of_operators
from tinydeploy.ops.features import Features

RUN_KERNEL = "RunKernel"
_PLACES = (("out_height", "out_width"), ("pixels",), ("batches",), ("rows",))
_WIDTHS = ("out_channels", "channels", "units", "bytes", "length", "count", "depth")
_DEPTHS = ("group_depth", "in_channels", "depth")
_LANES = 4  # channels that the kernels take at a time


def key(step: Step) -> str:
    """The function with the inner loops it is given; of the interpreter's kernels the operator."""
    if step.function == RUN_KERNEL and step.op is not None:
        return f"{RUN_KERNEL} {of_operators.key(step.op)}"
    inner = [argument for argument in step.arguments if isinstance(argument, str)]
    return " ".join([step.function, *(name for name in inner if name.startswith("td_"))])


def features(step: Step) -> Features:
    """Counts by name, none below 0; `one` is the call itself."""
    if step.function == RUN_KERNEL and step.op is not None:
        return of_operators.features(step.op)
    numbers = {name: int(value) for name, value in step.params.items() if isinstance(value, int)}
    out, taken = (sum(buffer.size for buffer in some) for some in (step.writes, step.reads))
    places = _places(numbers) * _runs(step)
    width = _width(numbers)
    lanes = _padded(width, _LANES)
    taps = numbers.get("kernel_height", 1) * numbers.get("kernel_width", 1)
    depth = taps * next((numbers[name] for name in _DEPTHS if name in numbers), 1)
    plane = numbers.get("in_height", 1) * numbers.get("in_width", 1)
    return {
        "one": 1.0,
        "out": out,
        "in": taken,
        "macs": step.macs,
        "places": places,
        "lanes": places * lanes,
        "window": places * depth,
        "taps": places * taps * width,
        "products": _padded(places, 2) * lanes * _padded(depth, _LANES),
        "planes": plane * lanes,
        "lines": numbers.get("out_height", 1) * lanes,
        "groups": lanes,
        "moved": places * width,
        "short": places * (width % _LANES),
    }


def _runs(step: Step) -> int:
    """How often a move is repeated."""
    counts = step.params.get("counts", ())
    return math.prod(counts) if isinstance(counts, tuple) else 1


def _width(numbers: Mapping[str, int]) -> int:
    """Channels that are computed, or bytes of a run."""
    if "group_depth" in numbers:
        return numbers.get("channels", 1)
    return next((numbers[name] for name in _WIDTHS if name in numbers), 1)


def _places(numbers: Mapping[str, int]) -> int:
    """Pixels, rows or batches that the kernel goes over."""
    for names in _PLACES:
        if all(name in numbers for name in names):
            found = 1
            for name in names:
                found *= numbers[name]
            return found
    return 1


def _padded(count: int, to: int) -> int:
    return -(-count // to) * to
