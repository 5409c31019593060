"""Against published hardware, both ways: milliseconds on it, and cycles without wait states.

The published figures are MLPerf Tiny's on a NUCLEO-L4R5ZI, a Cortex-M4 at 120 MHz. TFLM with
CMSIS-NN was measured there and under our cycle model, which gives a factor: hardware cycles for a
modelled one. That factor holds the wait states of its flash, and code with fewer cycles for a
byte of weights waits for more of them. So for our time the factor is scaled by what the
simulator's wait states cost us and what they cost CMSIS-NN. The simulated flash is that of the
nRF52840, with another geometry: an indication, no measurement. The other way, the published time
in cycles of our model, divides by the unscaled factor and so assumes that their code waits as
CMSIS-NN does; that was not measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tinydeploy.bench import peers
from tinydeploy.bench.rows import BenchRow
from tinydeploy.graph.ir import Type
from tinydeploy.lower.compile_options import BALANCED

BOARD = "nano33"  # whose wait states the factors are of
HARDWARE_MHZ = 120
_HEADINGS = (
    "model",
    "for",
    "cycles",
    "with wait states",
    "ms on the L4R5, estimated",
    "best published, ms",
    "on hardware",
    "best published, our cycles",
    "without wait states",
    "goal",
    "stretch",
)


@dataclass(frozen=True)
class Task:
    """A benchmark of MLPerf Tiny.

    Attributes:
        factor: hardware cycles for a cycle of our model, of TFLM with CMSIS-NN on the L4R5.
        milliseconds: published, by engine.
    """

    macs: int
    factor: float
    milliseconds: dict[str, float]

    @property
    def wait_factor(self) -> float:
        """What wait states cost CMSIS-NN."""
        found = (peer.wait_factor for peer in peers.peers_of(self.macs))
        return next(factor for factor in found if factor is not None)

    @property
    def best(self) -> tuple[float, str]:
        """Milliseconds, and the engine."""
        return min((ms, engine) for engine, ms in self.milliseconds.items())

    @property
    def best_cycles(self) -> float:
        """The best published time in cycles of our model."""
        return self.best[0] * 1e3 * HARDWARE_MHZ / self.factor

    def hardware_ms(self, row: BenchRow) -> float | None:
        """What the row would take on the L4R5; None without a figure with wait states."""
        if row.wait_factor is None:
            return None
        factor = self.factor * row.wait_factor / self.wait_factor
        return row.cycles * factor / (1e3 * HARDWARE_MHZ)


_ENGINES = (
    "TFLM reference (v0.5)",
    "microTVM + CMSIS-NN (v1.0)",
    "Bosch HALE (v1.2)",
    "Plumerai (v1.1)",
    "X-CUBE-AI 9.0 (v1.2)",
    "X-CUBE-AI 10.2 (v1.3)",
)


def _published(*milliseconds: float) -> dict[str, float]:
    return dict(zip(_ENGINES, milliseconds, strict=True))


TASKS = (
    Task(peers.KWS, 1.17, _published(181.9, 99.8, 60.2, 47.8, 43.2, 43.4)),
    Task(peers.VWW, 1.17, _published(600.6, 301.2, 180.5, 98.8, 88.9, 89.4)),
    Task(peers.IC, 1.17, _published(704.2, 389.6, 180.5, 167.8, 165.1, 165.6)),
    Task(peers.AD, 1.27, _published(10.05, 8.60, 4.73, 4.05, 5.26, 4.79)),
)


@dataclass(frozen=True)
class Goal:
    """Cycles without wait states that a model is to take.

    Attributes:
        milliseconds: on the L4R5, where that is a goal too.
    """

    model: str
    cycles: int
    stretch: int
    engine: str = "compiled"
    optimize: str = BALANCED
    milliseconds: float | None = None


GOALS = (
    Goal("kws_ref_model", 3_500_000, 3_350_000),
    Goal("kws_ref_model", 4_200_000, 3_800_000, "interpreter"),
    Goal("vww_96_int8", 6_500_000, 6_100_000),
    Goal("vww_dense", 10_200_000, 9_100_000),
    Goal("pretrainedResnet_quant", 8_700_000, 7_900_000, optimize="speed"),
    Goal("ad01_int8", 320_000, 300_000, milliseconds=4.05),
    Goal("tflm/person_detect", 10_700_000, 10_200_000),
)


def task_of(row: BenchRow) -> Task | None:
    """The benchmark that a row is of; an int16 model is none."""
    if row.kind != Type.INT8.label:
        return None
    return next((task for task in TASKS if task.macs == row.macs), None)


def goal_of(row: BenchRow) -> Goal | None:
    """The goal that is set for a row."""
    wanted = row.model, row.engine, row.optimize
    return next((g for g in GOALS if (g.model, g.engine, g.optimize) == wanted), None)


def against_published(rows: Sequence[BenchRow]) -> str:
    """A table for a README; "" if nothing of `rows` was published or has a goal."""
    lines = list(_lines(rows))
    if not lines:
        return ""
    rule = ["---"] * 2 + ["---:"] * (len(_HEADINGS) - 2)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (_HEADINGS, rule, *lines))


def published_table(rows: Sequence[BenchRow]) -> str:
    """The same for a terminal, a line a model."""
    return "\n".join(_sentence(cells) for cells in _lines(rows))


def _sentence(cells: Sequence[str]) -> str:
    named = dict(zip(_HEADINGS, cells, strict=True))
    parts = [f"{heading} {value}" for heading, value in named.items() if value]
    return "; ".join([f"{cells[0]}, {cells[1]}: {parts[2]}", *parts[3:]])


def _lines(rows: Sequence[BenchRow]) -> Iterator[list[str]]:
    for row in rows:
        if row.board == BOARD and (goal_of(row) or (task_of(row) and row.engine == "compiled")):
            yield [row.model, _how(row), *_hardware(row), *_goal(row)]


def _how(row: BenchRow) -> str:
    return row.engine if row.engine == "interpreter" else row.optimize


def _hardware(row: BenchRow) -> list[str]:
    waiting = f"x {row.wait_factor:.3f}" if row.wait_factor else ""
    figures = [f"{row.cycles:,.0f}", waiting]
    task = task_of(row)
    ours = task.hardware_ms(row) if task else None
    if task is None or ours is None:
        return [*figures, "", "", "", "", ""]
    best, engine = task.best
    return [
        *figures,
        f"{ours:.3g}",
        f"{best:g} ({engine})",
        _verdict(ours, best),
        f"{task.best_cycles / 1e6:.3g} M",
        _verdict(row.cycles, task.best_cycles),
    ]


def _verdict(ours: float, theirs: float) -> str:
    """Which is ahead, and by what share of their time; half a percent is a tie."""
    share = ours / theirs - 1
    if abs(share) < 0.005:
        return "tie"
    return f"{'behind' if share > 0 else 'ahead'}, {share:+.1%}"


def _goal(row: BenchRow) -> list[str]:
    goal = goal_of(row)
    if goal is None:
        return ["", ""]
    words = [_reached(row.cycles, goal.cycles), _reached(row.cycles, goal.stretch)]
    task = task_of(row)
    ours = task.hardware_ms(row) if task else None
    if goal.milliseconds is not None and ours is not None:
        mark = "reached" if ours < goal.milliseconds else "not reached"
        words[0] += f"; {goal.milliseconds:g} ms {mark}"
    return words


def _reached(cycles: float, wanted: int) -> str:
    mark = "reached" if cycles <= wanted else "not reached"
    return f"{wanted / 1e6:.3g} M {mark}"
