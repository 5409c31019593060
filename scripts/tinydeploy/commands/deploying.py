"""`deploy`, `build` and `verify`: the main path, or a part of it."""

from __future__ import annotations

import argparse
from dataclasses import replace

from rich.markup import escape

from tinydeploy.commands import common
from tinydeploy.ui import Ui


def add_commands(commands: common.Commands) -> None:
    """Add this area's commands."""
    deploy = common.add(
        commands, "deploy", _deploy, "build, flash or simulate, verify and report: the whole path"
    )
    _add_job(deploy)
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

    build = common.add(commands, "build", _build, "build the firmware image for a model")
    common.add_model(build)
    common.add_board(build)
    common.add_toolchain(build)
    common.add_engine(build)
    common.add_mode(build)
    common.add_hot_swap(build)
    common.add_json(build)

    verify = common.add(
        commands, "verify", _verify, "compare a device that already runs the model with TFLM"
    )
    _add_job(verify)
    verify.add_argument(
        "--explain", action="store_true", help="compare and dump every tensor of one vector"
    )
    verify.add_argument(
        "--vector",
        type=common.natural,
        default=0,
        help="vector that --explain takes (default: %(default)s)",
    )
    common.add_json(verify)


def _add_job(parser: argparse.ArgumentParser) -> None:
    common.add_model(parser)
    common.add_board(parser)
    common.add_target(parser)
    common.add_toolchain(parser)
    common.add_engine(parser)
    common.add_vectors(parser)


def _deploy(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy import pipeline
    from tinydeploy.report import terminal, to_json
    from tinydeploy.stages.flavour import Flavour

    ui.quiet = ui.quiet or options.json
    job = _job(options)
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


def _remember_built_in(job, ui: Ui) -> None:  # type: ignore[no-untyped-def]
    from tinydeploy import boards, locks, sources
    from tinydeploy.push import targets

    last = replace(job.given, trained=job.given.trained or job.retrain)  # what runs there now
    source = sources.resolve(job.model, job.variant, False, job.seed, ui, last)
    board = job.board
    with locks.held(targets.flash_file(boards.load(board)), ui.warn):
        targets.deployed(boards.load(board), source.tflite, job.build.push_key)


def _deploy_many(job, options: argparse.Namespace, ui: Ui) -> None:  # type: ignore[no-untyped-def]
    from tinydeploy.hardware import fleet

    outcomes = fleet.deploy(job, options.count, ui)
    print(fleet.to_json(job, outcomes) if options.json else fleet.table(outcomes))
    fleet.require_all(outcomes)


def _job(options: argparse.Namespace):  # type: ignore[no-untyped-def]
    from tinydeploy.pipeline import Job

    return Job(
        board=options.board,
        model=options.model,
        variant=options.variant,
        target=options.target,
        link_port=options.link_port,
        build=common.build_options(options),
        vectors=options.vectors,
        link_vectors=options.link_vectors,
        data=options.data,
        seed=options.seed,
        retrain=options.retrain,
        given=common.given(options),
        modelled_baud=options.modelled_baud,
        wait_states=options.wait_states,
        usb=options.usb,
        flash_tool=getattr(options, "flash_tool", None),
        force=getattr(options, "force", False),
    )


def _build(options: argparse.Namespace, ui: Ui) -> None:
    with common.made_image(options, ui) as image:
        fields = ("elf", "bin", "build_id", "toolchain", "flash_bytes", "ram_bytes", "cached")
        result = {name: getattr(image, name) for name in fields}
        common.print_result(options, result, image.elf)


def _verify(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy import pipeline

    job = _job(options)
    if options.explain:
        steps = pipeline.explain(job, options.vector, ui)
        if options.json:
            common.print_result(options, {"vector": options.vector, "steps": steps})
        return
    found = pipeline.verify_only(job, ui)
    if options.json:
        common.print_result(options, {name: getattr(found, name) for name in _VERIFIED})


_VERIFIED = ("vectors", "bytes_compared", "mismatching_bytes", "cycles", "is_simulated")
