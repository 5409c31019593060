"""The flavour of the firmware that MLPerf Tiny's runner drives."""

from __future__ import annotations

from tinydeploy import pipeline
from tinydeploy.boards import Board
from tinydeploy.lower.compile_options import Choices
from tinydeploy.mlperf.settings import Settings, write
from tinydeploy.sources import Source
from tinydeploy.stages import build as build_stage
from tinydeploy.stages.build import Image
from tinydeploy.stages.compile import Program
from tinydeploy.ui import Ui


def make_image(
    source: Source,
    board: Board,
    settings: Settings,
    toolchain: str,
    engine: str,
    ui: Ui,
    choices: Choices = Choices(),  # noqa: B008 - frozen
) -> tuple[Program, Image]:
    """As `pipeline.make_image`, with the runner's commands beside the frames, at 115200 baud."""
    folder = pipeline.output_folder(source, board) / f"mlperf-{settings.input}"
    with pipeline.held(source, board, ui):
        program = pipeline.make_program(source, board, toolchain, engine, folder, ui, choices)
        write(settings, source, folder)
        with ui.stage("build") as stage:
            image = build_stage.build(
                folder, board, toolchain=toolchain, out_dir=folder / "firmware"
            )
            stage.cached = image.cached
            stage.detail = f"for MLPerf Tiny as {settings.model}, flash {image.flash_bytes:,} bytes"
        return program, image
