"""The arena of both engines beside TFLM's, for every model of the bench.

Worked out from the .tflite alone: the runtime plans by the same rule to the last byte (see
tests/graph/test_arena_bytes.py and test_memory_plans.py), and it does not depend on the board.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tinydeploy import arena, judge, memory, sources, whole
from tinydeploy.bench import subjects
from tinydeploy.bench.peers import CMSIS_NN, REFERENCE, peers_of
from tinydeploy.config import BUILD_DIR
from tinydeploy.graph import read_tflite
from tinydeploy.graph.ir import Model, Type
from tinydeploy.lower.lowering import NotCompilableError
from tinydeploy.ops import work
from tinydeploy.stages.compile_plan import compile_plan
from tinydeploy.ui import Ui

PREFACE = """# Arena

Bytes of tensor arena, by `tinydeploy bench arena --markdown-file docs/arena.md`; the same on both
boards. Tensors: what of the interpreter's arena holds tensors, with operators that work in place,
and without. TFLM on a Cortex-M4: the least that any build of it took there, where it was measured
(`bench/peers.py`). TFLM on a PC: the least that the tflite-micro package accepts here; its
pointers are twice as wide.
"""
_HEADINGS = (
    "model",
    "compiled",
    "interpreter",
    "tensors",
    "not in place",
    "TFLM, Cortex-M4",
    "TFLM, PC",
)


@dataclass(frozen=True)
class ArenaRow:
    """Bytes; None where an engine does not take the model, or it was not measured."""

    model: str
    compiled: int | None
    interpreter: int
    tensors: int
    tensors_apart: int
    tflm_cortex_m4: int | None
    tflm_pc: int


def run(
    names: Sequence[str] | None, json_file: Path | None, markdown_file: Path | None, ui: Ui
) -> list[ArenaRow]:
    """Work out all rows and print them."""
    rows = []
    for name in names or subjects.default_names():
        with ui.stage("bench") as stage:
            stage.detail = f"arena of {name}"
            rows.append(measure(name, ui))
    print(table(rows))
    if json_file:
        text = json.dumps([asdict(row) for row in rows], indent=1)
        whole.write_named(json_file, text + "\n")
    if markdown_file:
        whole.write_named(markdown_file, f"{PREFACE}\n{table(rows)}\n")
    return rows


def measure(name: str, ui: Ui) -> ArenaRow:
    """The row of a model; raises what `sources.resolve` raises."""
    subject = subjects.find(name)
    source = sources.resolve(subject.model, subject.variant, False, None, ui)
    model = read_tflite.load(source.tflite)
    needs = arena.needs(model)
    return ArenaRow(
        name,
        _compiled(name, source.tflite),
        needs.total_bytes,
        needs.plan.size,
        _apart(model),
        _least_of_tflm(model),
        judge.smallest_arena_bytes(source.data),
    )


def table(rows: Sequence[ArenaRow]) -> str:
    """In Markdown."""
    lines = [f"| {' | '.join(_HEADINGS)} |", f"|---|{'---:|' * (len(_HEADINGS) - 1)}"]
    for row in rows:
        cells = [
            f"{value:,}" if value is not None else "" for value in list(asdict(row).values())[1:]
        ]
        lines.append(f"| {row.model} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _least_of_tflm(model: Model) -> int | None:
    """On a Cortex-M4; the peers' models are int8, and are known by their multiply-accumulates."""
    if model.main.inputs[0].type is not Type.INT8:
        return None
    peers = [peer for peer in peers_of(work.macs(model)) if peer.engine in (REFERENCE, CMSIS_NN)]
    return min((peer.arena_bytes for peer in peers if peer.arena_bytes), default=None)


def _compiled(name: str, tflite: Path) -> int | None:
    try:
        return compile_plan(tflite, BUILD_DIR / "arena" / name, name=name).arena_bytes
    except NotCompilableError:
        return None


def _apart(model: Model) -> int:
    """What the tensors take if no operator works in place."""
    found = memory.buffers_of(model.main, memory.offline_offsets(model)).values()
    apart = [replace(buffer, owner=None) for buffer in found]
    return memory.plan(apart, len(model.main.ops)).size
