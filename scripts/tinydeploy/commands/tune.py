"""`tune`: kernel variants for layers."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinydeploy.commands import common
from tinydeploy.ui import Ui


def add(commands: common.Commands) -> None:
    """Add the command."""
    parser = common.add(
        commands, "tune", run, "measure kernel variants for a model's layers; keep the best ones"
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help="default: those of the bench")
    common.add_toolchain(parser)
    common.add_json(parser)


def run(options: argparse.Namespace, ui: Ui) -> None:
    """Run the command."""
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
