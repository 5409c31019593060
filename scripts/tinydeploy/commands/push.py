"""`push`: a model into a running device."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from tinydeploy.commands import common, swapping
from tinydeploy.ui import Ui

if TYPE_CHECKING:
    from tinydeploy.push import Pushed


SELF_TEST_VECTORS = 4


def add(commands: common.Commands) -> None:
    """Add the command."""
    push = common.add(
        commands, "push", run, "put a model into a running device, without build and flashing"
    )
    push.add_argument("model", nargs="?", help="a .tflite, a model of ours, ...")
    push.add_argument("--variant", help="variant of a model of ours")
    common.add_given(push)
    push.add_argument(
        "--rollback", action="store_true", help="go back to the model that ran before"
    )
    swapping.add(push)
    push.add_argument(
        "--vectors",
        type=common.vector_count,
        default=SELF_TEST_VECTORS,
        metavar="N",
        help="self-test vectors that the device must answer first (default: %(default)s)",
    )
    push.add_argument("--data", type=Path, help="test data for them, as for `deploy`")
    common.add_key(push, "the file of the key that the firmware was deployed with, if it was")
    push.add_argument(
        "--seed", type=common.natural, default=1, help="for vectors (default: %(default)s)"
    )


def run(options: argparse.Namespace, ui: Ui) -> None:
    """Run the command."""
    from tinydeploy.errors import UsageError

    if options.rollback == (options.model is not None):
        raise UsageError("push takes either a model or --rollback", "`tinydeploy push --help`")
    if options.rollback:
        _rollback(options, ui)
    else:
        _push_model(options, ui)


def _push_model(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy import push
    from tinydeploy.pipeline import Job, choose_vectors
    from tinydeploy.stages import push_key

    key = push_key.read(options.key) if options.key else None
    source = common.source(options, ui)
    job = Job(
        board=options.board,
        model=options.model,
        variant=options.variant,
        vectors=options.vectors,
        data=options.data,
        seed=options.seed,
    )
    vectors = choose_vectors(source, job)
    with swapping.opened(options, ui) as device:
        before = push.connect(device, options.board)
        with ui.stage("push") as stage, ui.progress(f"push to {before.board}") as progress:
            done = push.push(
                *(device, source.data, source.model, vectors, progress, ui.warn), key=key
            )
            stage.detail = _what_was_done(done)
    _print_swap(options, before.model_hash, done.identity.model_hash, _fields(done))


def _what_was_done(done: Pushed) -> str:
    if not done.written_bytes:
        return "the device runs this model already"
    kept = f" ({done.kept_bytes:,} were there)" if done.kept_bytes else ""
    return (
        f"slot {done.slot}: {done.written_bytes:,} bytes{kept}, {done.vectors} self-test vectors, "
        f"arena {done.arena_used_bytes:,} bytes"
    )


def _fields(done: Pushed) -> dict[str, object]:
    return {
        "slot": swapping.slot(done.slot),
        "written_bytes": done.written_bytes,
        "kept_bytes": done.kept_bytes,
        "reconnects": done.reconnects,
        "self_test_vectors": done.vectors,
        "arena_used_bytes": done.arena_used_bytes,
    }


def _rollback(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy import push

    with swapping.opened(options, ui) as device:
        before = push.connect(device, options.board)
        after = push.rollback(device)
    _print_swap(options, before.model_hash, after.model_hash, {})


def _print_swap(
    options: argparse.Namespace, before: str, after: str, fields: dict[str, object]
) -> None:
    if options.json:
        document = {
            "board": options.board,
            "target": swapping.kind(options),
            "model_before": before,
            "model": after,
            **fields,
        }
        print(json.dumps(document, indent=2))
    else:
        print(f"{before[:12]} -> {after[:12]}")
