"""Weights, bias and requantization as the fast kernels take them, and what they cannot take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tinydeploy.graph.ir import Array, Op, Tensor
from tinydeploy.lower.lowering import scale_of
from tinydeploy.lower.packing import sums
from tinydeploy.lower.packing.exactness import (
    Scaling,
    channel_scaling,
    crowded_lanes,
    plain_scaling,
)
from tinydeploy.lower.rules.conv_operands import data_of, effective_scales


@dataclass(frozen=True)
class Folded:
    """A layer as a fast kernel takes it.

    Attributes:
        rows: weights [out, depth], zeros where they don't count.
        start: folded bias, int64 [out].
        scaling: requantization.
        slow: why the general kernel has to compute a channel, by channel.
    """

    rows: Array
    start: Array
    scaling: Scaling
    slow: Mapping[int, str]

    @property
    def why(self) -> str:
        """What `slow` says, in a line: "2 of 64 channels: scale"."""
        counts = Counter(self.slow.values())
        reasons = ", ".join(
            f"{reason} ({n})" if len(counts) > 1 else reason for reason, n in counts.most_common()
        )
        return f"{len(self.slow)} of {len(self.rows)} channels: {reasons}"


@dataclass(frozen=True)
class Price:
    """Cycles in units of the interpreter's for the layer (docs/engines.md): of the fast kernel, of
    the general one for as many channels alone, and for a quarter as many times four, as a layer has
    channels.
    """

    fast: float
    alone: float
    four: float

    def is_too_high(self, folded: Folded) -> bool:
        """Whether the interpreter's kernel is faster than the two together."""
        fours, rest = divmod(len(folded.slow), 4)
        general = (self.four * fours + self.alone * rest) / len(folded.rows)
        return bool(folded.slow) and self.fast + general > 1


def fold(
    op: Op,
    source: Tensor,
    weights: Tensor,
    filters: Array,
    *,
    biased: bool,
    few: bool = False,
    plain: bool = False,
) -> Folded:
    """Folded bias and requantization of `filters` [out, height, width, depth]: TFLM's if `plain`.

    The clamp of a fused activation is left to `finish`. A layer of few outputs takes the signed
    variant where that is exact, too, so that a small model links one variant.
    """
    rows = filters.reshape(len(filters), -1)
    bias, zero_point = op.input(2), scale_of(source)[1]
    start = sums.fold_bias(None if bias is None else data_of(bias), rows, zero_point)
    scales = effective_scales(op, source, weights, len(rows))
    bounds, output_zero_point = sums.accumulator_bounds(rows, start), scale_of(op.outputs[0])[1]
    if plain:
        scaling = plain_scaling(scales, output_zero_point, bounds)
    else:
        scaling = channel_scaling(scales, output_zero_point, bounds, biased=biased)
    if few:
        signed = channel_scaling(scales, output_zero_point, bounds, biased=biased, mode="signed")
        scaling = signed if len(signed.reasons) <= len(scaling.reasons) else scaling
    slow = dict(scaling.reasons)
    rows, start = _without(scaling.fixed, rows), _without(scaling.fixed, start)
    if biased:  # two channels in a lane
        crowded = np.zeros(len(rows), np.bool_)
        crowded[crowded_lanes(rows)] = True
        slow |= dict.fromkeys(np.flatnonzero(crowded).tolist(), "weights of -128")
        rows, start = _without(crowded, rows), _without(crowded, start)
    return Folded(rows, start, scaling, slow)


def _without(channels: Array, values: Array) -> Array:
    """`values` [out, ...] with zeros for some channels."""
    return np.where(channels.reshape(-1, *[1] * (values.ndim - 1)), 0, values).astype(values.dtype)
