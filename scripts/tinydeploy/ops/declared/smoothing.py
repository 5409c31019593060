"""Averages over inferences, such as of a classifier's scores. TFLM has no such operator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinydeploy.graph.ir import Array, Op
from tinydeploy.ops import shape_rules
from tinydeploy.ops.custom_options import options_of
from tinydeploy.ops.operator import Operator
from tinydeploy.ops.own_rules import first

_FRACTION_BITS = 15  # of the share and of integer averages
_SMALLEST = 2.0**-_FRACTION_BITS
_STARTED_BYTES = 4
_AVERAGE_BYTES = 4


def _averages(op: Op) -> int:
    return _STARTED_BYTES + first(op).size * _AVERAGE_BYTES


def _reference(op: Op) -> Callable[[Sequence[Array]], list[Array]]:
    """output += share * (input - output); the first input is taken as it is.

    Raises:
        ValueError: no such share.
    """
    share = np.float32(options_of(op).get("share", 0))
    if not _SMALLEST <= share <= 1:
        raise ValueError(f"share {share:g} is not from {_SMALLEST:g} to 1")
    average: Array | None = None

    def floats(inputs: Sequence[Array]) -> list[Array]:
        nonlocal average
        (x,) = inputs
        average = x.copy() if average is None else average + share * (x - average)
        return [average]

    def integers(inputs: Sequence[Array]) -> list[Array]:
        nonlocal average
        (x,) = inputs
        given = x.astype(np.int64) << _FRACTION_BITS
        part = int(share * np.float32(1 << _FRACTION_BITS) + np.float32(0.5))
        half = 1 << (_FRACTION_BITS - 1)
        if average is None:
            average = given
        else:
            average = average + (((given - average) * part + half) >> _FRACTION_BITS)
        return [((average + half) >> _FRACTION_BITS).astype(x.dtype)]

    return floats if first(op).type.is_float else integers


OPERATORS = {
    "ExponentialAverage": Operator(
        "float32, int8, int16", shape=shape_rules.same, state=_averages, reference=_reference
    ),
}
