"""`deploy`: build, flash or simulate, verify and report."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.markup import escape

from tinydeploy.commands import common, jobs
from tinydeploy.ui import Ui

if TYPE_CHECKING:
    from tinydeploy.pipeline import Job


def add(commands: common.Commands) -> None:
    """Add the command."""
    deploy = common.add(
        commands, "deploy", run, "build, flash or simulate, verify and report: the whole path"
    )
    jobs.add(deploy)
    common.add_hot_swap(deploy)
    common.add_json(deploy)
    deploy.add_argument("--force", action="store_true", help="verify again what has not changed")
    deploy.add_argument(
        "--flash-tool", help="one of `tinydeploy.flash` instead of the board's own: pyocd, uf2, ..."
    )

    deploy.add_argument(
        "--count",
        type=common.positive,
        default=1,
        metavar="N",
        help="boards at once: N simulators, --target PORT,PORT,... or --target usb",
    )


def run(options: argparse.Namespace, ui: Ui) -> None:
    """Run the command."""
    from tinydeploy import pipeline
    from tinydeploy.report import terminal, to_json
    from tinydeploy.stages.flavour import Flavour

    ui.quiet = ui.quiet or options.json
    job = jobs.of(options)
    if options.count > 1:
        _deploy_many(job, options, ui)
        return
    report = pipeline.deploy(job, ui)
    if job.build.flavour is Flavour.HOT_SWAP and "device" not in report.target:
        _remember_built_in(job, ui)
    if options.json:
        print(to_json(report))
    elif not ui.quiet:
        terminal.show(report, ui.console)
        ui.say(f"report: [bold]{escape(str(pipeline.report_path(report)))}[/bold]")


def _remember_built_in(job: Job, ui: Ui) -> None:
    from tinydeploy import boards, locks, sources
    from tinydeploy.push import targets

    last = replace(job.given, trained=job.given.trained or job.retrain)  # what runs there now
    source = sources.resolve(job.model, job.variant, False, job.seed, ui, last)
    board = job.board
    with locks.held(targets.flash_file(boards.load(board)), ui.warn):
        targets.deployed(boards.load(board), source.tflite, job.build.push_key)


def _deploy_many(job: Job, options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy.hardware import fleet

    outcomes = fleet.deploy(job, options.count, ui)
    print(fleet.to_json(job, outcomes) if options.json else fleet.table(outcomes))
    fleet.require_all(outcomes)
