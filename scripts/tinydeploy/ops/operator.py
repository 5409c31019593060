"""What the host knows of one operator; `declared` has all of them.

Name, code, number of inputs and whether it may write over an input come from
firmware/kernels/ops.def; the size of its params comes from the kernels' build, `params.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinydeploy.graph.ir import Array, Op

Shape = tuple[int, ...]
Size = Callable[[Op], int]
# Outputs of one inference after another, by the inputs; what it keeps, it keeps itself.
Reference = Callable[[Op], Callable[[Sequence[Array]], list[Array]]]

# Of operators that only pass data on to others: the kernels check sizes, not types.
ANY = "any"


@dataclass(frozen=True)
class LookUp:
    """Numbers of one input are places in another, along the option `axis`."""

    places: int
    table: int


@dataclass(frozen=True)
class Operator:
    """One operator. What it has none of is left out.

    Attributes:
        types: combinations that the kernel takes, separated by commas. Each is the type of the
            data, "x" the type of the weights where it has weights, "->" the type of the result
            where that differs from the data's: "int8", "int16 x int8", "int8 -> float32".
        data: which input has the data.
        weights: which input has the weights.
        shape: shape of the first output; None where it is not known before it runs. ValueError:
            inputs or options that it cannot take.
        macs: multiply-accumulates, products of data with weights or data.
        scratch: bytes of each buffer that is there while it runs.
        state: bytes that it keeps from run to run. Variables are tensors.
        trailing: bytes of its params besides the struct.
        flash_bytes: what its kernel adds to an image, estimated.
        calls: options that name subgraphs which it runs.
        shares: reads or writes a variable that a handle names.
        has_variables: keeps values in variables.
        moves: moves data without looking at it.
        axis: constant input with the axis, for those that move pieces along one and do not have
            it as an option.
        channelwise: each channel of the output comes from the same channel of the input.
        keeps_values: gives its input's values in another shape or type.
        look_up: where it takes places in a table.
        reference: starts it in NumPy, where TFLM has no such operator to judge ours by. The result
            must be exact for integers, as the kernel's is. ValueError: options that it does not
            take; the text says which.
    """

    types: str
    data: int = 0
    weights: int | None = None
    shape: Callable[[Op], Shape | None] | None = None
    macs: Size | None = None
    scratch: Callable[[Op], tuple[int, ...]] | None = None
    state: Size | None = None
    trailing: Size | None = None
    flash_bytes: int = 1_500
    calls: tuple[str, ...] = ()
    shares: bool = False
    has_variables: bool = False
    moves: bool = False
    axis: int | None = None
    channelwise: bool = False
    keeps_values: bool = False
    look_up: LookUp | None = None
    reference: Reference | None = None

    @property
    def combinations(self) -> frozenset[str]:
        """`types`, one by one."""
        return frozenset(part.strip() for part in self.types.split(","))

    @property
    def remembers(self) -> bool:
        """Whether an inference depends on those before."""
        return self.state is not None or self.shares or self.has_variables


def each(names: str, operator: Operator) -> dict[str, Operator]:
    """The same for several names, which are separated by spaces."""
    return dict.fromkeys(names.split(), operator)
