"""`verify`: a device that already runs the model, beside TFLM."""

from __future__ import annotations

import argparse

from tinydeploy.commands import common, jobs
from tinydeploy.ui import Ui

_VERIFIED = ("vectors", "bytes_compared", "mismatching_bytes", "cycles", "is_simulated")


def add(commands: common.Commands) -> None:
    """Add the command."""
    verify = common.add(
        commands, "verify", run, "compare a device that already runs the model with TFLM"
    )
    jobs.add(verify)
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


def run(options: argparse.Namespace, ui: Ui) -> None:
    """Run the command."""
    from tinydeploy import pipeline

    job = jobs.of(options)
    if options.explain:
        steps = pipeline.explain(job, options.vector, ui)
        if options.json:
            common.print_result(options, {"vector": options.vector, "steps": steps})
        return
    found = pipeline.verify_only(job, ui)
    if options.json:
        common.print_result(options, {name: getattr(found, name) for name in _VERIFIED})
