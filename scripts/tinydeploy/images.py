"""A model's firmware image for a board, built as `BuildOptions` say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.markup import escape

from tinydeploy import programs, report
from tinydeploy.boards import Board
from tinydeploy.config import BUILD_DIR
from tinydeploy.errors import UsageError
from tinydeploy.sources import Source
from tinydeploy.stages import build as build_stage
from tinydeploy.stages import fitting, remedies
from tinydeploy.stages.build import Image
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.stages.compile import Program
from tinydeploy.stages.fitting import Attempt
from tinydeploy.stages.flavour import Flavour
from tinydeploy.ui import Ui

Made = tuple[Program, Image]


def make_image(source: Source, board: Board, options: BuildOptions, ui: Ui) -> Made:
    """Compile and build, with the arena that the model needs and no more.

    Where that does not fit, engine "auto" takes what does and says so, see `stages.fitting`. A
    firmware for hot swap has all RAM that is left as its arena.

    Raises:
        ValueError: the flavour is MLPERF, which needs a benchmark: `mlperf.firmware` makes it.
    """
    make = _MAKERS.get(options.flavour)
    if make is None:
        raise ValueError(f"images of flavour {options.flavour.value} are not made here")
    with programs.held(source, board, ui):
        return make(source, board, options, ui)


def last_image(board: Board) -> Path:
    """The .bin that was built last for `board`.

    Raises:
        UsageError: nothing was built for it yet.
    """
    images = sorted(
        BUILD_DIR.glob(f"*/{board.id}/firmware/firmware.bin"), key=lambda path: path.stat().st_mtime
    )
    if not images:
        raise UsageError(
            f"nothing was built for {board.id} yet", f"run `tinydeploy build --board {board.id}`"
        )
    return images[-1]


def _plain(source: Source, board: Board, options: BuildOptions, ui: Ui) -> Made:
    out_dir = programs.output_folder(source, board) / "firmware"

    def make(attempt: Attempt) -> Made:
        if attempt.option:
            ui.say(f"[dim]too large: trying {escape(attempt.option)}[/dim]")
        tried = replace(options, engine=attempt.engine, choices=attempt.choices)
        program = programs.make_program(source, board, tried, ui)
        with remedies.offered(source.tflite, board, attempt.engine, attempt.choices):
            return program, _build(program, board, tried, out_dir, ui)

    attempts = fitting.attempts(options.engine, options.choices)
    (program, image), note = fitting.first_that_fits(attempts, make)
    if note:
        ui.warn(note)
    return replace(program, chosen=note), image


def _bare(source: Source, board: Board, options: BuildOptions, ui: Ui) -> Made:
    """The model, the engine and the board's start-up, without link and commands: what they take."""
    folder = programs.output_folder(source, board) / f"bare-{options.engine}"
    program = programs.make_program(source, board, options, ui, folder)
    return program, _build(program, board, options, folder / "firmware", ui)


def _hot_swap(source: Source, board: Board, options: BuildOptions, ui: Ui) -> Made:
    program = programs.make_for_any_model(source, board, options, ui)
    out_dir = programs.output_folder(source, board) / "firmware"
    return program, _build(program, board, options, out_dir, ui)


_MAKERS: dict[Flavour, Callable[[Source, Board, BuildOptions, Ui], Made]] = {
    Flavour.PLAIN: _plain,
    Flavour.BARE: _bare,
    Flavour.HOT_SWAP: _hot_swap,
}


def _build(program: Program, board: Board, options: BuildOptions, out_dir: Path, ui: Ui) -> Image:
    with ui.stage("build") as stage:
        image = build_stage.build(
            program.folder,
            board,
            replace(options, engine=program.engine),
            out_dir=out_dir,
            changing=lambda: report.withdraw(out_dir.parent),
        )
        stage.cached = image.cached
        stage.detail = (
            f"flash {image.flash_bytes:,} of {board.flash_size:,} bytes, "
            f"RAM {image.ram_bytes:,} + arena {program.arena_bytes:,}"
        )
    return image
