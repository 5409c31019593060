"""`dut.expect()` and the device client on one port, with the firmware that speaks both."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tinydeploy.pytest_plugin import unpacked

pytestmark = pytest.mark.device


@pytest.fixture
def firmware_mode() -> str:
    return "mlperf"


def test_text_and_frames_take_turns(dut: Any, device: Any) -> None:
    for text, frames in zip(unpacked(dut), unpacked(device), strict=True):
        for round_number in range(3):
            text.write("name%")
            text.expect_exact("m-name-dut-[tinydeploy]", timeout=2)
            text.expect_exact("m-ready", timeout=2)
            payload = bytes([round_number]) * 40
            assert frames.echo(payload) == payload
            text.write("timestamp%")
            assert int(text.expect(re.compile(rb"m-lap-us-(\d+)\r\n"), timeout=2).group(1)) > 0
            assert frames.status()["invokes"] == 0


def test_frames_pass_while_a_command_is_half_written(dut: Any, device: Any) -> None:
    for text, frames in zip(unpacked(dut), unpacked(device), strict=True):
        text.write("na")  # whoever wrote this was interrupted
        assert frames.echo(b"abc%def") == b"abc%def"
        text.write("profile%")
        text.expect_exact("m-model-[sine]", timeout=2)
