"""The flavour of the firmware that MLPerf Tiny's runner drives."""

from __future__ import annotations

from dataclasses import replace

from tinydeploy import programs
from tinydeploy.boards import Board
from tinydeploy.mlperf.settings import Settings, write
from tinydeploy.sources import Source
from tinydeploy.stages import build as build_stage
from tinydeploy.stages.build import Image
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.stages.compile import Program
from tinydeploy.stages.flavour import Flavour
from tinydeploy.ui import Ui


def make_image(
    source: Source, board: Board, settings: Settings, options: BuildOptions, ui: Ui
) -> tuple[Program, Image]:
    """As `images.make_image`, with the runner's commands beside the frames, at 115200 baud."""
    options = replace(options, flavour=Flavour.MLPERF)
    folder = programs.output_folder(source, board) / f"mlperf-{settings.input}"
    with programs.held(source, board, ui):
        program = programs.make_program(source, board, options, ui, folder)
        write(settings, source, folder)
        with ui.stage("build") as stage:
            options = replace(options, engine=program.engine)
            image = build_stage.build(folder, board, options, out_dir=folder / "firmware")
            stage.cached = image.cached
            stage.detail = f"for MLPerf Tiny as {settings.model}, flash {image.flash_bytes:,} bytes"
        return program, image
