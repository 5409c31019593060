"""From reset to the first result, and what lies between the steps, on simulated boards."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from tinydeploy import boards, images, programs, simulate, sources
from tinydeploy.bench import subjects
from tinydeploy.boards import Board
from tinydeploy.errors import DeviceWedgedError
from tinydeploy.link.client import Device
from tinydeploy.stages.build import Image
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.ui import Ui

READY_TIMEOUT_S = 5.0
_HEADINGS = (
    "model",
    "board",
    "engine",
    "reset to READY",
    "reset to first result",
    "first inference",
    "steps",
    "between steps",
)
_TEXT_COLUMNS = 3


@dataclass(frozen=True)
class Startup:
    """CPU cycles, sleep not counted.

    Attributes:
        ready: from reset until the READY event begins to leave the board.
        first_result: from reset until the answer to the first INVOKE, the link's work included.
        first_inference: of that, the inference.
        steps: steps of the plan or operators of the model.
        between_steps: cycles of an inference that are in no step; the profiler's own left out.
    """

    model: str
    board: str
    engine: str
    ready: int
    first_result: int
    first_inference: int
    steps: int
    between_steps: int

    @property
    def dispatch(self) -> float:
        """Cycles that a step costs beside its own."""
        return self.between_steps / self.steps if self.steps else 0.0


def run(
    model_names: Sequence[str] | None,
    board_ids: Sequence[str] | None,
    engines: Sequence[str],
    toolchain: str,
    ui: Ui,
) -> list[Startup]:
    """Build and start every combination."""
    found = []
    for subject in map(subjects.find, model_names or subjects.QUICK):
        source = sources.resolve(subject.model, subject.variant, False, None, ui)
        for board in map(boards.load, board_ids or boards.of_each_chip()):
            for engine in engines:
                with programs.held(source, board, ui):
                    quiet = Ui(quiet=True)
                    options = BuildOptions(engine, toolchain=toolchain)
                    _, image = images.make_image(source, board, options, quiet)
                    found.append(measure(subject.name, board, engine, image))
    return found


def measure(model: str, board: Board, engine: str, image: Image) -> Startup:
    """Start an image and run it once with zeros.

    Raises:
        DeviceWedgedError: it does not say READY.
    """
    simulated = simulate.open(board, image.elf)
    simulated.run(READY_TIMEOUT_S, until_received=True)
    ready = simulated.cycles
    if not simulated.read(READY_TIMEOUT_S):
        raise DeviceWedgedError(f"{board.name} did not say READY", "try `tinydeploy deploy`")
    device = Device(simulated)
    identity = device.hello()
    for index in range(identity.input_count):
        device.load_input(index, np.zeros(device.tensor(0, index).bytes, np.uint8).tobytes())
    invocation = device.invoke()
    first_result = simulated.cycles
    steps = device.profile(invocation.ops_run)
    return Startup(
        model,
        board.id,
        engine,
        ready,
        first_result,
        invocation.cycles,
        len(steps),
        invocation.cycles - sum(steps),
    )


def table(rows: Sequence[Startup]) -> str:
    """A table for a terminal."""
    drawn = Table(*_HEADINGS[:_TEXT_COLUMNS], caption="CPU cycles; between steps: of each step")
    for heading in _HEADINGS[_TEXT_COLUMNS:]:
        drawn.add_column(heading, justify="right")
    for row in rows:
        figures = (row.ready, row.first_result, row.first_inference, row.steps)
        cells = [f"{figure:,}" for figure in figures]
        drawn.add_row(row.model, row.board, row.engine, *cells, f"{row.dispatch:.1f}")
    out = io.StringIO()
    Console(file=out, width=120).print(drawn)
    return out.getvalue().rstrip("\n")
