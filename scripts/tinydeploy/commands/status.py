"""`status`: what runs on a device, and what its slots hold."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from tinydeploy.commands import common, swapping
from tinydeploy.ui import Ui

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinydeploy.link.slots import Slots


def add(commands: common.Commands) -> None:
    """Add the command."""
    swapping.add(
        common.add(commands, "status", run, "what runs on a device and what its slots hold")
    )


def run(options: argparse.Namespace, ui: Ui) -> None:
    """Run the command."""
    from tinydeploy import push
    from tinydeploy.link import slots

    with swapping.opened(options, ui) as device:
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
        "target": swapping.kind(options),
        "model": model,
        "slot": swapping.slot(found.running),
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
