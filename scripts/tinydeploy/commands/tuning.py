"""`tune`, `patches` and `trade`: measure what the compiled engine may choose; `estimates`: what
`inspect` says of it beforehand."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from tinydeploy import whole
from tinydeploy.commands import common
from tinydeploy.lower.compile_options import GOALS
from tinydeploy.ui import Ui


def add_commands(commands: common.Commands) -> None:
    """Add this area's commands."""
    tune = common.add(
        commands, "tune", _tune, "measure kernel variants for a model's layers; keep the best ones"
    )
    tune.add_argument("models", nargs="*", metavar="MODEL", help="default: those of the bench")
    common.add_toolchain(tune)
    common.add_json(tune)

    patches = common.add(
        commands, "patches", _patches, "what running the first layers in bands saves and costs"
    )
    patches.add_argument("models", nargs="*", metavar="MODEL", help="default: the image models")
    patches.add_argument(
        "--bands",
        nargs="+",
        type=common.positive,
        default=[2, 4, 6, 8, 12],
        help="default: 2 4 6 8 12",
    )
    patches.add_argument("--markdown-file", type=Path, metavar="FILE", help="also write a page")
    common.add_board(patches)
    common.add_json(patches)

    trade = common.add(
        commands, "trade", _trade, "what --optimize costs and saves; flash without the link"
    )
    trade.add_argument("models", nargs="*", metavar="MODEL", help="default: those of the bench")
    trade.add_argument("--goals", nargs="+", choices=GOALS, default=GOALS, help="default: all")
    trade.add_argument("--markdown-file", type=Path, metavar="FILE", help="also write a page")
    common.add_board(trade)
    common.add_json(trade)

    estimates = common.add(
        commands, "estimates", _estimates, "how far inspect's cycles are from measured ones"
    )
    estimates.add_argument(
        "--fit", action="store_true", help="measure and fit the coefficients anew before that"
    )
    estimates.add_argument(
        "--models",
        nargs="+",
        type=Path,
        metavar="FOLDER",
        help="of .tflite files (default: the zoo, ours, random graphs and single operators)",
    )
    estimates.add_argument("--markdown-file", type=Path, metavar="FILE", help="also write a page")
    common.add_json(estimates)


def _estimates(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy.estimates import check, corpus, run

    if options.fit:
        run.refit(ui)
    found = run.judge(ui, options.models)
    common.print_result(options, [asdict(miss) for miss in found], check.summary(found))
    if options.markdown_file:
        text = check.page(found, corpus.OPERATORS)
        whole.write_named(options.markdown_file, text)


def _tune(options: argparse.Namespace, ui: Ui) -> None:
    import tempfile

    from tinydeploy import sources
    from tinydeploy.bench import subjects
    from tinydeploy.kernel_lab import harness, tune
    from tinydeploy.stages.compile_plan import rule_plan

    with tempfile.TemporaryDirectory() as folder:
        core = harness.CortexM4(harness.build_cortex_m4(Path(folder), options.toolchain))
    found: dict[str, tune.Tuned] = {}
    for name in options.models or subjects.default_names():
        subject = subjects.find(name)
        with ui.stage("tune") as stage:
            source = sources.resolve(subject.model, subject.variant, False, None, ui)
            fresh = {each.key: each for each in tune.tune(rule_plan(source.tflite), core, found)}
            found.update(fresh)
            stage.detail = f"{name}: {len(fresh)} new layer shapes"
    tune.save(found.values())
    rows = [{"key": each.key, **each.row()} for each in found.values()]
    common.print_result(options, rows, tune.table_text(found.values()))


def _patches(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy.bench import patches

    rows = patches.measure(options.models, options.board, options.bands, ui)
    common.print_result(options, rows, patches.markdown(rows))
    if options.markdown_file:
        whole.write_named(options.markdown_file, patches.page(rows))


def _trade(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy.bench import trade

    rows = trade.measure(options.models, options.board, options.goals, ui)
    common.print_result(options, rows, trade.markdown(rows))
    if options.markdown_file:
        whole.write_named(options.markdown_file, trade.page(rows))
