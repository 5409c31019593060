"""`push`, `status` and `power-cuts`: models into running devices."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from tinydeploy import whole
from tinydeploy.commands import common
from tinydeploy.ui import Ui

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from tinydeploy.link.client import Device
    from tinydeploy.link.slots import Slots
    from tinydeploy.push import Pushed

SELF_TEST_VECTORS = 4


def add_commands(commands: common.Commands) -> None:
    """Add this area's commands."""
    push = common.add(
        commands, "push", _push, "put a model into a running device, without build and flashing"
    )
    push.add_argument("model", nargs="?", help="a .tflite, a model of ours, ...")
    push.add_argument("--variant", help="variant of a model of ours")
    common.add_given(push)
    push.add_argument(
        "--rollback", action="store_true", help="go back to the model that ran before"
    )
    _add_device(push)
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

    _add_device(
        common.add(commands, "status", _status, "what runs on a device and what its slots hold")
    )

    cuts = common.add(
        commands, "power-cuts", _power_cuts, "cut the power after every flash operation of a swap"
    )
    cuts.add_argument("--boards", nargs="+", metavar="BOARD", help="boards (default: all chips)")
    common.add_toolchain(cuts)
    cuts.add_argument(
        "--every",
        type=common.positive,
        default=1,
        metavar="N",
        help="only every Nth operation (default: 1)",
    )
    common.add_json(cuts, file=True)
    cuts.add_argument("--markdown-file", type=Path, metavar="FILE", help="also write the table")


def _add_device(parser: argparse.ArgumentParser) -> None:
    common.add_board(parser)
    common.add_target(parser)
    common.add_toolchain(parser)
    common.add_json(parser)


def _opened(options: argparse.Namespace, ui: Ui) -> AbstractContextManager[Device]:
    from tinydeploy import boards, targets
    from tinydeploy.push.targets import flash_file, opened

    ui.quiet = ui.quiet or options.json
    board = boards.load(options.board)
    target = targets.choose(
        options.target,
        board,
        options.link_port,
        modelled_baud=options.modelled_baud,
        wait_states=options.wait_states,
        usb=options.usb,
    )
    if not target.is_port:
        where = escape(str(flash_file(board)))
        ui.say(
            f"this is the {target.name}: {board.name} with the flash in {where}; a board is meant "
            "by --target PORT"
        )
    return opened(target, board, options.toolchain, ui)


def _push(options: argparse.Namespace, ui: Ui) -> None:
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
    with _opened(options, ui) as device:
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
        "slot": _slot(done.slot),
        "written_bytes": done.written_bytes,
        "kept_bytes": done.kept_bytes,
        "reconnects": done.reconnects,
        "self_test_vectors": done.vectors,
        "arena_used_bytes": done.arena_used_bytes,
    }


def _slot(index: int) -> int | None:
    """The index as JSON has it: null for the image's own model."""
    from tinydeploy.link.slots import BUILT_IN

    return None if index == BUILT_IN else index


def _rollback(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy import push

    with _opened(options, ui) as device:
        before = push.connect(device, options.board)
        after = push.rollback(device)
    _print_swap(options, before.model_hash, after.model_hash, {})


def _print_swap(
    options: argparse.Namespace, before: str, after: str, fields: dict[str, object]
) -> None:
    if options.json:
        document = {
            "board": options.board,
            "target": _kind(options),
            "model_before": before,
            "model": after,
            **fields,
        }
        print(json.dumps(document, indent=2))
    else:
        print(f"{before[:12]} -> {after[:12]}")


def _kind(options: argparse.Namespace) -> str:
    """The target in a report's word: readers of JSON must know a simulator, too."""
    from tinydeploy import boards, targets

    return targets.choose(options.target, boards.load(options.board)).kind


def _status(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy import push
    from tinydeploy.link import slots

    with _opened(options, ui) as device:
        identity = push.connect(device, options.board)
        found = slots.read(device)
        operators = len(slots.operators(device))
        arena_bytes = device.memory()["arena_bytes"]
    if options.json:
        print(_status_json(options, identity.model_hash, operators, arena_bytes, found))
        return
    print(
        f"{identity.board} runs {identity.model_hash[:12]}; {operators} operators, arena "
        f"{arena_bytes:,} bytes, slots of {found.room_bytes:,} bytes"
    )
    print("\n".join(_lines(found)))


def _status_json(
    options: argparse.Namespace, model: str, operators: int, arena_bytes: int, found: Slots
) -> str:
    from tinydeploy.abi.slot_protocol import SlotState

    slots = [
        {
            "slot": slot.index,
            "state": SlotState.text(slot.state),
            "model": slot.model_hash or None,
            "model_bytes": slot.model_bytes,
            "self_test_vectors": slot.vector_count,
        }
        for slot in found.slots
    ]
    document = {
        "board": options.board,
        "target": _kind(options),
        "model": model,
        "slot": _slot(found.running),
        "operators": operators,
        "arena_bytes": arena_bytes,
        "slot_room_bytes": found.room_bytes,
        "slots": slots,
    }
    return json.dumps(document, indent=2)


def _lines(found: Slots) -> Iterator[str]:
    from tinydeploy.abi.slot_protocol import SlotState
    from tinydeploy.link.slots import BUILT_IN

    mark = "*" if found.running == BUILT_IN else " "
    yield f"{mark} built-in"
    for slot in found.slots:
        mark = "*" if found.running == slot.index else " "
        held = f"{slot.model_hash[:12]}, {slot.model_bytes:,} bytes, " if slot.model_hash else ""
        vectors = f", {slot.vector_count} self-test vectors" if slot.model_hash else ""
        yield f"{mark} slot {slot.index}    {held}{SlotState.text(slot.state)}{vectors}"


def _power_cuts(options: argparse.Namespace, ui: Ui) -> int:
    from tinydeploy import boards
    from tinydeploy.push import power_cuts, power_cuts_page

    ids = options.boards or boards.of_each_chip()
    found = power_cuts.measure(ids, options.toolchain, options.every, ui)
    with common.json_file(options) as file:
        print(power_cuts_page.table(found))
        if file:
            power_cuts_page.save(found, file)
    if options.markdown_file:
        whole.write_named(options.markdown_file, power_cuts_page.page(found))
    lost = [line for row in found for line in row.lost]
    print("\n".join(lost[:20]), end="\n" if lost else "")
    return 1 if lost else 0
