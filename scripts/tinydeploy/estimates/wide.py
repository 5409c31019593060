"""The fuzzer's models of one operator with tensors of the sizes that people deploy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinydeploy.fuzz.cases import FLOAT_TOLERANCE, Case, finish
from tinydeploy.fuzz.draw import Draw, Shape, Types, UnfitError, concretely
from tinydeploy.fuzz.families import GENERATORS
from tinydeploy.graph.ir import Tensor, Type

_FACTOR = 4  # by which sizes are larger
_LARGEST = 24_000  # elements of a tensor
_TRIES = 20


class WideDraw(Draw):
    """Larger sizes, but nothing too large for the bench."""

    def shape(self, rank: int, most: int = 6) -> Shape:
        """As in a small case, every size up to several times larger."""
        factor = self.integer(1, _FACTOR)
        return super().shape(rank, most * factor)

    def image(self, kind: Type, channels: int | None = None, most: int = 12) -> Tensor:
        """With as many channels as layers have."""
        wanted = self.pick((1, 2, 3, 4, 8, 12, 16, 24, 32)) if channels is None else channels
        return self.source(kind, shape=(1, *self.shape(2, most), wanted))

    def require_size(self, shape: Sequence[int]) -> None:
        """As in a small case, with a limit of its own."""
        if not 0 < math.prod(shape) <= _LARGEST:
            raise UnfitError


def case(seed: int, number: int, names: Sequence[str]) -> Case | None:
    """Case `number`, which stands for operators in turn; None where none came out."""
    rng = np.random.default_rng([seed, number, 3])
    code, _, types = (subject := names[number % len(names)]).partition(" ")
    every = concretely(types)
    for _ in range(_TRIES):
        draw = WideDraw(rng)
        try:
            GENERATORS[code](draw, code, Types.parse(draw.pick(every)))
        except UnfitError:
            continue
        draw.build.subgraph.outputs = list(draw.build.subgraph.ops[-1].outputs)
        return finish(draw, number, subject, subject, FLOAT_TOLERANCE)
    return None
