"""The compiled plan: which kernel runs when, on which pieces of memory, with which constants.

Lowering makes it from the graph, `memory` gives every buffer its offset in the arena, `emit` writes
it as C++. A step is one call of a kernel of firmware/dsp, or of one of firmware/kernels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.abi import params as declared
from tinydeploy.graph.ir import Op, Tensor

Array = npt.NDArray[Any]
Number = int | float | bool
Field = Number | tuple[int, ...]  # of a params struct


@dataclass(frozen=True, eq=False)
class Constant:
    """An array in flash.

    Attributes:
        name: what it is, for the name in C++: "weights", "bias".
        values: elements of a type that C++ has: int8 to int32, uint8 to uint32, float32.
        alignment: bytes; kernels load words.
    """

    name: str
    values: Array
    alignment: int = 4

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for constants that may be one in flash."""
        values = np.ascontiguousarray(self.values)
        return self.name, values.dtype.str, self.alignment, values.tobytes()


@dataclass(frozen=True, eq=False)
class Records:
    """An array of structs in flash: `rows` of the C++ type `ctype`, each a list of its fields."""

    name: str
    ctype: str
    rows: Sequence[Sequence[Number]]

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for records that may be one in flash."""
        return self.name, self.ctype, tuple(map(tuple, self.rows))


@dataclass(eq=False)
class Buffer:
    """A piece of the arena.

    Attributes:
        size: bytes.
        tensor: what it holds; None for scratch memory.
        offset: bytes from the start of the arena; set by `memory.planner`.
        base: buffer that this one lies in, at `shift` bytes: an output computed in place.
        root: the buffer that decides where this one lies, `address_in_root` bytes from its start.
    """

    name: str
    size: int
    tensor: Tensor | None = None
    offset: int = -1
    base: Buffer | None = None
    shift: int = 0
    root: Buffer = field(init=False, repr=False)
    address_in_root: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Once and for all: a file may have ten thousand outputs one over the other."""
        self.root = self
        if self.base is not None:
            self.root = self.base.root
            self.address_in_root = self.base.address_in_root + self.shift

    @property
    def address(self) -> int:
        """Offset in the arena."""
        return self.root.offset + self.address_in_root


@dataclass(frozen=True, eq=False)
class Pointer:
    """A buffer as a kernel's argument, as a pointer to `ctype`."""

    buffer: Buffer
    ctype: str = "int8_t"


Argument = Pointer | Constant | Records | Number | str  # str: a C++ expression as it stands


@dataclass(frozen=True)
class Kernel:
    """A function of firmware/kernels.

    Attributes:
        file: that defines it, relative to firmware/kernels.
        expression: in C++, inside that file.
    """

    file: str
    expression: str

    @property
    def name(self) -> str:
        """Of the constant that points to it, the same in every plan."""
        text = f"{PurePosixPath(self.file).with_suffix('')}_{self.expression}"
        words = "".join(c if c.isalnum() else " " for c in text).split()
        return "kKernel" + "".join(word[0].upper() + word[1:] for word in words)


@dataclass(eq=False)
class Step:
    """One call: `function(params, arguments...)`.

    Raises:
        FieldRangeError: a number that the field of the params struct does not hold.

    Attributes:
        title: the operator, names and shapes, for the comment above it.
        header: file that declares the function, relative to firmware/.
        params_type: C++ type of the first argument, "" if the function takes no params.
        params: its fields by name.
        reads, writes: buffers it needs; scratch buffers are in neither but in `scratch`.
        kernel: of the interpreter, that the arguments refer to by its name.
        op_index: operator of the .tflite that this step finishes.
        macs: multiply-accumulates, after what could be removed was removed.
        fallback: why no faster kernel computes it, "" if there is none.
        op: the operator that it was lowered from; None for a step of no operator.
    """

    title: str
    op_name: str
    header: str
    function: str
    arguments: list[Argument]
    reads: list[Buffer]
    writes: list[Buffer]
    params_type: str = ""
    params: Mapping[str, Field] = field(default_factory=dict)
    scratch: list[Buffer] = field(default_factory=list)
    kernel: Kernel | None = None
    op_index: int = 0
    macs: int = 0
    fallback: str = ""
    op: Op | None = None

    def __post_init__(self) -> None:
        if self.params_type in declared.BY_NAME:
            declared.BY_NAME[self.params_type].require(self.params)

    @property
    def buffers(self) -> list[Buffer]:
        """Everything in the arena that must be there while it runs."""
        return [*self.reads, *self.writes, *self.scratch]


@dataclass(eq=False)
class Plan:
    """Steps in execution order.

    Attributes:
        inputs, outputs: buffers of the model's inputs and outputs, in order.
        resets: steps that give what is kept from inference to inference its first value; they run
            before the first one.
        arena_bytes: end of the highest buffer, once placed.
        lower_bound: bytes that no placement of these steps can do without.
    """

    steps: list[Step]
    inputs: list[Buffer]
    outputs: list[Buffer]
    resets: list[Step] = field(default_factory=list)
    arena_bytes: int = 0
    lower_bound: int = 0

    @property
    def calls(self) -> list[Step]:
        """Steps and resets, as they are numbered in C++."""
        return [*self.steps, *self.resets]

    @property
    def kept(self) -> list[Buffer]:
        """What lasts from one inference to the next."""
        return [buffer for step in self.resets for buffer in step.writes]

    def finished_tensor(self, index: int) -> Tensor | None:
        """The tensor that is complete after step `index`; None if a later step goes on with it."""
        tensor = self.steps[index].writes[0].tensor
        later = (step.writes[0].tensor for step in self.steps[index + 1 :])
        return None if any(other is tensor for other in later) else tensor

    @property
    def flash_constants_bytes(self) -> int:
        """Bytes of all constant arrays, equal ones once."""
        arrays = {
            argument.key: np.asarray(argument.values).nbytes
            for step in self.calls
            for argument in step.arguments
            if isinstance(argument, Constant)
        }
        return int(sum(arrays.values()))

    def owners(self) -> dict[Constant | Records, int]:
        """For each constant the first step that has an equal one: it is in flash once."""
        first: dict[tuple[object, ...], int] = {}
        return {
            argument: first.setdefault(argument.key, index)
            for index, step in enumerate(self.calls)
            for argument in step.arguments
            if isinstance(argument, (Constant, Records))
        }
