"""A call of a kernel and what must come out of it; random weights for that."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tinydeploy.abi.layout import Numbers, Struct
from tinydeploy.lower.packing import sums
from tinydeploy.lower.packing.exactness import (
    Scaling,
    channel_scaling,
    quantize_multiplier,
    rescale,
)

Array = npt.NDArray[Any]
GUARD = 99  # after every output, to see writes that go too far


class Machine(Protocol):
    """kernel_lab.Host or kernel_lab.CortexM4."""

    def call(self, name: str, *arguments: Any) -> int:
        """Call a function."""


class Layer(Protocol):
    """A layer shape."""

    @property
    def label(self) -> str:
        """Name and shape."""

    @property
    def macs(self) -> int:
        """Multiplications, 0 where that is no measure."""

    def case(self, rng: np.random.Generator) -> Case:
        """Random weights and input."""


@dataclass
class Case:
    """A call of a kernel.

    Attributes:
        function: the kernel.
        params: its params struct, as bytes or a structured array.
        input: int8 or int16; 4 trailing elements of slack are added.
        expected: the same type.
        second: another input, after the first.
        tables: packed weights and other constants.
        scratch_bytes: working memory.
        extra: arguments after the scratch.
        in_place: output over input.
    """

    function: str
    params: Array
    input: Array
    expected: Array
    tables: list[Array] = field(default_factory=list)
    second: Array | None = None
    scratch_bytes: int = 0
    extra: tuple[Any, ...] = ()
    in_place: bool = False

    def run(self, machine: Machine) -> Array:
        """Call the kernel; the output, with 4 guard bytes after it."""
        size = max(self.input.size, self.expected.size) if self.in_place else self.input.size
        given = np.full(size + 4, GUARD, self.input.dtype)
        given[: self.input.size] = self.input.ravel()
        apart = np.full(self.expected.size + 4, GUARD, self.input.dtype)
        output = given if self.in_place else apart
        scratch = [np.full(self.scratch_bytes // 4, 0x55AA1234, np.uint32)] * bool(
            self.scratch_bytes
        )
        second = [] if self.second is None else [self.second.copy()]
        machine.call(
            self.function, self.params, given, *second, *self.tables, output, *scratch, *self.extra
        )
        return output

    def check(self, machine: Machine) -> None:
        """Call the kernel and compare.

        Raises:
            AssertionError: the output differs, or something past it was written.
        """
        output = self.run(machine)
        got = output[: self.expected.size].reshape(self.expected.shape)
        wrong = np.flatnonzero(got != self.expected)
        assert not len(wrong), f"{len(wrong)} wrong, first at {wrong[0]}"
        if not self.in_place or self.expected.size >= self.input.size:
            assert (output[self.expected.size :] == GUARD).all(), "wrote behind the output"


def params_of(struct: Struct, numbers: Numbers) -> Array:
    """The bytes of a kernel's params, uint8."""
    return np.array(np.frombuffer(struct.pack(**numbers), np.uint8))


def words(data: bytes) -> Array:
    """Packed bytes as uint32."""
    return np.array(np.frombuffer(data, "<u4"))


def requantize(acc: Array, scales: Array, zero_point: int) -> Array:
    """Int8 of sums [..., channels], clamped to int8."""
    numbers = [quantize_multiplier(float(scale)) for scale in scales]
    channels = [rescale(acc[..., i], *pair) for i, pair in enumerate(numbers)]
    return np.asarray(np.clip(np.stack(channels, -1) + zero_point, -128, 127), np.int8)


def random_int8(rng: np.random.Generator, *shape: int, low: int = -128) -> Array:
    """Uniform int8."""
    return rng.integers(low, 128, shape, dtype=np.int8)


def random_scales(rng: np.random.Generator, channels: int, depth: int) -> Array:
    """Factors that spread random sums over about the range of int8."""
    return np.asarray(rng.uniform(0.3, 1.5, channels) * 2 / (np.sqrt(depth) * 73), np.float64)


@dataclass(frozen=True)
class Packed:
    """Random weights in a layer's channels, with what was folded."""

    start: Array
    scales: Array
    scaling: Scaling


def fold(
    rng: np.random.Generator, weights: Array, zero_point: int, output_zero_point: int, biased: bool
) -> Packed:
    """Random bias and scales for weights [out, depth]."""
    bias = rng.integers(-5000, 5000, len(weights))
    scales = random_scales(rng, *weights.shape)
    start = sums.fold_bias(bias, weights, zero_point)
    bounds = sums.accumulator_bounds(weights, start)
    scaling = channel_scaling(scales, output_zero_point, bounds, biased=biased)
    assert not scaling.reasons
    return Packed(start, scales, scaling)
