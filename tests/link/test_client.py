"""The client against a device in Python: retries, exactly-once inference, slow against wedged."""

from __future__ import annotations

import pytest
from fake_device import FakeDevice, Spoiler
from tinydeploy.abi import protocol
from tinydeploy.errors import DeviceFaultError, DeviceWedgedError, LinkError
from tinydeploy.link.client import Device
from tinydeploy.link.frame import Frame

OUTPUT = protocol.TensorKind.OUTPUT


def infer(device: Device, data: bytes) -> bytes:
    device.load_input(0, data)
    device.invoke()
    return device.read(OUTPUT, 0, len(data))


def test_inference_larger_than_one_payload() -> None:
    data = bytes(range(256)) * 2 + bytes(188)
    device = Device(FakeDevice(700))
    identity = device.hello()
    assert (identity.board, identity.cpu_hz, identity.has_model) == ("fake", 1_000_000, True)
    assert infer(device, data) == bytes((value + 1) & 0xFF for value in data)


@pytest.mark.parametrize("seed", range(20))
def test_a_spoiled_line_never_gives_a_wrong_result(seed: int) -> None:
    spoiler = Spoiler(seed, 0.2)
    fake = FakeDevice(700, spoiler)
    device = Device(fake)
    device.patience = type(device.patience)(tries=30)
    device.hello()
    for round_ in range(20):
        data = bytes((round_ * 7 + at) & 0xFF for at in range(700))
        assert infer(device, data) == bytes((value + 1) & 0xFF for value in data)
    assert fake.runs == 20, "an INVOKE must run exactly once, however often it is repeated"
    assert spoiler.faults > 10
    assert device.stats.retries > 5


def test_slow_is_not_wedged() -> None:
    fake = FakeDevice(4)
    device = Device(fake)
    device.hello()
    fake.busy_probes = 5
    device.load_input(0, b"abcd")
    assert device.invoke().cycles == 42
    assert fake.runs == 1


class Silent(FakeDevice):
    """Takes everything, says nothing."""

    def write(self, data: bytes) -> None:
        """Swallow."""


def test_silence_is_wedged() -> None:
    with pytest.raises(DeviceWedgedError, match="does not answer") as error:
        Device(Silent()).hello()
    assert "reset" in error.value.hint


def test_wedged_during_an_inference() -> None:
    fake = FakeDevice(4)
    device = Device(fake)
    device.hello()
    fake.write = lambda data: None  # type: ignore[method-assign]
    with pytest.raises(DeviceWedgedError, match="during an inference"):
        device.invoke()


def test_garbage_is_told_from_silence() -> None:
    fake = Silent()
    fake.say_raw(b"\xff\x80garbage\0" * 3)
    with pytest.raises(LinkError, match="not with frames"):
        Device(fake).hello()


def test_log_text_goes_to_the_log() -> None:
    lines: list[str] = []
    fake = FakeDevice()
    fake.say_raw(b"\0booting\r\n\0")
    Device(fake, log=lines.append).hello()
    assert lines == ["booting\r\n"]


def test_other_abi_says_flash_again() -> None:
    fake = FakeDevice()
    fake.abi_hash ^= 1
    with pytest.raises(LinkError, match="ABI") as error:
        Device(fake).hello()
    assert "flash" in error.value.hint


def test_a_fault_report_becomes_words() -> None:
    fake = FakeDevice()
    device = Device(fake, symbolize=lambda address: f"f+{address:#x}")
    device.hello()
    report = protocol.FaultReport.pack(
        exception=5, pc=0x100, lr=0x200, cfsr=1 << 9 | 1 << 15, bfar=0x4000_0000, op_index=3
    )
    fake.say(Frame(protocol.Command.FAULT, 0, 0, report))
    with pytest.raises(DeviceFaultError) as error:
        device.status()
    for words in ("BusFault", "precise data bus error", "0x40000000", "f+0x100", "operator 3"):
        assert words in error.value.message


def test_refusals_are_explained() -> None:
    device = Device(FakeDevice())
    device.hello()
    with pytest.raises(DeviceFaultError, match="does not know this command"):
        device.memory()
