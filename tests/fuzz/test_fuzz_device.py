"""Frames and rotten slots at a device in a process: planted faults are found, the device is whole.

Each fault is planted in a copy of a file of the firmware.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import struct
import zlib
from pathlib import Path

import pytest
from tinydeploy import cli
from tinydeploy.abi import slot_protocol
from tinydeploy.config import FIRMWARE_DIR
from tinydeploy.errors import DeviceFaultError
from tinydeploy.fuzz import counted, device, frames, record, rot, slots
from tinydeploy.fuzz.device import Device
from tinydeploy.fuzz.runner import RunnerCrashError

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="no g++ for the sanitizers")


def _with(folder: Path, file: str, right: str, wrong: str) -> Path:
    """The device with one line of its firmware changed."""
    path = FIRMWARE_DIR / file
    text = path.read_text()
    assert text.count(right) == 1
    planted = folder / path.name
    planted.write_text(text.replace(right, wrong))
    return device.device_program({path: planted})


def test_frames_find_nothing_and_are_the_same_again(tmp_path: Path) -> None:
    found = frames.run(3000, 5, tmp_path)
    assert found.findings == []
    assert found.frames >= 3000
    assert found.naks > 100
    assert found.answers > found.naks + 100
    assert found.restarts > 0
    assert found.check_ups > 100
    assert frames.run(3000, 5, tmp_path) == found
    assert frames.run(1000, 5, tmp_path, first=2).frames < found.frames


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("link/decode.cpp", "if (length_ == kLargestFrameBytes)", "if (false)"),
        ("link/decode.cpp", "length_ = 0;\n  block", "block"),
        ("link/server.cpp", "running_ = outer;", "(void)outer;"),
        ("app/commands.cpp", "offset <= size && bytes", "size + bytes >= bytes || offset"),
        ("app/slots_commands.cpp", "what.page_count > pages - what.first_page ||", ""),
    ],
)
def test_frames_find_a_planted_fault(tmp_path: Path, file: str, right: str, wrong: str) -> None:
    found = frames.run(20_000, 1, tmp_path, program=_with(tmp_path, file, right, wrong))
    path, said = found.findings[0]
    assert said
    assert path.read_text().startswith("tinydeploy fuzz frames 1000 --seed 1 --first ")


def test_slots_find_nothing_and_are_the_same_again(tmp_path: Path) -> None:
    found = slots.run(300, 5, tmp_path)
    assert found.findings == []
    assert found.from_slot > 30
    assert found.forged > 5
    assert found.check_ups == 3 * (found.cases - found.endless)
    assert slots.run(300, 5, tmp_path) == found


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("app/slots_layout.cpp", "memcmp(digest, header().model_hash, sizeof(digest)) != 0", "0"),
        ("app/slots_layout.cpp", "stated.model_bytes > room || ", ""),
        ("app/slots_layout.cpp", "mark.crc == CrcOf(mark)", "true"),
        ("app/slots.cpp", "(LoadSlot(newest) || LoadSlot(Other(newest)))", "LoadSlot(newest)"),
        ("app/slots.cpp", "!candidate.IsGenuine() || ", ""),
    ],
)
def test_slots_find_a_planted_fault(tmp_path: Path, file: str, right: str, wrong: str) -> None:
    found = slots.run(5000, 1, tmp_path, program=_with(tmp_path, file, right, wrong))
    path, said = found.findings[0]
    assert said
    assert len(path.read_bytes()) == device.FLASH_BYTES


def test_what_a_model_logs_is_no_finding_where_it_is_printable(tmp_path: Path) -> None:
    """Of content 6697 the forged model's inference fails, which the runtime says in words."""
    assert slots.run(1, 1, tmp_path, first=6697).findings == []
    program = _with(tmp_path, "app/debug_log.cpp", "'\\r'", "'\\1'")
    ((_, said),) = slots.run(1, 1, tmp_path, first=6697, program=program).findings
    assert "neither a frame nor text" in said


def test_what_must_run_by_hand() -> None:
    """Slot 1 is newest; then its mark goes; then a bit of slot 0's model."""
    _, images = device.pushed(1)
    flash = bytearray(b"\xff" * device.FLASH_BYTES)
    for slot, image in enumerate(images):
        start = slot * device.SLOT_BYTES
        flash[start : start + len(image.header)] = image.header
        payload = start + device.PAGE_BYTES
        flash[payload : payload + len(image.payload)] = image.payload
    assert rot.runs(bytes(flash)) is None
    rot.put_mark(flash, 0, 0, 0xFFFFFFFF, slot_protocol.SlotState.ACTIVE)
    rot.put_mark(flash, 1, 0, 1, slot_protocol.SlotState.ACTIVE)
    assert rot.runs(bytes(flash)) == bytes.fromhex(images[1].model_hash)
    at = device.SLOT_BYTES + slot_protocol.SLOT_MARKS_OFFSET
    assert struct.unpack_from("<I", flash, at + 8)[0] == zlib.crc32(flash[at : at + 8])
    flash[at] ^= 1
    assert rot.runs(bytes(flash)) == bytes.fromhex(images[0].model_hash)
    flash[device.PAGE_BYTES + 40] ^= 1
    assert rot.runs(bytes(flash)) is None


def test_a_device_that_has_ended_is_started_again(tmp_path: Path) -> None:
    program = _with(tmp_path, "app/engine.cpp", "g_running = true;", "__builtin_trap();")
    dead = Device([device.built_in()], program)
    for _ in range(2):
        with pytest.raises(RunnerCrashError):
            dead.run(1, 0, b"\xff" * device.FLASH_BYTES)
    dead.close()


def test_the_model_in_the_image_is_known() -> None:
    own = device.built_in()
    assert own.hash == hashlib.sha256(own.tflite).digest()
    powered = Device([own])
    assert powered.run(1, 0, b"\xff" * device.FLASH_BYTES).hash == own.hash
    powered.close()


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(record, "FIGURES", tmp_path / "fuzz.json")
    monkeypatch.setattr(record, "DOCUMENT", tmp_path / "fuzz.md")
    return tmp_path


def test_the_commands_record_what_they_count(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in ("1", "2"):
        command = ["fuzz", "frames", "1000", "--seed", seed, "--record", "--json"]
        assert cli.main(command) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["findings"] == 0
    assert cli.main(["fuzz", "slots", "40", "--record", "--out", str(files)]) == 0
    assert "40 contents of the flash" in capsys.readouterr().out
    text = (files / "fuzz.md").read_text()
    assert re.search(
        r"- `tinydeploy fuzz frames 1000 --seed 2 --record`.*: 1,\d{3} frames, 0", text
    )
    assert re.search(r"- `tinydeploy fuzz slots 40 --seed 1 --record`.*: 40 contents", text)
    kept = json.loads((files / "fuzz.json").read_text())
    assert kept[counted.FRAMES]["seeds"]["2"]["check_ups"] == told["check_ups"]


def test_a_finding_ends_the_command_with_its_words(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(*_: object, **__: object) -> slots.Slots:
        return slots.Slots(cases=1, findings=[(files / "a.bin", "the words")])

    monkeypatch.setattr(slots, "run", wrong)
    assert cli.main(["fuzz", "slots", "1"]) == DeviceFaultError.exit_code
    assert "the words" in capsys.readouterr().err


def test_faults_on_the_link_are_told_by_board_and_link() -> None:
    told = counted.of_faults(
        [
            {
                "board": "a board",
                "link": "USB",
                "faults": {
                    "drop": {"right": 1, "right after repetition": 9, "clear stop": 0, "wrong": 0},
                    "reset": {"right": 0, "right after repetition": 0, "clear stop": 8, "wrong": 2},
                },
            }
        ]
    )
    kept = json.loads(json.dumps({"command": "it", "commit": "abc", **told}, sort_keys=True))
    text = record.render({counted.faults("USB"): kept})
    assert "| `it` (at commit abc) | a board | USB | 20 | 1 | 9 | 8 | 2 |" in text
