"""What a device believes of a slot: hashes, self-tests, numbers of marks; and whatever is sent."""

from __future__ import annotations

import hashlib
import random
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tinydeploy import boards, push
from tinydeploy.abi import protocol, slot_protocol
from tinydeploy.errors import DeviceFaultError, UsageError
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Type
from tinydeploy.graph.write_tflite import dump
from tinydeploy.link import slots
from tinydeploy.link.client import Device
from tinydeploy.link.process import ProcessTransport
from tinydeploy.push import writing
from tinydeploy.push.swap_bench import Candidate
from tinydeploy.stages import slot_image as images
from tinydeploy.stages.slot_image import SlotImage

Status, Command = protocol.Status, protocol.Command
PAGE = 4096


@pytest.fixture
def host(hot_swap_image: Any) -> Iterator[Device]:
    device = Device(ProcessTransport(hot_swap_image("host").elf))
    push.connect(device)
    yield device
    device.close()


def image_of(tflite: bytes, tests: list[bytes], *, named: bytes | None = None) -> SlotImage:
    """A slot's content with checksums that fit; `named` is the model whose hash it states."""
    payload = tflite + bytes(-len(tflite) % 16) + b"".join(tests)
    digest = hashlib.sha256(tflite if named is None else named)
    header = slot_protocol.SlotHeader.pack(
        magic=slot_protocol.SLOT_MAGIC,
        model_bytes=len(tflite),
        vector_count=len(tests),
        vector_bytes=len(tests[0]) if tests else 0,
        payload_crc=zlib.crc32(payload),
        model_hash=digest.digest(),
    )
    header = header[:-4] + struct.pack("<I", zlib.crc32(header[:-4]))
    return SlotImage(header, payload, digest.hexdigest(), len(tests))


def vectors_of(model: Candidate) -> list[bytes]:
    image = images.make(model.tflite, model.vectors)
    start = -(-len(model.tflite) // 16) * 16
    return [image.payload[at : at + 4] for at in range(start, len(image.payload), 4)]


def tried(device: Device, image: SlotImage, slot: int = 0) -> slots.Trial:
    writing.write(device, image, slot, slots.read(device).page_bytes)
    return slots.verify(device, slot)


def answers(device: Device, model: Candidate) -> bool:
    device.load_input(0, model.vectors.at(0)[0].tobytes())
    device.invoke()
    return device.read(protocol.TensorKind.OUTPUT, 0, 1) == model.answers()[0][0]


def test_the_hash_of_every_length(host: Device, first: Candidate) -> None:
    """Around the blocks of 64 bytes: bytes behind the model mean nothing but to the hash."""
    tests = vectors_of(first)
    for extra in (*range(70), 119, 120, 128, 5000):
        tflite = first.tflite + bytes(random.Random(extra).randbytes(extra))
        trial = tried(host, image_of(tflite, tests))
        assert (trial.outcome, trial.vectors) == (Status.OK, len(tests)), extra


def test_a_right_checksum_over_another_model_is_not_enough(
    device: Device, first: Candidate, second: Candidate
) -> None:
    built_in = push.connect(device).model_hash
    trial = tried(device, image_of(second.tflite, vectors_of(second), named=first.tflite))
    assert trial.outcome == Status.SLOT_NOT_WHOLE
    assert "hash" in trial.reason
    with pytest.raises(DeviceFaultError, match="was not verified"):
        slots.activate(device, 0)
    assert device.hello().model_hash == built_in


def forged(data: bytes, place: int, crc: int) -> bytes:
    """`data` with four bytes at `place` changed so that it has this CRC-32, which is linear."""
    plain = data[:place] + bytes(4) + data[place + 4 :]
    base = zlib.crc32(plain)
    columns = []
    for bit in range(32):
        word = (1 << bit).to_bytes(4, "little")
        columns.append(zlib.crc32(data[:place] + word + data[place + 4 :]) ^ base)
    rows = [(column, 1 << bit) for bit, column in enumerate(columns)]
    wanted, chosen = crc ^ base, 0
    for bit in range(32):
        pivot = next(row for row in rows if row[0] >> bit & 1)
        rows.remove(pivot)
        rows = [
            (row[0] ^ pivot[0], row[1] ^ pivot[1]) if row[0] >> bit & 1 else row for row in rows
        ]
        if wanted >> bit & 1:
            wanted, chosen = wanted ^ pivot[0], chosen ^ pivot[1]
    return data[:place] + chosen.to_bytes(4, "little") + data[place + 4 :]


def test_a_rollback_does_not_run_what_was_slipped_in(
    nano: Device, first: Candidate, second: Candidate
) -> None:
    """The older slot may be written: with its header and marks as they were, and the same CRC."""
    built_in = push.connect(nano).model_hash
    tflite = first.tflite + bytes(64)
    image = image_of(tflite, vectors_of(first))
    assert tried(nano, image).outcome == Status.OK
    slots.activate(nano, 0)
    push.push(nano, second.tflite, second.model, second.vectors)
    other = second.tflite + bytes(len(tflite) - len(second.tflite)) + image.payload[len(tflite) :]
    evil = forged(other, len(tflite) - 32, zlib.crc32(image.payload))
    assert evil != image.payload
    assert zlib.crc32(evil) == zlib.crc32(image.payload)
    slots.erase(nano, 0, 1)
    for at in range(0, len(evil), 504):
        slots.write(nano, 0, PAGE + at, evil[at : at + 504])
    assert push.rollback(nano).model_hash == built_in
    transport: Any = nano.transport
    transport.reset("power-on")
    assert nano.hello().model_hash == built_in


def test_no_vectors_are_no_test(device: Device, first: Candidate) -> None:
    push.connect(device)
    trial = tried(device, image_of(first.tflite, []))
    assert (trial.outcome, trial.vectors) == (Status.SELF_TEST_FAILED, 0)
    with pytest.raises(DeviceFaultError, match="was not verified"):
        slots.activate(device, 0)
    none = first.vectors.__class__(
        tuple(array[:0] for array in first.vectors.inputs), None, "", False
    )
    with pytest.raises(UsageError, match="without self-test vectors"):
        push.push(device, first.tflite, first.model, none)


@pytest.mark.parametrize("number", [0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF])
def test_numbers_of_marks_begin_again(
    nano: Device, first: Candidate, second: Candidate, number: int
) -> None:
    built_in = push.connect(nano).model_hash
    push.push(nano, first.tflite, first.model, first.vectors)
    transport: Any = nano.transport
    mark = slot_protocol.SlotMark.pack(sequence=number, state=slot_protocol.SlotState.ACTIVE)[:-4]
    place = boards.load("nano33").slots_origin + slot_protocol.SLOT_MARKS_OFFSET
    transport.machine.write(place, mark + struct.pack("<I", zlib.crc32(mark)))

    def restarted() -> str:
        transport.reset("power-on")
        return nano.hello().model_hash

    assert restarted() == first.sha256
    slots.rollback(nano, number)
    slots.rollback(nano, number)  # the answer may have got lost
    assert restarted() == built_in
    assert push.rollback(nano).model_hash == first.sha256
    push.push(nano, second.tflite, second.model, second.vectors)
    assert restarted() == second.sha256
    assert push.rollback(nano).model_hash == first.sha256
    assert restarted() == first.sha256
    assert answers(nano, first)
    assert slots.read(nano).newest_sequence not in (0, number)


def refusing() -> bytes:
    """A model whose inference fails on most inputs: rows of a table by index."""
    build = Builder()
    x = build.input((1,), Type.INT32)
    table = build.constant(np.arange(8, dtype=np.float32).reshape(4, 2))
    return bytes(dump(build.model(build.op("GATHER", [table, x], (1, 2), Type.FLOAT32))))


class Stranger:
    """Requests to the slots in any order, with any numbers, and models that fail."""

    def __init__(self, device: Device, good: list[Candidate], seed: int) -> None:
        self.device, self.good = device, good
        self.random = random.Random(seed)
        self.tests = [vectors_of(model) for model in good]
        self.outcomes: set[int] = set()

    def number(self, most: int) -> int:
        return self.random.choice([0, 1, 2, 3, 4, most // 2, most - 1, most])

    def free(self) -> int:
        locked = slots.read(self.device).locked
        return self.random.randrange(2) if locked > 1 else 1 - locked

    def ask(self, command: int, payload: bytes = b"") -> None:
        """Whatever the answer."""
        try:
            reply = self.device.request(command, payload)
        except DeviceFaultError as error:
            if "refused request" not in error.message:
                raise
            return
        if command == Command.SLOT_VERIFY:
            self.outcomes.add(struct.unpack_from("<H", reply)[0])

    def failing(self) -> None:
        """Refused by the runtime, by an operator at work, by its answers."""
        model = self.random.randrange(2)
        self.outcomes.add(
            tried(
                self.device,
                self.random.choice(
                    [
                        image_of(refusing(), [struct.pack("<iff", 9, 0, 0)]),
                        image_of(bytes(64), [bytes(4)]),
                        image_of(self.good[model].tflite, self.tests[1 - model][::-1]),
                        image_of(self.good[model].tflite, [bytes(8)]),
                    ]
                ),
                self.free(),
            ).outcome
        )

    def whole(self) -> None:
        model = self.random.randrange(2)
        image = image_of(self.good[model].tflite, self.tests[model])
        self.outcomes.add(tried(self.device, image, self.free()).outcome)

    def odd(self) -> None:
        slot, offset = self.number(0xFFFF), self.number(0xFFFFFFFF)
        data = self.random.randbytes(self.number(96) // 4 * 4)
        self.ask(
            self.random.choice(range(0x10, 0x18)),
            self.random.choice(
                [
                    struct.pack("<HH", slot, self.number(0xFFFF)),
                    struct.pack("<HHI", slot, 0, offset) + data,
                    struct.pack("<HHHH", slot, self.number(0xFFFF), self.number(0xFFFF), 0),
                    struct.pack("<I", offset),
                ]
            ),
        )

    def scratch(self) -> None:
        """Part of a slot that may be written, anywhere."""
        offset = self.random.randrange(0, 3 * PAGE, 4)
        data = self.random.randbytes(32)
        self.ask(Command.SLOT_WRITE, struct.pack("<HHI", self.free(), 0, offset) + data)

    def verify(self) -> None:
        self.ask(Command.SLOT_VERIFY, struct.pack("<HH", self.random.randrange(2), 0))

    def activate(self) -> None:
        self.ask(Command.SLOT_ACTIVATE, struct.pack("<HH", self.random.choice([0, 1, 0xFFFF]), 0))

    def rollback(self) -> None:
        newest = slots.read(self.device).newest_sequence
        self.ask(Command.SLOT_ROLLBACK, struct.pack("<I", newest))

    def restart(self) -> None:
        self.device.reset()
        self.device.hello()


def test_requests_in_any_order_across_failures(
    host: Device, sine: bytes, first: Candidate, second: Candidate
) -> None:
    """What runs is always one of the models that passed, and answers as it should."""
    from tinydeploy.push import swap_bench

    known = {m.sha256: m for m in (first, second, swap_bench.candidate("sine", sine))}
    stranger = Stranger(host, [first, second], seed=4)
    acts = [
        *(stranger.failing, stranger.whole, stranger.odd, stranger.odd, stranger.scratch),
        *(stranger.verify, stranger.activate, stranger.activate, stranger.rollback),
    ]
    ran = set()
    for turn in range(400):
        stranger.random.choice(acts)()
        if turn % 50 == 49:
            stranger.restart()
        running = host.hello().model_hash
        assert answers(host, known[running])
        ran.add(running)
    assert len(ran) == 3
    expected = {Status.OK, Status.SLOT_NOT_WHOLE, Status.MODEL_REFUSED, Status.SELF_TEST_FAILED}
    assert stranger.outcomes == expected
