"""Firmware with a push key: what comes without it, or with another, is not taken."""

from __future__ import annotations

import hashlib
import hmac
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinydeploy import boards, cli, push, simulate
from tinydeploy.abi import protocol, slot_protocol
from tinydeploy.errors import DeviceFaultError, UsageError
from tinydeploy.graph.read_tflite import load
from tinydeploy.link import slots
from tinydeploy.link.client import Device
from tinydeploy.link.process import ProcessTransport
from tinydeploy.push import writing
from tinydeploy.push.swap_bench import Candidate
from tinydeploy.stages import program_folder, push_key
from tinydeploy.stages import slot_image as images
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.stages.flavour import Flavour
from tinydeploy.stages.slot_image import SlotImage

Status = protocol.Status
KEY = bytes(range(100, 132))  # of the fixture
OTHER_KEY = bytes(32)
COVERED = slot_protocol.SlotHeader.size - 36


@pytest.fixture(params=["host", "nano33"])
def keyed(request: pytest.FixtureRequest, hot_swap_image: Any) -> Iterator[Device]:
    elf, board = hot_swap_image(request.param, True).elf, boards.load(request.param)
    device = Device(ProcessTransport(elf) if board.is_host else simulate.open(board, elf))
    push.connect(device)
    yield device
    device.close()


def pushed(device: Device, model: Candidate, key: bytes | None) -> push.Pushed:
    parsed = load(model.tflite)
    return push.push(device, model.tflite, parsed, model.vectors, key=key)


def tried(device: Device, image: SlotImage) -> int:
    writing.write(device, image, 0, slots.read(device).page_bytes)
    return slots.verify(device, 0).outcome


def with_mac(image: SlotImage, mac: bytes) -> SlotImage:
    header = image.header[:COVERED] + mac
    return replace(image, header=header + zlib.crc32(header).to_bytes(4, "little"))


def test_the_mac_is_hmac_sha256_of_what_precedes_it(first: Candidate) -> None:
    header = images.make(first.tflite, first.vectors, KEY).header
    assert header[COVERED:-4] == hmac.new(KEY, header[:COVERED], hashlib.sha256).digest()
    assert images.make(first.tflite, first.vectors).header[COVERED:-4] == bytes(32)


def test_with_the_key_a_model_is_pushed_and_rolled_back(
    keyed: Device, first: Candidate, second: Candidate
) -> None:
    built_in = keyed.hello().model_hash
    for model in (first, second):
        pushed(keyed, model, KEY)
        assert keyed.hello().model_hash == hashlib.sha256(model.tflite).hexdigest()
    if keyed.hello().board != "host":  # whose memory ends with its process
        keyed.reset()
    assert keyed.hello().model_hash == hashlib.sha256(second.tflite).hexdigest()
    slots.rollback(keyed, slots.read(keyed).newest_sequence)
    assert keyed.hello().model_hash == hashlib.sha256(first.tflite).hexdigest() != built_in


def test_without_the_key_nothing_is_written(keyed: Device, first: Candidate) -> None:
    with pytest.raises(UsageError, match="takes only models that come with its push key"):
        pushed(keyed, first, None)
    assert slots.read(keyed).slots[0].model_hash == ""


def test_another_key_is_refused_and_the_old_model_runs_on(keyed: Device, first: Candidate) -> None:
    built_in = keyed.hello().model_hash
    with pytest.raises(DeviceFaultError, match="push key is not the one"):
        pushed(keyed, first, OTHER_KEY)
    assert keyed.hello().model_hash == built_in
    with pytest.raises(DeviceFaultError, match="was not verified"):
        slots.activate(keyed, 0)


def test_every_bit_of_the_mac_counts(keyed: Device, first: Candidate) -> None:
    image = images.make(first.tflite, first.vectors, KEY)
    right = image.header[COVERED:-4]
    places = np.random.default_rng(1).choice(256, 12, replace=False)
    for place in (0, 255, *places.tolist()):
        wrong = bytearray(right)
        wrong[place // 8] ^= 1 << place % 8
        assert tried(keyed, with_mac(image, bytes(wrong))) == Status.SLOT_NOT_AUTHENTIC, place
    assert tried(keyed, image) == Status.OK


def test_every_field_of_the_header_is_covered(keyed: Device, first: Candidate) -> None:
    """The MAC of one header does not do for another, whose checksum is right."""
    mac = images.make(first.tflite, first.vectors, KEY).header[COVERED:-4]
    fields = dict(slot_protocol.SlotHeader.unpack(images.make(first.tflite, first.vectors).header))
    fewer = slot_protocol.SlotHeader.pack(**{**fields, "reserved": 1})[:COVERED]
    image = replace(images.make(first.tflite, first.vectors), header=fewer + bytes(36))
    assert tried(keyed, with_mac(image, mac)) == Status.SLOT_NOT_AUTHENTIC
    assert tried(keyed, with_mac(image, push_key.mac(KEY, fewer))) == Status.OK


def test_a_mark_put_into_flash_does_not_run_what_has_no_mac(
    hot_swap_image: Any, first: Candidate
) -> None:
    """As somebody would who can write the flash's slots but has not read the key."""
    board = boards.load("nano33")
    simulated = simulate.open(board, hot_swap_image("nano33", True).elf)
    device = Device(simulated)
    built_in = push.connect(device).model_hash
    pushed(device, first, KEY)
    simulated.machine.write(board.slots_origin + COVERED, bytes(32))
    header = simulated.memory(board.slots_origin, COVERED + 32)
    simulated.machine.write(
        board.slots_origin + COVERED + 32, zlib.crc32(header).to_bytes(4, "little")
    )
    device.reset()
    assert device.hello().model_hash == built_in


def test_a_key_that_the_device_does_not_ask_for_is_told(
    hot_swap_image: Any, first: Candidate
) -> None:
    device = Device(ProcessTransport(hot_swap_image("host").elf))
    push.connect(device)
    with pytest.raises(UsageError, match="asks for no push key"):
        pushed(device, first, KEY)
    device.close()


@pytest.mark.parametrize("text", ["", "00" * 31, "00" * 33, "zz" * 32, "00" * 32 + " 1"])
def test_what_is_no_key(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    with pytest.raises(UsageError, match="64 hexadecimal digits") as caught:
        push_key.read(path)
    assert "openssl rand -hex 32" in caught.value.hint


def test_a_key_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(KEY.hex() + "\n")
    assert push_key.read(path) == KEY
    with pytest.raises(UsageError, match="No such file"):
        push_key.read(tmp_path / "none")


def test_the_key_goes_into_a_file_of_the_owner_only(tmp_path: Path) -> None:
    swap = BuildOptions("interpreter", flavour=Flavour.HOT_SWAP)
    program_folder.put(tmp_path, replace(swap, push_key=KEY))
    (written,) = tmp_path.iterdir()
    assert KEY.hex() in written.read_text()
    assert written.stat().st_mode & 0o077 == 0
    program_folder.put(tmp_path, swap)
    assert KEY.hex() not in written.read_text()


def test_a_key_is_not_shown() -> None:
    keyed = BuildOptions("interpreter", flavour=Flavour.HOT_SWAP, push_key=KEY)
    assert repr(KEY) not in repr(keyed)


def test_a_key_without_hot_swap_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["deploy", "--key", "x"]) == 2
    assert "--key does nothing with no --hot-swap" in capsys.readouterr().err
