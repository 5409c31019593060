"""Hostile names for damaged models, and whether the PC that reads one keeps them text.

Each text tries to be more than a name: to end a comment, to open one, to be obeyed by a terminal.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from tinydeploy import whole
from tinydeploy.errors import TinyDeployError
from tinydeploy.graph import read_tflite
from tinydeploy.graph.ir import Model
from tinydeploy.graph.write_tflite import dump
from tinydeploy.lower.build_plan import assemble
from tinydeploy.lower.emit.cpp import emit
from tinydeploy.lower.lowering import ANY_OTHER
from tinydeploy.lower.rules.table import RULES_WITHOUT_BUILDING
from tinydeploy.stages.compile import compile_model

MARK = "INJECTED"  # what a compiler must never see outside of comments and strings
TEXTS = (
    f"x\n#error {MARK}\n//",
    f"x\r#error {MARK}\r//",
    f"*/ int {MARK}; /* // \\",
    f'"; int {MARK}; //\\"',
    f"x ??/\n{MARK}",
    f"{MARK} \\",
    f"\x1b[31m{MARK}\x1b]0;title\x07\x9b1m",
    f"\u202e{MARK}\u2028{MARK}\u2066",
    f"../../{MARK}\0%s%n{{0}}$({MARK})`{MARK}`",
    f"[red]{MARK}[/nope]<script>{MARK}</script>",
    MARK * 2000,
    "",
)
_AS_THEY_ARE = {ANY_OTHER: RULES_WITHOUT_BUILDING[ANY_OTHER]}
_TEXT_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*')
_CONTINUED = re.compile(r"//[^\n]*(?:\\|\?\?/)[ \t]*\n")
_UNPRINTABLE = re.compile(r"[^\n\x20-\x7e]")


@cache  # a few hundred originals, with a dozen texts each
def renamed(model: bytes, text: int) -> bytes:
    """`model` with number `text` of TEXTS for every name in it."""
    graph, name = read_tflite.load(model), TEXTS[text]
    graph.description = name
    for subgraph in graph.subgraphs:
        subgraph.name = name
        for tensor in subgraph.tensors:
            tensor.name = name
    for signature in graph.signatures:
        signature.key = name
    return dump(graph)


def splash(rng: np.random.Generator, damaged: bytearray, at: int) -> None:
    """Write one of the texts over the bytes of a model, whatever they are."""
    text = TEXTS[int(rng.integers(len(TEXTS)))].encode()[:64]
    damaged[at : at + len(text)] = text[: len(damaged) - at]


def problem(mutant: bytes) -> tuple[bool, str]:
    """Whether the PC takes the model, and what goes wrong with it there, "" if nothing does."""
    try:
        model = read_tflite.load(mutant)
    except TinyDeployError:
        return False, ""
    except Exception as error:  # which would be a traceback for the user
        return False, f"the reader: {type(error).__name__}: {error}"
    try:
        return True, next(filter(None, map(_escaped, _sources(mutant, model))), "")
    except TinyDeployError:
        return False, ""
    except Exception as error:
        return True, f"the compiler: {type(error).__name__}: {error}"


def _sources(mutant: bytes, model: Model) -> Iterator[str]:
    """The C++ that is generated: of the plan, every operator called as it is, without tables that
    TFLM would have to compute; and `model.h`, where there are hostile names in it.
    """
    numbers = {tensor: index for index, tensor in enumerate(model.main.tensors)}
    plan = assemble(model, lambda *_: None, _AS_THEY_ARE)
    yield emit(plan, name=MARK, tensor_indices=numbers, regenerate="")
    if MARK.encode() in mutant:
        with tempfile.TemporaryDirectory(prefix="tinydeploy-") as folder:
            path = Path(folder) / "model.tflite"
            whole.write(path, mutant)
            program = compile_model(path, None, Path(folder), name=MARK, arena_bytes=1 << 20)
            yield program.header.read_text(encoding="utf-8")


def _escaped(text: str) -> str:
    """What of a name got out of comments and strings in generated C++."""
    if MARK in _TEXT_OR_COMMENT.sub("", text):
        return "a name is compiled"
    if _CONTINUED.search(text):
        return "a comment goes on in the next line"
    found = _UNPRINTABLE.search(text)
    return f"{found[0]!r} in generated code" if found else ""
