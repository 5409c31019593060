"""`mlperf`: the benchmark of MLPerf Tiny, on a simulator or a board."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from tinydeploy.commands import common
from tinydeploy.ui import Ui

if TYPE_CHECKING:
    from tinydeploy.hardware.connection import Connection
    from tinydeploy.mlperf.inputs import Sample
    from tinydeploy.mlperf.modes import Accuracy, Performance
    from tinydeploy.mlperf.runner import Runner
    from tinydeploy.mlperf.settings import Settings
    from tinydeploy.sources import Source


def add(commands: common.Commands) -> None:
    """Add the command."""
    mlperf = common.add(
        commands, "mlperf", _mlperf, "run MLPerf Tiny as its runner does, over text commands"
    )
    mlperf.add_argument(
        "--mode", choices=("performance", "accuracy"), default="performance", help="what to measure"
    )
    common.add_board(mlperf)
    common.add_model(mlperf)
    common.add_toolchain(mlperf)
    common.add_engine(mlperf)
    common.add_benchmark(mlperf)
    mlperf.add_argument(
        "--target", default="auto", help="simulator, host or a serial port (default: by the board)"
    )
    mlperf.add_argument(
        "--data",
        type=Path,
        help="folder of .bin files and y_labels.csv, or .npz (default: ours)",
    )
    mlperf.add_argument(
        "--vectors",
        type=common.vector_count,
        default=None,
        metavar="N",
        help="inputs of accuracy mode (default: all)",
    )
    mlperf.add_argument(
        "--seconds", type=float, default=10.0, help="of the device's time for each window"
    )
    mlperf.add_argument(
        "--windows", type=common.positive, default=5, help="runs to take the median of"
    )
    mlperf.add_argument("--json", action="store_true", help="print the figures as JSON")


def _mlperf(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy import boards, programs
    from tinydeploy.mlperf.firmware import make_image
    from tinydeploy.mlperf.runner import Runner
    from tinydeploy.mlperf.settings import settings_of

    ui.quiet = ui.quiet or options.json
    board = boards.load(options.board)
    source = common.source(options, ui)
    settings = settings_of(source, options.benchmark)
    samples = _samples(options, source, settings)
    with programs.held(source, board, ui):
        _, image = make_image(source, board, settings, common.build_options(options), ui)
        connection = _open(options.target, board, image)
    try:
        runner = Runner(connection.wire)
        runner.synchronise()
        where, who = connection.wire.description, runner.name()
        ui.say(f"{settings.model} on {escape(where)}: {escape(who)}")
        figures = _run(options, runner, samples, ui)
    finally:
        connection.close()
    if options.json:
        print(json.dumps({"benchmark": settings.model, "board": board.id, **figures}, indent=2))


def _samples(options: argparse.Namespace, source: Source, settings: Settings) -> list[Sample]:
    from tinydeploy import pipeline
    from tinydeploy.mlperf import inputs
    from tinydeploy.pipeline import Job

    tensor = source.model.main.inputs[0]
    if options.data is not None and options.data.is_dir():
        return inputs.of_folder(options.data, settings, tensor, options.vectors)
    job = Job(options.board, options.model, data=options.data, vectors=options.vectors)
    return inputs.of_vectors(pipeline.choose_vectors(source, job), settings, tensor)


def _open(target: str, board, image) -> Connection:  # type: ignore[no-untyped-def]
    from tinydeploy import targets
    from tinydeploy.hardware import connection
    from tinydeploy.stages.flavour import MLPERF_BAUD

    chosen = targets.choose(target, board)
    if chosen.is_port:
        return connection.open_port(board, image, chosen.name, baud=MLPERF_BAUD)
    return connection.open_simulated(board, image, MLPERF_BAUD)


def _run(
    options: argparse.Namespace, runner: Runner, samples: list[Sample], ui: Ui
) -> dict[str, object]:
    """Measure in the mode that was asked for, say it line by line, and return the figures."""
    from tinydeploy.mlperf import modes

    with ui.progress(f"mlperf {options.mode}") as progress:
        if options.mode == "accuracy":
            lines, figures = _accuracy(modes.accuracy(runner, samples, progress))
        else:
            limits = {"windows": options.windows, "window_s": options.seconds}
            lines, figures = _performance(
                modes.performance(runner, samples, **limits, progress=progress)
            )
    if not options.json:
        print("\n".join(lines))
    return figures


def _accuracy(found: Accuracy) -> tuple[list[str], dict[str, object]]:
    count = len(found.labels)
    if found.is_score:
        return [f"accuracy: AUC {found.auc:.4f} over {count} files"], {
            "samples": count,
            "auc": found.auc,
        }
    line = f"accuracy: {found.right} of {count} right, top-1 {found.top1:.4f}"
    return [line], {"samples": count, "right": found.right, "top1": found.top1}


def _performance(found: Performance) -> tuple[list[str], dict[str, object]]:
    lines = [
        f"window {number}: {window.inferences} inferences, {window.microseconds / 1e6:.3f} s, "
        f"{window.per_second:.3f} inf./s"
        for number, window in enumerate(found.windows, 1)
    ]
    median = found.median_per_second
    windows = [asdict(window) for window in found.windows]
    return [*lines, f"performance: median {median:.3f} inf./s"], {
        "windows": windows,
        "median_per_second": median,
    }
