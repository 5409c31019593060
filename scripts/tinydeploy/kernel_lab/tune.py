"""Measures what `tile_sizes` leaves open, on the simulated core, layer shape by layer shape.

Candidates run with the weights and arguments of a step of a real plan, on random input. The
winner depends on shapes and on the kernels alone, so the table is the same wherever it is made.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tinydeploy import whole
from tinydeploy.kernel_lab.harness import CortexM4
from tinydeploy.lower.plan.ir import Buffer, Constant, Plan, Pointer, Step
from tinydeploy.lower.rules.conv import TILED
from tinydeploy.lower.tuning import tile_sizes

SEED = 1
SLACK_BYTES = 16  # kernels read a little past their input
SPEED_SCRATCH_BYTES = 8192  # what "speed" may take beyond the kernel's own rule


@dataclass(frozen=True)
class Measurement:
    """A candidate for a step: its cycles and its scratch."""

    choice: int
    cycles: int
    scratch_bytes: int


@dataclass(frozen=True)
class Tuned:
    """A layer shape: all measurements, and which one each goal takes."""

    key: str
    rule: Measurement
    measurements: tuple[Measurement, ...]

    def winner(self, goal: str) -> Measurement:
        """The best for a goal."""
        if goal == "size":
            return min(self.measurements, key=lambda m: (m.scratch_bytes, m.cycles))
        limit = self.rule.scratch_bytes
        if goal == "speed":
            limit = max(limit, SPEED_SCRATCH_BYTES)
        fitting = [m for m in self.measurements if m.scratch_bytes <= limit]
        return min(fitting, key=lambda m: (m.cycles, m.scratch_bytes))

    def row(self) -> dict[str, list[int]]:
        """The table's entry."""
        winners = {goal: self.winner(goal) for goal in ("balanced", "size", "speed")}
        return {goal: [m.choice, m.cycles, m.scratch_bytes] for goal, m in winners.items()}


def tune(plan: Plan, core: CortexM4, known: Container[str] = ()) -> Iterator[Tuned]:
    """Measure every layer shape of a plan made with the goal "rule" that is not known."""
    met: set[str] = set()
    for step in plan.steps:
        tile = tile_sizes.tile_of(step.function, _numbers(step), _inner(step))
        if tile is not None and tile.key not in known and tile.key not in met:
            met.add(tile.key)
            yield _tuned(step, tile, core)


def save(found: Iterable[Tuned]) -> None:
    """Replace the entries of these shapes in the committed table."""
    entries = {**tile_sizes.table(), **{each.key: each.row() for each in found}}
    lines = [f" {json.dumps(key)}: {json.dumps(entries[key])}" for key in sorted(entries)]
    whole.write(tile_sizes.TABLE, "{\n" + ",\n".join(lines) + "\n}\n")
    tile_sizes.table.cache_clear()


def table_text(found: Iterable[Tuned]) -> str:
    """Cycles by the kernels' rule and by each goal, with the scratch in bytes."""
    lines = [f"{'rule':>18}{'balanced':>18}{'speed':>18}{'size':>18}"]
    for each in sorted(found, key=lambda tuned: tuned.key):
        columns = [each.rule, *(each.winner(goal) for goal in ("balanced", "speed", "size"))]
        cells = (f"{m.cycles:,} ({m.scratch_bytes:,})" for m in columns)
        lines.append("".join(f"{cell:>18}" for cell in cells) + f"  {each.key}")
    return "\n".join(lines)


def _tuned(step: Step, tile: tile_sizes.Tile, core: CortexM4) -> Tuned:
    candidates = sorted({*tile.candidates, tile.value})
    found = {choice: _measure(step, tile, choice, core) for choice in candidates}
    outputs = {output for _, output in found.values()}
    assert len(outputs) == 1, f"{tile.key}: the result depends on the choice"
    measured = {choice: measurement for choice, (measurement, _) in found.items()}
    return Tuned(tile.key, measured[tile.value], tuple(measured.values()))


def _measure(
    step: Step, tile: tile_sizes.Tile, choice: int, core: CortexM4
) -> tuple[Measurement, bytes]:
    """Run a step with its tile replaced; also the output."""
    values = {**_numbers(step), tile.field: choice}
    params = TILED[step.function].pack(**values)
    (scratch,) = step.scratch
    scratch_bytes = scratch.size + (choice - tile.value) * tile.unit_bytes
    source, result = step.reads[0], step.writes[0]
    arrays: dict[Buffer, np.ndarray[tuple[int], np.dtype[np.uint8]]] = {
        source: np.random.default_rng(SEED).integers(0, 256, source.size + SLACK_BYTES, np.uint8),
        result: np.zeros(max(source.size, result.size) + SLACK_BYTES, np.uint8),
        scratch: np.zeros(scratch_bytes, np.uint8),
    }
    if result.root is source.root:  # in place
        arrays[result] = arrays[source]
    arguments: list[object] = []
    for argument in step.arguments:
        if isinstance(argument, Pointer):
            arguments.append(arrays[argument.buffer])
        else:
            arguments.append(argument.values.copy() if isinstance(argument, Constant) else argument)
    core.call(step.function, np.frombuffer(params, np.uint8).copy(), *arguments)
    output = arrays[result][: result.size].tobytes()
    return Measurement(choice, core.cycles, scratch_bytes), output


def _numbers(step: Step) -> Mapping[str, int | float | bool]:
    return {name: value for name, value in step.params.items() if not isinstance(value, tuple)}


def _inner(step: Step) -> list[str]:
    """The inner loops that are passed to the kernel."""
    return [argument for argument in step.arguments if isinstance(argument, str)]
