"""What the firmware's own list of kernels says of them: firmware/kernels/ops.def."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from tinydeploy.config import FIRMWARE_DIR
from tinydeploy.graph.ir import Op
from tinydeploy.graph.schema import OPERATORS

OPS_DEF = FIRMWARE_DIR / "kernels" / "ops.def"
_ROW = re.compile(
    r"^TINYDEPLOY_OP(_IN_PLACE)?\((\w+), (\w+), (\d+), (\d+), (\d+|kAny), (\d+|kAny)\)$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Row:
    """An operator of the firmware.

    Attributes:
        name: as in `Prepare<name>` and the resolver's `Add<name>`.
        code: name in the schema, or what models call a custom operator.
        builtin: number in the schema.
        fewest_inputs, most_inputs, outputs: None: any number.
        in_place: its output may lie on an input of the same type and size.
    """

    name: str
    code: str
    builtin: int
    fewest_inputs: int
    most_inputs: int | None
    outputs: int | None
    in_place: bool

    @property
    def is_custom(self) -> bool:
        """Whether the schema does not know it."""
        return self.builtin == OPERATORS["CUSTOM"]

    @property
    def method(self) -> str:
        """The resolver's method that registers it."""
        return f"Add{self.name}"


@cache
def rows() -> Mapping[str, Row]:
    """All operators by `code`."""
    found = map(_row, _ROW.findall(OPS_DEF.read_text(encoding="utf-8")))
    return {row.code: row for row in found}


def row_of(op: Op) -> Row | None:
    """The kernel that runs `op`; None: there is none."""
    is_custom = op.code == "CUSTOM"
    row = rows().get(op.custom_code if is_custom else op.code)
    return row if row is not None and row.is_custom == is_custom else None


def is_in_place(op: Op) -> bool:
    """Whether an output of `op` may lie on an input of the same type and size."""
    row = row_of(op)
    return row is not None and row.in_place


def _row(words: tuple[str, ...]) -> Row:
    marked, name, code, builtin, fewest, most, outputs = words
    return Row(name, code, int(builtin), int(fewest), _count(most), _count(outputs), bool(marked))


def _count(word: str) -> int | None:
    return None if word == "kAny" else int(word)
