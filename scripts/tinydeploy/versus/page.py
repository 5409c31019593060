"""What was measured, in Markdown: a line a group, a line a file, a line for each fault."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tinydeploy.versus import hard
from tinydeploy.versus.corpus import GRAPHS
from tinydeploy.versus.measure import EngineRow, Skipped

PREFACE = """# Compiled, interpreted, TFLM

The compiled engine is to be never slower than the interpreter, and never to take more arena than it
or than TFLM; what misses that stands below the first table. By `tinydeploy bench versus
--markdown-file docs/engines.md`, which ends with 1 then: cycles of one inference on the modelled
Cortex-M4 with zero wait states, without link;
outputs of both engines are compared with TFLM's on the way. A net below 10,000 cycles may take 5 %
more: there the steps' dispatch is what is measured. TFLM's arena is the least that the tflite-micro
package accepts on this PC; "at least, 32 bits" is its tensors and half of the rest, which no device
goes below. IF, WHILE and CIRCULAR_BUFFER leave a model to the interpreter.
"""
HARD = """## Layers with channels that no fast kernel computes exactly

Cycles of the layer, compiled by interpreted, where one channel, a quarter, or all of them miss a
bound: a scale of 1.2, weights of -128, sums beyond 2^23, sums that wrap in TFLM. Such channels are
left to a slower kernel, the whole layer to the interpreter's where that costs less.
"""


def summary(rows: Sequence[EngineRow], skipped: Sequence[Skipped]) -> str:
    """One line a group."""
    groups = list(dict.fromkeys([*(row.group for row in rows), *(s.group for s in skipped)]))
    lines = [
        "| models | measured | compiled | cycles, compiled / interpreted: best, median, worst "
        "| arena / interpreter's | arena / TFLM's | above TFLM's least, 32 bits | faults "
        "| TFLM refuses |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for group in groups:
        found = [row for row in rows if row.group == group]
        refused = sum(each.group == group for each in skipped)
        lines.append(f"| {group} | {' | '.join(_figures(found))} | {refused} |")
    return "\n".join(lines)


def table(rows: Sequence[EngineRow]) -> str:
    """One line a model that is a file."""
    lines = [
        "| model | cycles: compiled | interpreted | | arena: compiled | interpreted | TFLM, PC "
        "| TFLM, at least, 32 bits | steps by the interpreter's kernels |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        if row.group in (GRAPHS, hard.GROUP):
            continue
        cells = [
            row.name,
            _number(row.compiled_cycles),
            _number(row.interpreter_cycles),
            "" if row.cycle_ratio is None else f"{row.cycle_ratio:.3f}",
            _number(row.compiled_arena),
            _number(row.interpreter_arena),
            _number(row.tflm_arena),
            _number(row.tflm_device),
            _names(row.fallbacks),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def faults(rows: Sequence[EngineRow]) -> list[str]:
    """A line for each thing that must not be."""
    return [f"{row.group}, {row.name}: {fault}" for row in rows for fault in row.faults]


def page(rows: Sequence[EngineRow], skipped: Sequence[Skipped]) -> str:
    """docs/engines.md."""
    found = faults(rows)
    listed = "\n".join(f"- {line}" for line in found) if found else "No fault."
    parts = [PREFACE, summary(rows, skipped), "", listed, "", table(rows), ""]
    layers = hard_table(rows)
    return "\n".join([*parts, *([HARD, layers, ""] if layers else [])])


def hard_table(rows: Sequence[EngineRow]) -> str:
    """Of `hard.cases`; "" where they were not measured."""
    ratios = {row.name: row.cycle_ratio or 1.0 for row in rows if row.group == hard.GROUP}
    return hard.table(ratios) if ratios else ""


def _figures(rows: Sequence[EngineRow]) -> list[str]:
    compiled = [row for row in rows if row.compiled_cycles is not None]
    cycles = [row.cycle_ratio for row in compiled if row.cycle_ratio is not None]
    return [
        str(len(rows)),
        str(len(compiled)),
        _spread(cycles),
        _spread([row.arena / row.interpreter_arena for row in compiled]),
        _spread([row.arena / row.tflm_arena for row in rows]),
        str(sum(row.arena > row.tflm_device for row in rows)),
        str(sum(len(row.faults) for row in rows)),
    ]


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    return f"{min(values):.2f}, {statistics.median(values):.2f}, {max(values):.2f}"


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _names(codes: Sequence[str]) -> str:
    counts = {code: codes.count(code) for code in dict.fromkeys(codes)}
    return ", ".join(code if n == 1 else f"{n} {code}" for code, n in counts.items())
