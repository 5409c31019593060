"""A push that was cut short goes on: from the same call, from the next one, and never wrongly."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest
from tinydeploy import boards, push, simulate
from tinydeploy.abi.slot_protocol import SlotState
from tinydeploy.errors import (
    DeviceError,
    DeviceRestartedError,
    LinkError,
    PortError,
)
from tinydeploy.hardware.link_faults import PATIENCE, FaultyWire
from tinydeploy.link import slots
from tinydeploy.link.client import Device
from tinydeploy.link.reopen import Reopener
from tinydeploy.link.transport import PortInfo
from tinydeploy.push import swap_bench, writing
from tinydeploy.push.swap_bench import Candidate
from tinydeploy.stages import input_spec
from tinydeploy.stages import slot_image as images
from tinydeploy.stages import vectors as vectors_stage

PAGE_BYTES = 4096
PAGES = 4  # the header, and 3,200 + 8,500 bytes and two vectors
IN_PAGE_3 = 60  # transfers after which it is being written
AT_ONCE = dataclasses.replace(PATIENCE, reconnects=0)


@pytest.fixture(scope="session")
def long(sine: bytes) -> Candidate:
    """A model of several pages."""
    tflite = swap_bench.lengthened(swap_bench.variant(sine, 0.25), 8_500)
    return swap_bench.candidate("long", tflite)


class Cable(FaultyWire):
    """The board runs on when a client closes its port."""

    def close(self) -> None:
        pass

    def reopen(self, timeout_s: float) -> Cable:
        """As a client does it."""
        self.replug()
        return self


@pytest.fixture
def wire(hot_swap_image: Any) -> Cable:
    """A simulated Nano."""
    board = simulate.open(boards.load("nano33"), hot_swap_image("nano33").elf)
    return Cable(board, random.Random(1))


def put(device: Device, model: Candidate, **options: Any) -> push.Pushed:
    return push.push(device, model.tflite, model.model, model.vectors, **options)


def log_of(wire: Cable) -> list[Any]:
    board: Any = wire._board
    log: list[Any] = board.machine.flash.log
    return log


def erased_pages(wire: Cable) -> list[int]:
    """Pages of slot 0 in the order in which they were erased."""
    origin = boards.load("nano33").slots_origin
    return [(op.address - origin) // PAGE_BYTES for op in log_of(wire) if op.is_erase]


def half_pushed(wire: Cable, model: Candidate) -> Device:
    """A device on which the cable was pulled while page 3 was written, and is in again."""
    device = Device(wire, AT_ONCE)
    push.connect(device)
    wire.arm("unplug", IN_PAGE_3)
    with pytest.raises(PortError, match="the device keeps its model") as stopped:
        put(device, model)
    assert "goes on from where this one stopped" in stopped.value.hint
    wire.replug()
    device = Device(wire, AT_ONCE)
    push.connect(device)
    return device


def test_next_push_goes_on(wire: Cable, long: Candidate) -> None:
    device = half_pushed(wire, long)
    assert erased_pages(wire) == [0, 1, 2, 3]
    slot = slots.read(device).slots[0]
    assert (slot.state, slot.model_hash) == (SlotState.PARTIAL, long.sha256)
    log_of(wire).clear()
    done = put(device, long)
    assert done.identity.model_hash == long.sha256
    assert erased_pages(wire) == [2, 3]  # page 2 read as it should, and is written again
    image = images.make(long.tflite, long.vectors)
    assert done.kept_bytes == len(image.header) + PAGE_BYTES
    assert done.kept_bytes + done.written_bytes == len(image.header) + len(image.payload)
    assert done.vectors == long.vectors.count


@pytest.mark.parametrize("kind", ["reset", "unplug"])
def test_same_push_connects_again_and_goes_on(wire: Cable, long: Candidate, kind: str) -> None:
    """Within the retry policy nobody has to do anything."""
    device = Device(wire, PATIENCE, reopen=wire.reopen)
    push.connect(device)
    wire.arm(kind, IN_PAGE_3)
    told: list[str] = []
    done = put(device, long, say=told.append)
    assert (done.reconnects, done.kept_bytes, len(told)) == (1, 0, 1)
    assert "connecting again" in told[0]
    assert done.identity.model_hash == long.sha256
    assert erased_pages(wire).count(0) == erased_pages(wire).count(1) == 1
    assert erased_pages(wire).count(2) == 2


def test_lost_after_the_activation(
    wire: Cable, long: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new model runs already when the client is back: nothing is left to do."""
    device = Device(wire, PATIENCE)
    push.connect(device)
    activate = slots.activate

    def lost(device: Device, slot: int) -> None:
        activate(device, slot)
        wire._board.reset("pin")
        device.memory()

    monkeypatch.setattr(slots, "activate", lost)
    done = put(device, long)
    assert (done.slot, done.reconnects, done.vectors) == (0, 1, long.vectors.count)
    assert done.written_bytes > len(long.tflite)


def test_all_is_there_but_the_mark(wire: Cable, long: Candidate) -> None:
    device = Device(wire)
    push.connect(device)
    image = images.make(long.tflite, long.vectors)
    writing.write(device, image, 0, PAGE_BYTES)
    assert slots.read(device).slots[0].state == SlotState.WHOLE
    log_of(wire).clear()
    assert put(device, long).slot == 0
    assert erased_pages(wire) == [PAGES - 1]


def test_another_model_does_not_go_on_from_it(wire: Cable, long: Candidate, sine: bytes) -> None:
    """Nor does the same one with another self-test."""
    device = half_pushed(wire, long)
    log_of(wire).clear()
    other = swap_bench.candidate("other", long.tflite[:-1] + b"\x00")
    done = put(device, other)
    assert (done.kept_bytes, done.slot) == (0, 0)
    assert erased_pages(wire) == list(range(PAGES))
    assert done.identity.model_hash == other.sha256


def test_the_same_model_with_another_self_test_starts_anew(wire: Cable, long: Candidate) -> None:
    device = half_pushed(wire, long)
    vectors = vectors_stage.random(input_spec.input_specs(long.model), 2, 99)
    assert put(device, dataclasses.replace(long, vectors=vectors)).kept_bytes == 0


@pytest.mark.parametrize("page", [1, 2])
def test_flash_that_has_changed_is_not_kept(wire: Cable, long: Candidate, page: int) -> None:
    device = half_pushed(wire, long)
    board: Any = wire._board
    at = boards.load("nano33").slots_origin + page * PAGE_BYTES + 400
    board.machine.write(at, bytes([board.memory(at, 1)[0] ^ 1]))
    log_of(wire).clear()
    assert put(device, long).kept_bytes == 0
    assert erased_pages(wire) == list(range(PAGES))


def test_checksums_that_lie_cost_a_second_writing(
    wire: Cable, long: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = half_pushed(wire, long)
    board: Any = wire._board
    at = boards.load("nano33").slots_origin + PAGE_BYTES + 400
    board.machine.write(at, bytes([board.memory(at, 1)[0] ^ 1]))
    monkeypatch.setattr(writing, "first_page", lambda *_: 2)
    done = put(device, long)
    assert done.identity.model_hash == long.sha256
    assert erased_pages(wire)[-PAGES:] == list(range(PAGES))


def test_page_checksums_are_of_the_flash(wire: Cable, long: Candidate) -> None:
    device = half_pushed(wire, long)
    image = images.make(long.tflite, long.vectors)
    assert slots.page_crcs(device, 0, 1, 2) == [image.page_crc(i, PAGE_BYTES) for i in (1, 2)]
    blank = 0xF154670A  # zlib.crc32(b"\xff" * 4096)
    assert slots.page_crcs(device, 1, 0, 76) == [blank] * 76
    for slot, first, count in ((2, 0, 1), (0, 76, 1), (0, 0, 77), (0, 0xFFFF, 0xFFFF)):
        with pytest.raises(DeviceError, match="refused"):
            slots.page_crcs(device, slot, first, count)


def test_another_board_is_not_gone_on_with(wire: Cable, long: Candidate) -> None:
    device = Device(wire, PATIENCE)
    push.connect(device)
    hello, boards_seen = device.hello, iter(["0a", "0a", "0b", "0b"])

    def changed() -> Any:
        return dataclasses.replace(hello(), device_id=next(boards_seen))

    device.hello = changed  # type: ignore[method-assign]
    wire.arm("reset", IN_PAGE_3)
    with pytest.raises(LinkError, match="another nano33 answers"):
        put(device, long)


def test_patience_ends(wire: Cable, long: Candidate) -> None:
    """A board that stays away: as many tries as there should be, then the error."""
    tries = []

    def reopen(timeout_s: float) -> Any:
        tries.append(timeout_s)
        raise PortError("cannot open it: no such port")

    device = Device(wire, dataclasses.replace(PATIENCE, reconnects=2, reopen_s=0.5), reopen=reopen)
    push.connect(device)
    wire.arm("unplug", IN_PAGE_3)
    with pytest.raises(PortError, match="is gone; the device keeps its model"):
        put(device, long)
    assert tries == [0.5, 0.5]


def test_a_device_that_restarted_says_so(wire: Cable) -> None:
    device = Device(wire, PATIENCE)
    device.hello()
    wire._board.reset("pin")
    with pytest.raises(DeviceRestartedError, match="has restarted"):
        device.memory()
    assert device.reconnect().board == "nano33"


def test_port_is_found_again_by_its_serial_number() -> None:
    there = [PortInfo("/dev/ttyACM0", serial_number="77")]
    asked: list[str] = []

    def opened(name: str) -> Any:
        asked.append(name)
        if len(asked) < 3:
            raise PortError("not yet")
        return name

    reopen = Reopener("/dev/ttyACM0", opened, lambda: there)
    there[:] = [PortInfo("/dev/ttyACM0"), PortInfo("/dev/ttyACM1", serial_number="77")]
    assert reopen(5.0) == "/dev/ttyACM1"
    assert asked == ["/dev/ttyACM1"] * 3
    asked.clear()
    with pytest.raises(PortError, match="not yet"):
        Reopener("/dev/pts/5", opened, lambda: there)(0.0)
    assert asked == ["/dev/pts/5"]
