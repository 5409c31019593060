"""The table of operators: types that run in the interpreter, in the compiled engine, with assembly.

The interpreter's types are those of ops/declared, which tests compare with the kernels. What the
compiled engine takes is found by lowering random models of each combination.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import groupby

import numpy as np

from tinydeploy.config import FIRMWARE_DIR, ROOT
from tinydeploy.fuzz import cases, plans
from tinydeploy.fuzz.draw import concretely
from tinydeploy.fuzz.families import GENERATORS
from tinydeploy.graph.ir import Model
from tinydeploy.lower.lowering import NotCompilableError
from tinydeploy.lower.rules.table import RULES
from tinydeploy.ops.types import SUPPORTED

DOCUMENT = ROOT / "docs" / "ops.md"
INTERPRETED = "the interpreter's"
SAMPLES = 100  # models of a combination that a rule may lower; of others one is enough
_COLUMNS = ("operator", "types", "interpreter", "compiled", "dsp", "kernels of the compiled engine")
_DEFINITION = re.compile(r"^[a-z].*?\b(td_\w+)\(", re.M)
_NAME = re.compile(r"\btd_\w+")
_INTRODUCTION = """\
# Operators

Written by `tinydeploy ops --write`; `tinydeploy ops --check` (in CI) says whether it is current.

{figures}

- **types**: data `x` weights `->` result, where they differ; `any`: passes data of any type on.
- **interpreter**: `--engine interpreter` runs it; `tinydeploy fuzz` compares every bit with
  TFLM, see [fuzz.md](fuzz.md).
- **compiled**: `--engine compiled` takes it, found by compiling random models. Where its own
  kernels (`td_...`) would not be exact, it calls the interpreter's: only what runs other subgraphs
  or ends an inference before its end needs the interpreter itself.
- **dsp**: a kernel uses the Cortex-M4's DSP instructions through hand-written assembly.
"""


@dataclass(frozen=True)
class Row:
    """One operator with one combination of types.

    Attributes:
        kernels: functions of firmware/dsp that the compiled engine calls, and whether it calls
            the interpreter's too.
        dsp: one of them is written in assembly, or calls what is.
    """

    operator: str
    types: str
    interpreter: bool
    compiled: bool
    dsp: bool
    kernels: tuple[str, ...]

    @property
    def marks(self) -> tuple[object, ...]:
        """All but the types."""
        return self.operator, self.interpreter, self.compiled, self.dsp, self.kernels


def rows() -> list[Row]:
    """All combinations that the interpreter runs, by name."""
    return [
        _row(code, types)
        for code in sorted(SUPPORTED, key=str.upper)
        for types in sorted(SUPPORTED[code])
    ]


def figures(table: Sequence[Row]) -> str:
    """In one line."""
    operators = len({row.operator for row in table})
    compiled = len({row.operator for row in table if row.compiled})
    return (
        f"{operators} operators with {len(table)} combinations of types; compiled: {compiled} "
        f"with {sum(row.compiled for row in table)}, of these {sum(row.dsp for row in table)} "
        "with assembly."
    )


def to_markdown(table: Sequence[Row]) -> str:
    """The document."""
    lines = [
        _INTRODUCTION.format(figures=figures(table)),
        _line(_COLUMNS),
        _line(["---"] * len(_COLUMNS)),
        *(_line([*_cells(group), ", ".join(group[0].kernels)]) for group in _groups(table)),
    ]
    return "\n".join(lines) + "\n"


def to_json(table: Sequence[Row]) -> str:
    """The rows as a list of objects, one for each combination."""
    return json.dumps([asdict(row) for row in table], indent=1)


def to_text(table: Sequence[Row]) -> str:
    """For a terminal: a line for each operator and what it does not share."""
    body = [_cells(group) for group in _groups(table)]
    heads = (*_COLUMNS[:1], "interp.", *_COLUMNS[3:5], _COLUMNS[1])
    lines = ["{:<36}{:<9}{:<10}{:<6}{}".format(*heads)]
    lines += [f"{name:<36}{i:<9}{c:<10}{d:<6}{types}" for name, types, i, c, d in body]
    return "\n".join([*lines, "", figures(table)])


def is_current(table: Sequence[Row]) -> bool:
    """Whether the committed document says what `table` does."""
    return DOCUMENT.is_file() and DOCUMENT.read_text(encoding="utf-8") == to_markdown(table)


def _groups(table: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows of an operator that differ in nothing but their types."""
    for _, of_operator in groupby(table, key=lambda row: row.operator):
        ordered = sorted(of_operator, key=lambda row: (not row.dsp, not row.compiled, row.kernels))
        for _, same in groupby(ordered, key=lambda row: row.marks):
            yield list(same)


def _cells(group: Sequence[Row]) -> list[str]:
    first = group[0]
    flags = (first.interpreter, first.compiled, first.dsp)
    types = ", ".join(row.types for row in group)
    return [first.operator, types, *("yes" if flag else "-" for flag in flags)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _row(code: str, types: str) -> Row:
    lowered = [_functions(model, code) for model in _samples(code, types)]
    found = {name for functions in lowered for name in functions or ()}
    kernels = (*sorted(found & _kernel_files().keys()), *[INTERPRETED] * ("RunKernel" in found))
    compiled = any(functions is not None for functions in lowered)
    return Row(code, types, True, compiled, bool(found & _with_assembly()), kernels)


def _samples(code: str, types: str) -> Iterator[Model]:
    if code not in GENERATORS:
        return
    every = concretely(types)
    for number in range(SAMPLES if code in RULES else 1):
        rng = np.random.default_rng([zlib.crc32(f"{code} {types}".encode()), number])
        yield cases.model_of(cases.one_op(rng, code, every[number % len(every)]))


def _functions(model: Model, code: str) -> set[str] | None:
    """What the plan calls for it, kernels passed to kernels included; None without a plan."""
    try:
        steps = [step for step in plans.lowered(model).steps if step.op_name == code]
    except NotCompilableError:
        return None
    words = [step.function for step in steps]
    words += [a for step in steps for a in step.arguments if isinstance(a, str)]
    return set(words)


@cache
def _kernel_files() -> dict[str, str]:
    """Text of the file of firmware/dsp that has each function, in C++ for the device."""
    texts = [
        path.read_text(encoding="utf-8")
        for path in sorted((FIRMWARE_DIR / "dsp").glob("*.cpp"))
        if not path.stem.endswith(("_portable", "_armv7em"))
    ]
    return {name: text for text in texts for name in _DEFINITION.findall(text)}


@cache
def _with_assembly() -> frozenset[str]:
    """Functions written in assembly, and those whose file uses it, directly or not."""
    folder = FIRMWARE_DIR / "dsp"
    headers = " ".join(path.read_text(encoding="utf-8") for path in folder.glob("*.h"))
    bodies = " ".join(path.read_text(encoding="utf-8") for path in folder.glob("*_armv7em.cpp"))
    found = set(_NAME.findall(headers)) & set(_NAME.findall(bodies))
    while more := {
        name
        for name, text in _kernel_files().items()
        if name not in found and ('"dsp/lanes.h"' in text or found & set(_NAME.findall(text)))
    }:
        found |= more
    return frozenset(found)
