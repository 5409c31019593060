"""`bench`: the table of models on boards, and what else is measured of the firmware."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tinydeploy.commands import common
from tinydeploy.ui import Ui

if TYPE_CHECKING:
    from tinydeploy.hardware.link_faults import Run


def add(commands: common.Commands) -> None:
    """Add the command."""
    bench = common.add(
        commands, "bench", _table, "cycles, flash and RAM of models on boards, beside the peers"
    )
    _add_models(bench)
    _add_boards(bench)
    _add_engines(bench)
    bench.add_argument(
        "--vectors", type=common.positive, default=3, help="inferences each (default: %(default)s)"
    )
    bench.add_argument("--markdown", action="store_true", help="print a Markdown table")
    bench.add_argument("--plot", type=Path, metavar="FILE", help="also draw them as SVG")
    bench.add_argument("--compare", type=Path, metavar="FILE", help="exit 1 if worse than FILE")
    _add_files(bench)
    common.add_toolchain(bench)
    _add_measures(bench)


def _add_measures(bench: argparse.ArgumentParser) -> None:
    """What is measured instead of the table, each a sub-command."""
    measures = bench.add_subparsers(dest="measure", metavar="MEASURE", title="other measurements")

    versus = common.add(
        measures,
        "versus",
        _versus,
        "the engines and TFLM over many models; ends with 1 where the compiled engine is slower or "
        "larger",
    )
    _add_models(versus)
    versus.add_argument("--graphs", type=common.natural, metavar="N", help="random graphs, too")
    versus.add_argument(
        "--seed", type=common.natural, default=1, help="of the graphs (default: %(default)s)"
    )
    _add_files(versus)

    startup = common.add(
        measures, "startup", _startup, "the way from reset to the first result, steps' dispatch"
    )
    _add_models(startup)
    _add_boards(startup)
    _add_engines(startup)
    common.add_toolchain(startup)
    common.add_json(startup)

    arena = common.add(measures, "arena", _arena, "each model's arena beside TFLM's")
    _add_models(arena)
    _add_files(arena)

    cost = common.add(
        measures,
        "flash-cost",
        _flash_cost,
        "flash and RAM of the base and of each operator",
    )
    _add_boards(cost)
    cost.add_argument("--ops", nargs="+", metavar="OP", help="operators (default: all)")
    common.add_toolchain(cost)
    _add_files(cost)

    usb = common.add(measures, "usb", _usb, "the throughput of the USB link beside the UART's")
    _add_models(usb)
    _add_boards(usb)
    common.add_toolchain(usb)
    common.add_json(usb)

    _add_link_faults(measures)


def _add_link_faults(measures: common.Commands) -> None:
    faults = common.add(
        measures,
        "link-faults",
        _link_faults,
        "faults on the link: bytes lost, changed or late, resets, unplugging; ends with 1 if an "
        "inference was wrong",
    )
    faults.add_argument("count", type=common.positive, metavar="N", help="how many faults")
    faults.add_argument("--usb", action="store_true", help="on the USB link instead of the UART")
    faults.add_argument(
        "--record", action="store_true", help="put the figures into docs/fuzz.json and .md"
    )
    _add_models(faults)
    _add_boards(faults)
    common.add_json(faults)


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--models", nargs="+", metavar="MODEL", help="models, .tflite files, or folders of them"
    )


def _add_boards(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--boards", nargs="+", metavar="BOARD", help="boards (default: one of each chip)"
    )


def _add_engines(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engines", nargs="+", choices=("compiled", "interpreter"), help="default: both"
    )


def _add_files(parser: argparse.ArgumentParser) -> None:
    common.add_json(parser, file=True)
    parser.add_argument("--markdown-file", type=Path, metavar="FILE", help="also write the table")


def _table(options: argparse.Namespace, ui: Ui) -> int:
    from tinydeploy import bench, boards
    from tinydeploy.bench import subjects

    grid = bench.Grid(
        subjects.expanded(options.models) if options.models else subjects.default_names(),
        options.boards or boards.of_each_chip(),
        options.engines or bench.ENGINES,
        options.vectors,
        options.toolchain,
        bench.GOALS,
    )
    with common.json_file(options) as json_file:
        output = bench.Output(
            as_markdown=options.markdown,
            json_file=json_file,
            markdown_file=options.markdown_file,
            plot_file=options.plot,
            compare_file=options.compare,
        )
        return bench.run(grid, output, ui)


def _versus(options: argparse.Namespace, ui: Ui) -> int:
    from tinydeploy.versus import corpus
    from tinydeploy.versus.run import run

    folders = None if options.models is None else list(map(Path, options.models))
    subjects = corpus.chosen(folders, options.seed, options.graphs)
    with common.json_file(options) as json_file:
        return run(subjects, json_file, options.markdown_file, ui)


def _startup(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy import bench
    from tinydeploy.bench import startup

    engines: Sequence[str] = options.engines or bench.ENGINES
    found = startup.run(options.models, options.boards, engines, options.toolchain, ui)
    common.print_result(options, [asdict(one) for one in found], startup.table(found))


def _arena(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy.bench import arena

    with common.json_file(options) as json_file:
        arena.run(options.models, json_file, options.markdown_file, ui)


def _flash_cost(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy.bench import flash_cost

    with common.json_file(options) as json_file:
        flash_cost.run(
            options.boards,
            options.ops or [],
            options.toolchain,
            json_file=json_file,
            markdown_file=options.markdown_file,
            ui=ui,
        )


def _usb(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy.hardware import usb_throughput

    found = usb_throughput.run(options.models, options.boards, options.toolchain, ui)
    common.print_result(options, [asdict(one) for one in found], usb_throughput.table(found))


def _link_faults(options: argparse.Namespace, ui: Ui) -> int:
    from tinydeploy.hardware import link_faults, usb_faults

    wire_type = usb_faults.UsbFaultyWire if options.usb else link_faults.FaultyWire
    found = link_faults.run(
        *(options.models, options.boards, options.count, ui),
        wire_type=wire_type,
        usb=options.usb,
    )
    if options.record:
        _record_faults(options, found)
    common.print_result(options, [run.figures() for run in found], *found)
    return int(any(run.wrong for run in found))


def _record_faults(options: argparse.Namespace, found: Sequence[Run]) -> None:
    from tinydeploy.fuzz import counted, record

    lists = {"models": options.models, "boards": options.boards}
    words = [word for name, given in lists.items() if given for word in (f"--{name}", *given)]
    command = ["tinydeploy bench link-faults", str(options.count), *["--usb"] * options.usb, *words]
    figures = counted.of_faults([run.figures() for run in found])
    link = "USB" if options.usb else "UART"
    dated = {**figures, "commit": record.commit()}
    record.keep(counted.faults(link), " ".join([*command, "--record"]), dated)
