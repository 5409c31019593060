"""A device whose firmware is broken or not ours: whatever it says costs an error, never this PC."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lying_device import Lie, LyingDevice
from tinydeploy import push
from tinydeploy.abi import protocol, slot_protocol
from tinydeploy.abi.layout import Struct
from tinydeploy.config import MODELS_DIR
from tinydeploy.errors import DeviceFaultError, DeviceWedgedError, LinkError, TinyDeployError
from tinydeploy.link import shared, slots
from tinydeploy.link.client import Device
from tinydeploy.link.frame import Frame
from tinydeploy.push import swap_bench
from tinydeploy.push.swap_bench import Candidate
from tinydeploy.stages import slot_image as images

OUTPUT = protocol.TensorKind.OUTPUT
ANSWERS: tuple[Struct, ...] = (
    protocol.FrameHeader,
    protocol.HelloReply,
    protocol.StatusReply,
    protocol.MemoryReply,
    protocol.TensorReply,
    protocol.InvokeReply,
    protocol.DiagnoseReply,
    slot_protocol.SlotInfoReply,
    slot_protocol.SlotVerifyReply,
)
LONGEST_S, MOST_BYTES = 5.0, 16 << 20


def lies() -> Iterator[Lie]:
    """Each number of each answer at each end of what it may be and can be."""
    for layout in ANSWERS:
        for field in layout.fields:
            if field.is_bytes:
                continue
            low, high = field.bounds if field.kind != "f32" else (0, 0)
            edges = {0, 1, 3, 4, low - 1, low, high, high + 1, 1 << 15, 1 << 31, (1 << 32) - 1}
            edges |= {0x7F800000, 0x7FC00000} if field.kind == "f32" else set()
            widest = (1 << 8 * field.alignment) - 1
            for number in sorted({edge & widest for edge in edges}):
                yield layout.name, field.name, number


@pytest.fixture(scope="module")
def model() -> Candidate:
    return swap_bench.candidate("sine", Path(MODELS_DIR / "sine/sine_int8.tflite").read_bytes())


@pytest.fixture
def prepared(model: Candidate, monkeypatch: pytest.MonkeyPatch) -> Candidate:
    """What is written is made once."""
    image = images.make(model.tflite, model.vectors)
    monkeypatch.setattr(push.images, "make", lambda *_: image)
    return model


def everything(model: Candidate, device: Device) -> None:
    """Every request that the PC has."""
    device.hello()
    device.status()
    device.memory()
    device.load_input(0, bytes(device.tensor(protocol.TensorKind.INPUT, 0).bytes & 1))
    device.profile(device.invoke().ops_run)
    device.read(OUTPUT, 0, 1)
    device.diagnose()
    device.echo(b"abc")
    slots.operators(device)
    push.push(device, model.tflite, model.model, model.vectors)
    push.push(device, model.tflite, model.model, model.vectors)
    push.rollback(device)
    device.reset_state()


@contextmanager
def harmless() -> Iterator[None]:
    """Takes neither long (of this process: the machine may be busy) nor much memory."""
    tracemalloc.start()
    began_s = time.process_time()
    try:
        yield
        assert time.process_time() - began_s < LONGEST_S
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()


def outcome(request: Callable[[], object]) -> TinyDeployError | None:
    seen: TinyDeployError | None = None
    try:
        request()
    except TinyDeployError as error:
        seen = error
    assert seen is None or (seen.hint and "\x1b" not in seen.message)
    return seen


def test_an_honest_device_passes(prepared: Candidate) -> None:
    with harmless():
        assert outcome(lambda: everything(prepared, Device(LyingDevice()))) is None


@pytest.mark.parametrize("layout", ANSWERS, ids=lambda layout: layout.name)
def test_every_number_at_every_edge(prepared: Candidate, layout: Struct) -> None:
    caught = 0
    for lie in lies():
        if lie[0] == layout.name:
            with harmless():
                found = outcome(lambda lie=lie: everything(prepared, Device(LyingDevice(lie))))
            caught += found is not None
    assert caught or layout is protocol.DiagnoseReply  # whose numbers are only shown


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *(("HelloReply.max_payload_bytes", number) for number in (0, 3, 4, 127, 513, 0xFFFF)),
        *(("SlotInfoReply.page_bytes", number) for number in (0, 1, 511, 4095, 1 << 18, 1 << 31)),
        *(("SlotInfoReply.slot_bytes", number) for number in (0, 4096, 4097, 1 << 31)),
        *(("SlotInfoReply.slot_count", number) for number in (0, 9, 0xFFFF)),
        *(("SlotInfoReply.running_slot", number) for number in (2, 0xFFFE)),
        ("TensorReply.rank", 7),
        ("TensorReply.dims", 0xFFFFFFFF),
        ("TensorReply.bytes", 1 << 31),
        ("TensorReply.scale", 0x7FC00000),
        ("StatusReply.state", 4),
    ],
)
def test_what_no_sound_device_says(prepared: Candidate, name: str, number: int) -> None:
    layout, field = name.split(".")
    found = outcome(lambda: everything(prepared, Device(LyingDevice((layout, field, number)))))
    assert isinstance(found, LinkError)
    assert "cannot be" in found.message


@pytest.mark.parametrize("request_", ["invoke", "verify", "erase"])
def test_computing_for_ever_has_an_end(request_: str) -> None:
    device = Device(LyingDevice(never_ends=True))
    device.hello()
    asked = {
        "invoke": device.invoke,
        "verify": lambda: slots.verify(device, 0),
        "erase": lambda: slots.erase(device, 0, 1),
    }
    with harmless(), pytest.raises(DeviceWedgedError, match="does not come to an end"):
        asked[request_]()


def test_the_clock_ends_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real device: each turn takes its time."""
    from tinydeploy.link import patience

    clock = iter(range(0, 1 << 20, 7))
    monkeypatch.setattr(patience.time, "monotonic", lambda: float(next(clock)))
    limit = patience.Limit(600.0, 0.001)
    turns = 0
    while limit.goes_on():
        turns += 1
    assert 80 < turns < 90


def test_text_without_an_end_is_not_kept() -> None:
    lines = shared.TextLines()
    with harmless():
        for _ in range(2000):
            assert list(lines.feed(b"x" * 4096)) == []


def test_faults_of_any_numbers() -> None:
    for field in protocol.FaultReport.fields:
        for number in (0, 3, 4, 1 << 31, (1 << 32) - 1):
            fake = LyingDevice()
            device = Device(fake)
            device.hello()
            report = protocol.FaultReport.pack(**{field.name: number})
            fake.say(Frame(protocol.Command.FAULT, 0, 0, report))
            with pytest.raises(DeviceFaultError, match="the firmware stopped with a"):
                device.status()


def test_answers_of_another_length(prepared: Candidate) -> None:
    """Shorter and longer ones, and operators in an odd number of bytes."""
    for command, length in ((c, n) for c in range(0x01, 0x18) for n in (0, 1, 3, 511, 4000)):
        fake = LyingDevice()
        handlers = fake._handlers()
        handlers[command] = lambda _, length=length: bytes(length)
        fake._handlers = lambda handlers=handlers: handlers  # type: ignore[method-assign]
        with harmless():
            outcome(lambda fake=fake: everything(prepared, Device(fake)))
