"""Hot swap: what a push does, what it refuses, and the way back."""

from __future__ import annotations

import dataclasses
import hashlib
import random
import zlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tinydeploy import boards, push, simulate
from tinydeploy.abi import protocol, slot_protocol
from tinydeploy.errors import (
    DeviceFaultError,
    LinkError,
    ModelTooLargeError,
    ParityError,
    UnsupportedModelError,
)
from tinydeploy.graph.ir import Model, Op, Subgraph, Tensor, Type
from tinydeploy.guarded import GuardedJudge
from tinydeploy.hardware.link_faults import PATIENCE, FaultyWire
from tinydeploy.link import slots
from tinydeploy.link.client import Device
from tinydeploy.link.slots import BUILT_IN
from tinydeploy.push import writing
from tinydeploy.push.swap_bench import Candidate
from tinydeploy.stages import slot_image as images

SlotState, Status = slot_protocol.SlotState, protocol.Status


def put(device: Device, model: Candidate) -> push.Pushed:
    return push.push(device, model.tflite, model.model, model.vectors)


def answer(device: Device, model: Candidate) -> bytes:
    device.load_input(0, model.vectors.at(0)[0].tobytes())
    device.invoke()
    return device.read(protocol.TensorKind.OUTPUT, 0, 1)


def with_payload(image: images.SlotImage, payload: bytes) -> images.SlotImage:
    """The image with another payload, checksums and hash that fit it."""
    fields = dict(slot_protocol.SlotHeader.unpack(image.header))
    fields["payload_crc"] = zlib.crc32(payload)
    length = fields["model_bytes"]
    assert isinstance(length, int)
    fields["model_hash"] = hashlib.sha256(payload[:length]).digest()
    header = slot_protocol.SlotHeader.pack(**fields)
    header = header[:-4] + zlib.crc32(header[:-4]).to_bytes(4, "little")
    return dataclasses.replace(image, header=header, payload=payload)


def relu(shape: tuple[int, ...]) -> Model:
    """One RELU of float32."""
    x, y = (Tensor(name, Type.FLOAT32, shape) for name in "xy")
    return Model([Subgraph(tensors=[x, y], ops=[Op("RELU", [x], [y])], inputs=[x], outputs=[y])])


def test_new_model_runs_at_once_and_after_a_restart(
    transport: Any, device: Device, first: Candidate
) -> None:
    before = push.connect(device)
    done = put(device, first)
    assert before.model_hash != done.identity.model_hash == first.sha256
    assert (done.slot, done.vectors) == (0, first.vectors.count)
    assert answer(device, first) == first.answers()[0][0]
    found = slots.read(device)
    assert (found.running, found.slots[0].state, found.slots[1].state) == (
        0,
        SlotState.ACTIVE,
        SlotState.EMPTY,
    )
    if before.board != "host":  # its flash is memory unless a file is named
        transport.reset("power-on")
        assert device.hello().model_hash == first.sha256
        assert answer(device, first) == first.answers()[0][0]


def test_models_take_turns_and_rollback_goes_back(
    device: Device, first: Candidate, second: Candidate
) -> None:
    built_in = push.connect(device).model_hash
    assert put(device, first).slot == 0
    assert put(device, second).slot == 1
    assert push.rollback(device).model_hash == first.sha256
    assert push.rollback(device).model_hash == second.sha256
    assert put(device, first).slot == 0
    assert push.rollback(device).model_hash == second.sha256
    assert built_in not in (first.sha256, second.sha256)


def test_rollback_of_the_first_push_is_the_built_in_model(device: Device, first: Candidate) -> None:
    built_in = push.connect(device).model_hash
    with pytest.raises(DeviceFaultError, match="no model ran before"):
        push.rollback(device)
    put(device, first)
    assert push.rollback(device).model_hash == built_in
    found = slots.read(device)
    assert (found.running, found.locked, found.slots[0].state) == (BUILT_IN, 0, SlotState.RETIRED)
    assert put(device, first).slot == 1  # the mark that retires slot 0 must last
    assert push.rollback(device).model_hash == built_in


def test_repeated_requests_do_nothing_twice(nano: Device, first: Candidate) -> None:
    push.connect(nano)
    put(nano, first)
    sequence = slots.read(nano).newest_sequence
    slots.activate(nano, 0)
    assert slots.read(nano).newest_sequence == sequence
    slots.rollback(nano, sequence)
    slots.rollback(nano, sequence)
    found = slots.read(nano)
    assert (found.running, found.newest_sequence) == (BUILT_IN, sequence + 1)


def test_what_runs_is_not_written(nano: Device, first: Candidate) -> None:
    push.connect(nano)
    put(nano, first)
    with pytest.raises(DeviceFaultError, match="must not be written"):
        slots.erase(nano, 0, 1)
    with pytest.raises(DeviceFaultError, match="must not be written"):
        slots.write(nano, 0, 4096, bytes(4))


def test_marks_and_what_lies_outside_are_not_the_hosts(nano: Device) -> None:
    push.connect(nano)
    size = slots.read(nano).slot_bytes
    for offset, length in ((256, 4), (252, 8), (4092, 8), (size - 4, 8), (0xFFFFFFFC, 8)):
        with pytest.raises(DeviceFaultError, match="outside"):
            slots.write(nano, 1, offset, bytes(length))
    with pytest.raises(DeviceFaultError, match="wrong length"):
        slots.write(nano, 1, 4098, bytes(4))
    with pytest.raises(DeviceFaultError):
        slots.erase(nano, 1, size // 4096)


def test_flash_that_was_not_erased_is_noticed(nano: Device) -> None:
    push.connect(nano)
    slots.write(nano, 0, 4096, b"\x00\xff\x00\xff")
    slots.write(nano, 0, 4096, b"\x00\xff\x00\xff")  # the same again is no change
    with pytest.raises(DeviceFaultError, match="flash did not take"):
        slots.write(nano, 0, 4096, b"\xff\xff\x00\xff")


def test_self_test_is_a_condition(device: Device, first: Candidate) -> None:
    """Vectors whose expected answers are wrong: the old model runs on, the slot stays unused."""
    built_in = push.connect(device).model_hash
    image = images.make(first.tflite, first.vectors)
    wrong = bytearray(image.payload)
    wrong[-3] ^= 1  # the last answer; behind it is padding
    slots_before = slots.read(device)
    spoiled = with_payload(image, bytes(wrong))
    writing.write(device, spoiled, 0, slots_before.page_bytes)
    trial = slots.verify(device, 0)
    assert (trial.outcome, trial.vectors) == (Status.SELF_TEST_FAILED, first.vectors.count - 1)
    with pytest.raises(DeviceFaultError, match="not verified"):
        slots.activate(device, 0)
    assert device.hello().model_hash == built_in
    assert slots.read(device).running == BUILT_IN


def test_other_arithmetic_on_the_device_is_a_parity_error(
    nano: Device, first: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Liar(GuardedJudge):
        def run(self, inputs: Any) -> Any:
            return [output + 1 for output in super().run(inputs)]

    push.connect(nano)
    monkeypatch.setattr(images, "GuardedJudge", Liar)
    with pytest.raises(ParityError, match="0 of 2"):
        put(nano, first)
    assert slots.read(nano).running == BUILT_IN


def test_damage_on_the_way_is_found(nano: Device, first: Candidate) -> None:
    push.connect(nano)
    image = images.make(first.tflite, first.vectors)
    damaged = bytearray(image.payload)
    damaged[100] ^= 1
    writing.write(nano, dataclasses.replace(image, payload=bytes(damaged)), 0, 4096)
    assert slots.verify(nano, 0).outcome == Status.SLOT_NOT_WHOLE


def test_model_that_the_verifier_refuses(nano: Device, first: Candidate) -> None:
    built_in = push.connect(nano).model_hash
    image = images.make(first.tflite, first.vectors)
    hostile = bytearray(image.payload)
    hostile[:4] = (0x7FFFFFF0).to_bytes(4, "little")  # the root table far outside
    writing.write(nano, with_payload(image, bytes(hostile)), 0, 4096)
    trial = slots.verify(nano, 0)
    assert trial.outcome == Status.MODEL_REFUSED
    assert "model" in trial.reason
    assert nano.hello().model_hash == built_in


def test_too_large_for_slot_or_arena(nano: Device, first: Candidate) -> None:
    push.connect(nano)
    room = slots.read(nano)
    image = images.make(first.tflite, first.vectors)
    with pytest.raises(ModelTooLargeError, match="a slot takes"):
        push.check(nano, first.model, image, dataclasses.replace(room, slot_bytes=4096 + 2000))
    with pytest.raises(ModelTooLargeError, match="needs an arena"):
        push.check(nano, relu((1, 200_000)), image, room)


def test_operator_that_the_firmware_lacks(nano: Device, first: Candidate) -> None:
    push.connect(nano)
    image = images.make(first.tflite, first.vectors)
    known = slots.operators(nano)
    assert {0, 3, 4, 9, 25} < known  # ADD, CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, SOFTMAX
    model = relu((1, 4))
    model.main.ops[0].code = "FAKE_QUANT"
    with pytest.raises(UnsupportedModelError, match="FAKE_QUANT"):
        push.check(nano, model, image, slots.read(nano))


def test_firmware_without_slots_says_so() -> None:
    identity = SimpleNamespace(board="nano33", engine="compiled", can=lambda capability: False)
    plain: Any = SimpleNamespace(hello=lambda: identity)
    with pytest.raises(DeviceFaultError, match="no model slots"):
        push.connect(plain)


def test_slot_image_by_hand(first: Candidate) -> None:
    image = images.make(first.tflite, first.vectors)
    fields = slot_protocol.SlotHeader.unpack(image.header)
    assert image.header[:4] == b"TDS1"
    assert fields["model_bytes"] == len(first.tflite)
    assert fields["vector_bytes"] == 4  # one byte in, one out, padded to a word
    padded = -(-len(first.tflite) // 16) * 16
    value = np.asarray(first.vectors.at(0)[0]).tobytes()
    assert image.payload[padded : padded + 2] == value + first.answers()[0][0]
    assert len(image.payload) == padded + 2 * 4
    assert image.pages(4096) == 2


def test_model_that_runs_already_costs_no_flash(nano: Device, first: Candidate) -> None:
    push.connect(nano)
    put(nano, first)
    transport: Any = nano.transport
    log = transport.machine.flash.log
    log.clear()
    again = put(nano, first)
    assert (again.slot, again.written_bytes, log) == (0, 0, [])
    assert again.arena_used_bytes > 0
    assert push.rollback(nano).model_hash != first.sha256


def test_deploying_goes_back_to_the_images_own_model(device: Device, first: Candidate) -> None:
    built_in = push.connect(device).model_hash
    slots.activate(device, BUILT_IN)  # nothing to do
    assert slots.read(device).newest_sequence == 0
    put(device, first)
    slots.activate(device, BUILT_IN)
    slots.activate(device, BUILT_IN)  # the answer may have got lost
    assert device.hello().model_hash == built_in
    assert slots.read(device).newest_sequence == 2
    assert push.rollback(device).model_hash == first.sha256


def test_marks_run_out_and_a_push_makes_room(nano: Device, first: Candidate) -> None:
    """A page of marks: 320 turns there and back, then the slot has to be written anew."""
    push.connect(nano)
    put(nano, first)
    transport: Any = nano.transport
    machine = transport.machine
    marks = boards.load("nano33").slots_origin + slot_protocol.SLOT_MARKS_OFFSET
    machine.write(marks + 12, bytes(4096 - slot_protocol.SLOT_MARKS_OFFSET - 12))  # used up
    with pytest.raises(DeviceFaultError, match="takes no further mark"):
        push.rollback(nano)
    assert nano.hello().model_hash == first.sha256


def test_another_board_is_told_apart(nano: Device) -> None:
    with pytest.raises(LinkError, match="is a nano33, not a sparkfun_edge"):
        push.connect(nano, "sparkfun_edge")


@pytest.mark.parametrize("kind", ["drop", "flip", "duplicate", "delay", "reset", "unplug"])
def test_faults_on_the_wire_cost_a_repetition(
    hot_swap_image: Any, first: Candidate, kind: str
) -> None:
    """The swap completes at once; where the board restarted, after connecting again."""
    board = boards.load("nano33")
    chance = random.Random(kind)
    wire = FaultyWire(simulate.open(board, hot_swap_image("nano33").elf), chance)
    wire.close = lambda: None  # type: ignore[method-assign]  # the board runs on

    def reopen(timeout_s: float) -> FaultyWire:
        wire.replug()
        return wire

    device = Device(wire, PATIENCE, reopen=reopen)
    push.connect(device)
    wire.arm(kind, chance.randrange(6, 18))
    done = put(device, first)
    assert wire.struck
    assert done.reconnects == (kind in ("reset", "unplug"))
    assert answer(device, first) == first.answers()[0][0]
