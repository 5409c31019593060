"""Random choices, and the model that they make.

A generator of an operator asks `Draw` for its operands. In a model of one operator they are new
inputs; in a whole graph they are mostly tensors that are there already, so that the same generators
grow both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from tinydeploy.fuzz import patterns, rooms
from tinydeploy.fuzz.edges import Edge
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Array, Quantization, Subgraph, Tensor, Type, per_tensor
from tinydeploy.ops.operator import ANY

Shape = tuple[int, ...]
T = TypeVar("T")

RANKS = (1, 2, 3, 4)
LARGEST = 4608  # elements of a tensor: 24 x 24 of 8 channels
LARGEST_AT_EDGE = 66_000
_LONG = 1000
_WINDOWS = {"kernel_height": 1, "dilation_height": 1, "kernel_width": 2, "dilation_width": 2}
MOST_INPUTS = 4  # of a graph
REUSE = 0.93  # how often a graph goes on with a tensor that it has


class UnfitError(Exception):
    """The operands that came up do not go together; draw again."""


@dataclass(frozen=True)
class Types:
    """A type combination of ops/declared; `weights` and `result` are the data's if not named."""

    data: Type
    weights: Type
    result: Type

    @staticmethod
    def parse(text: str) -> Types:
        """From "int16 x int8" or "int8 -> float32"."""
        given, _, result = text.partition(" -> ")
        data, _, weights = given.partition(" x ")
        words = (data, weights or data, result or data)
        return Types(*(Type[word.upper()] for word in words))


def concretely(types: str) -> list[str]:
    """Combinations to draw from where ops/declared says `any`."""
    return ["float32", "int16", "int32", "int8"] if types == ANY else [types]


@dataclass(frozen=True)
class Mark:
    """How far a graph had grown."""

    tensors: int
    ops: int
    inputs: int
    pool: int
    called: int


class Draw:
    """Random choices from one seed.

    Attributes:
        rng: the source of all of them.
        build: the model so far.
        pool: tensors to go on with; stays empty for a model of one operator.
        grows: whether a whole graph is wanted.
        low, high: range of float inputs.
        called: subgraphs beside the main one.
        edge: a size at a limit that is wanted; met: it was asked for.
    """

    def __init__(
        self, rng: np.random.Generator, *, grows: bool = False, edge: Edge | None = None
    ) -> None:
        self.rng = rng
        self.build = Builder()
        self.pool: list[Tensor] = []
        self.grows = grows
        self.low, self.high = -4.0, 4.0
        self.called: list[Subgraph] = []
        self.edge, self.met = edge, False

    # Numbers

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return bool(self.rng.random() < probability)

    def integer(self, low: int, high: int) -> int:
        """From low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def size(self, name: str, low: int, high: int) -> int:
        """A size that may have a limit, from low to high unless the edge is wanted."""
        usual = self.integer(low, high)
        wanted = self.edge_of(name)
        return usual if wanted is None else wanted

    def edge_of(self, *names: str) -> int | None:
        """The edge that is wanted, if it is of this size."""
        if self.edge is None or self.edge.size not in names:
            return None
        self.met = True
        return self.edge.value

    def rectangle(self, area: int) -> tuple[int, int]:
        """Height and width."""
        small = [n for n in range(1, math.isqrt(area) + 1) if area % n == 0]
        height = self.pick(sorted({*small, *(area // n for n in small)}))
        return height, area // height

    def up_to(self, usual: int, most: int) -> int:
        """From 0 to `usual`, or one time in two to `most`."""
        return self.integer(0, self.pick((usual, most)))

    def pick(self, options: Sequence[T]) -> T:
        """One of them."""
        return options[int(self.rng.integers(len(options)))]

    def shape(self, rank: int, most: int = 6) -> Shape:
        """Sizes from 1 to `most`; a size of 1 is drawn more often than others."""
        sizes = self.rng.integers(1, most + 1, rank)
        return tuple(1 if self.chance(0.1) else int(size) for size in sizes)

    def activation(self, kind: Type) -> str:
        """A fused activation; TFLM clamps 16-bit sums by NONE and RELU only where it is exact."""
        if kind is Type.INT16:
            return self.pick(("NONE", "RELU"))
        return self.pick(("NONE", "NONE", "RELU", "RELU6", "RELU_N1_TO_1"))

    # Quantization and values

    def quantization(self, kind: Type, largest: float = 12.0) -> Quantization | None:
        """As `scale`; None for floats and for integers that count."""
        return self.scale(kind, largest) if kind in (Type.INT8, Type.UINT8, Type.INT16) else None

    def scale(self, kind: Type, largest: float = 12.0) -> Quantization:
        """A scale whose real range ends between `largest`/100 and `largest`.

        One in twenty is extreme, so that everything saturates or rounds to one number. One in four
        is at an edge of rounding, see `rounding_edge`.
        """
        steps = {Type.INT8: 128, Type.UINT8: 128}.get(kind, 32768)
        reach = largest * 10 ** float(self.rng.uniform(-2, 0))
        if self.chance(0.05):
            reach *= self.pick((0.01, 30.0))
        real = self.rounding_edge(reach / steps) if self.chance(0.25) else reach / steps
        return per_tensor(float(np.float32(real)), self.zero_point(kind))

    def rounding_edge(self, real: float) -> float:
        """A scale of about this size that makes ties, or the first or last multiplier of a shift.

        A power of two, or such a multiple of a scale that the model has: their ratio is a power of
        two, and every second result a tie. Half of them one float further.
        """
        known = [t.quantization.scale for t in self.build.subgraph.tensors if t.quantization]
        base = self.pick(known) if known and self.chance(0.6) else 1.0
        base *= self.pick((1.0, 1.0, 1.5, 3.0, 1.25))
        power = np.float32(base * 2.0 ** round(math.log2(real / base)))
        to = self.pick((None, None, np.float32(0), np.float32(np.inf)))
        return float(power if to is None else np.nextafter(power, to))

    def zero_point(self, kind: Type) -> int:
        """Often an end of the range, as rectified activations have it."""
        if kind is Type.INT8:
            return self.pick((-128, 127, 0, *([self.integer(-128, 127)] * 4)))
        return self.integer(0, 255) if kind is Type.UINT8 else 0

    def values(self, shape: Sequence[int], kind: Type) -> Array:
        """Values over the whole range of the type, its ends more often; floats from low to high."""
        if kind is Type.FLOAT32:
            plain = self.rng.uniform(self.low, self.high, shape)
            halves = np.clip(np.round(plain * 2) / 2, self.low, self.high)
            mixed: Array = np.where(self.rng.random(shape) < 0.1, halves, plain)
            return mixed.astype(np.float32)
        if kind is Type.BOOL:
            return self.rng.integers(0, 2, shape).astype(bool)
        if kind in (Type.INT32, Type.INT64):
            return self.rng.integers(-100, 101, shape).astype(kind.dtype)
        if kind in (Type.UINT32, Type.UINT64):  # of all magnitudes
            if self.chance(0.3):
                return patterns.values(self.rng, shape, kind.dtype)
            wide = self.rng.integers(0, 1 << kind.bits, shape, kind.dtype)
            shifted: Array = wide >> self.rng.integers(0, kind.bits, shape).astype(kind.dtype)
            return shifted
        if self.chance(0.3):
            return patterns.values(self.rng, shape, kind.dtype)
        info = np.iinfo(kind.dtype)
        inside = self.rng.integers(info.min, info.max + 1, shape)
        ends = np.where(self.rng.random(shape) < 0.5, info.min, info.max)
        given: Array = np.where(self.rng.random(shape) < 0.1, ends, inside).astype(kind.dtype)
        return given

    # Operands

    def source(
        self,
        kind: Type,
        ranks: Sequence[int] = RANKS,
        *,
        shape: Shape | None = None,
        like: Tensor | None = None,
        quantization: Quantization | None = None,
        most: int = 6,
        suits: Callable[[Tensor], bool] = lambda tensor: True,
    ) -> Tensor:
        """An activation: of the graph where it has one that suits, else a new input.

        Args:
            shape: the very shape wanted; else one of these ranks, with sizes up to `most`.
            like: it must have this tensor's quantization.
            quantization: for a new input.
        """

        def fits(tensor: Tensor) -> bool:
            same = like is None or _same_scale(tensor, like)
            right = tensor.shape == shape if shape is not None else len(tensor.shape) in ranks
            return tensor.type is kind and right and same and suits(tensor)

        found = [tensor for tensor in self.pool if fits(tensor)]
        if found and self.chance(REUSE):
            recent = found[-6:]
            return self.pick(recent if self.chance(0.6) else found)
        if self.grows and len(self.build.subgraph.inputs) >= MOST_INPUTS:
            raise UnfitError
        wanted = shape if shape is not None else self.shape(self.pick(ranks), most)
        self.require_size(wanted)
        given = like.quantization if like is not None else quantization or self.quantization(kind)
        new = self.build.input(wanted, kind, given)
        if not suits(new):
            raise UnfitError
        self._keep(new)
        return new

    def image(self, kind: Type, channels: int | None = None, most: int = 12) -> Tensor:
        """A source of rank 4: [batch, height, width, channels]; channels None: any."""
        batches = 1 if self.chance(0.85) else 2
        height, width = self.shape(2, most)
        depth = (
            self.pick((self.integer(1, 9), self.integer(1, 9), 3, 4, 8, 16))
            if channels is None
            else channels
        )
        shape = self._at_edge(batches, height, width, depth)
        if not self.grows:
            return self.source(kind, shape=shape)
        return self.source(
            kind, (4,), most=8, suits=lambda t: channels is None or t.shape[3] == channels
        )

    def _at_edge(self, batches: int, height: int, width: int, channels: int) -> Shape:
        """The image with what is wanted of it; a window at the edge fits one time in two."""
        sizes = [batches, height, width, channels]
        names = (("batches",), ("in_height",), ("in_width",), ("in_channels", "channels"))
        for axis, name in enumerate(names):
            wanted = self.edge_of(*name)
            if wanted is not None:
                sizes = sizes if wanted < _LONG else [1, 1, 1, 1]
                sizes[axis] = wanted
        if self.edge is not None and self.edge.size in _WINDOWS and self.chance(0.5):
            sizes[_WINDOWS[self.edge.size]] += self.edge.value
        return tuple(sizes)

    def other(self, kind: Type, shape: Shape, *, like: Tensor | None = None) -> Tensor:
        """A second operand: a source, or a constant one time in four."""
        if self.chance(0.25):
            given = like.quantization if like is not None else self.quantization(kind)
            return self.build.constant(self.values(shape, kind), kind, given)
        return self.source(kind, shape=shape, like=like)

    def numbers(self, values: Any, kind: Type = Type.INT32) -> Tensor:
        """Constant indices, sizes or axes."""
        return self.build.constant(np.asarray(values, kind.dtype), kind)

    def axis(self, rank: int) -> tuple[int, int]:
        """An axis from 0 on, and how the model says it: one time in three from the end."""
        axis = self.integer(0, rank - 1)
        return axis, axis - rank if self.chance(0.33) else axis

    # Results

    def result(
        self,
        code: str,
        inputs: Sequence[Tensor | None],
        shape: Sequence[int],
        kind: Type,
        quantization: Quantization | None = None,
        **options: Any,
    ) -> Tensor:
        """Add the operator with one output; its quantization is random unless given."""
        self.require_size(shape)
        given = quantization or self.quantization(kind)
        sizes = tuple(int(size) for size in shape)  # numpy's integers mean trouble in a file
        output = self.build.op(code, inputs, sizes, kind, given, **options)
        self._keep(output)
        return output

    def results(
        self, code: str, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor], **options: Any
    ) -> None:
        """Add the operator with several outputs, made by `build.tensor`."""
        self.build.ops(code, inputs, outputs, **options)
        for output in outputs:
            self._keep(output)

    def call(self, subgraph: Subgraph) -> int:
        """Add a subgraph for control flow; its index in the model."""
        self.called.append(subgraph)
        return len(self.called)

    def require_size(self, shape: Sequence[int]) -> None:
        """Not too large a tensor, and not an empty one, which TFLM refuses."""
        most = LARGEST if self.edge is None else LARGEST_AT_EDGE
        if not 0 < math.prod(shape) <= most:
            raise UnfitError

    def require_constant(self, shape: Sequence[int], kind: Type) -> None:
        """Not too large a constant, before any time is spent on its values."""
        if math.prod(shape) * kind.bits > 8 * rooms.CONSTANT_BYTES:
            raise UnfitError

    def _keep(self, tensor: Tensor) -> None:
        if self.grows and tensor not in self.pool:
            self.pool.append(tensor)

    # Going back

    def mark(self) -> Mark:
        """Where `undo` goes back to."""
        graph = self.build.subgraph
        sizes = (len(graph.tensors), len(graph.ops), len(graph.inputs), len(self.pool))
        return Mark(*sizes, len(self.called))

    def undo(self, mark: Mark) -> None:
        """Forget what was added since."""
        graph = self.build.subgraph
        del graph.tensors[mark.tensors :]
        del graph.ops[mark.ops :]
        del graph.inputs[mark.inputs :]
        del self.pool[mark.pool :]
        del self.called[mark.called :]


def _same_scale(tensor: Tensor, other: Tensor) -> bool:
    if tensor.quantization is None or other.quantization is None:
        return tensor.quantization is other.quantization
    return tensor.quantization.same(other.quantization)
