"""`deploy`, `build`, `verify` and `bench`: the main path, or a part of it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

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
        "--flash-tool", help="bossac, ambiq, svl or pyocd instead of the board's own"
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

    bench = common.add(
        commands, "bench", _bench, "cycles, flash and RAM of models on boards, beside the peers"
    )
    bench.add_argument(
        "--models", nargs="+", metavar="MODEL", help="models, .tflite files, or folders of them"
    )
    bench.add_argument("--boards", nargs="+", metavar="BOARD", help="boards (default: all chips)")
    bench.add_argument(
        "--engines", nargs="+", choices=("compiled", "interpreter"), help="default: both"
    )
    bench.add_argument(
        "--vectors", type=common.positive, default=3, help="inferences each (default: %(default)s)"
    )
    bench.add_argument("--markdown", action="store_true", help="print a Markdown table")
    common.add_json(bench, file=True)
    bench.add_argument("--markdown-file", type=Path, metavar="FILE", help="also write the table")
    bench.add_argument("--plot", type=Path, metavar="FILE", help="also draw them as SVG")
    bench.add_argument("--compare", type=Path, metavar="FILE", help="exit 1 if worse than FILE")
    bench.add_argument(
        "--startup",
        action="store_true",
        help="measure instead the way from reset to the first result, and the steps' dispatch",
    )
    bench.add_argument(
        "--arena", action="store_true", help="tell instead each model's arena beside TFLM's"
    )
    bench.add_argument(
        "--versus",
        action="store_true",
        help="compare instead the engines and TFLM over many models; ends with 1 where the "
        "compiled engine is slower or larger",
    )
    bench.add_argument(
        "--graphs", type=common.natural, metavar="N", help="random graphs of --versus"
    )
    bench.add_argument(
        "--seed", type=common.natural, default=1, help="of the graphs (default: %(default)s)"
    )
    bench.add_argument(
        "--flash-cost",
        action="store_true",
        help="measure instead what the firmware's base and each operator cost in flash and RAM",
    )
    bench.add_argument("--ops", nargs="+", metavar="OP", help="of --flash-cost (default: all)")
    bench.add_argument(
        "--link-faults",
        type=common.positive,
        metavar="N",
        help="try N faults on the link instead: bytes lost, changed or late, resets, unplugging",
    )
    bench.add_argument(
        "--usb",
        action="store_true",
        help="measure the throughput of the USB link; with --link-faults: faults on that",
    )
    common.add_toolchain(bench)


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

    ui.quiet = ui.quiet or options.json
    job = _job(options)
    if options.count > 1:
        _deploy_many(job, options, ui)
        return
    report = pipeline.deploy(job, ui)
    if job.hot_swap and "device" not in report.target:
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
        targets.deployed(boards.load(board), source.tflite)


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
        toolchain=options.toolchain,
        engine=options.engine,
        vectors=options.vectors,
        link_vectors=options.link_vectors,
        data=options.data,
        seed=options.seed,
        retrain=options.retrain,
        given=common.given(options),
        modelled_baud=options.modelled_baud,
        wait_states=options.wait_states,
        usb=options.usb,
        choices=common.choices(options),
        flash_tool=getattr(options, "flash_tool", None),
        force=getattr(options, "force", False),
        hot_swap=getattr(options, "hot_swap", False),
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


def _bench(options: argparse.Namespace, ui: Ui) -> int:
    with common.json_file(options) as file:
        return _measure(options, file, ui)


def _measure(options: argparse.Namespace, json_file: Path | None, ui: Ui) -> int:
    from tinydeploy import bench

    if options.link_faults:
        return _bench_link_faults(options, ui)
    if options.usb:
        from tinydeploy.hardware import usb_throughput

        return usb_throughput.run(options.models, options.boards, options.toolchain, ui)
    if options.startup:
        from tinydeploy.bench import startup

        engines = options.engines or bench.ENGINES
        found = startup.run(options.models, options.boards, engines, options.toolchain, ui)
        print(startup.table(found))
        return 0
    if options.arena:
        from tinydeploy.bench import arena

        arena.run(options.models, json_file, options.markdown_file, ui)
        return 0
    if options.versus:
        from tinydeploy.versus import corpus
        from tinydeploy.versus.run import run as run_versus

        folders = None if options.models is None else list(map(Path, options.models))
        subjects = corpus.chosen(folders, options.seed, options.graphs)
        return run_versus(subjects, json_file, options.markdown_file, ui)
    if options.flash_cost:
        from tinydeploy.bench import flash_cost

        flash_cost.run(
            options.boards,
            options.ops or [],
            options.toolchain,
            json_file=json_file,
            markdown_file=options.markdown_file,
            ui=ui,
        )
        return 0
    return bench.run(
        model_names=options.models,
        board_ids=options.boards,
        vectors=options.vectors,
        toolchain=options.toolchain,
        as_markdown=options.markdown,
        json_file=json_file,
        compare_file=options.compare,
        engines=options.engines,
        markdown_file=options.markdown_file,
        plot_file=options.plot,
        ui=ui,
    )


def _bench_link_faults(options: argparse.Namespace, ui: Ui) -> int:
    from tinydeploy.hardware import link_faults, usb_faults

    wire_type = usb_faults.UsbFaultyWire if options.usb else link_faults.FaultyWire
    return link_faults.run(
        *(options.models, options.boards, options.link_faults, ui),
        wire_type=wire_type,
        usb=options.usb,
    )
