"""Flashing a simulated XIAO nRF52840: by serial DFU and by its drive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tinydeploy import boards, flash
from tinydeploy.errors import PortError, UsageError
from tinydeploy.flash import nrf_dfu_messages as messages
from tinydeploy.flash import uf2_file
from tinydeploy.flash.base import FlashStoppedError, State
from tinydeploy.flash.ports import MountedDrive
from tinydeploy.flash.simulated.scenarios import sample_image

if TYPE_CHECKING:
    from conftest import Bench

Make = Callable[..., "Bench"]
TOOLS = ("nrf_dfu", "uf2")


def _expect_running(bench: Bench) -> None:
    bench.ports.sleep(3.0)
    assert bench.content() == bench.new
    assert bench.board.mode == "application"
    assert bench.board.flash.guarded_touches == 0
    assert bench.board.flash.lost_bits == 0


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("size", [100, 4096, 100_001, 798_720])
def test_flashes_and_starts_the_image(make_xiao: Make, tool: str, size: int) -> None:
    bench = make_xiao(size, tool=tool)
    result = bench.flash()
    _expect_running(bench)
    assert result.tool == tool
    assert result.port == "/dev/ttyACM0"
    assert bench.said == []


@pytest.mark.parametrize("tool", TOOLS)
def test_asks_for_a_double_tap_where_a_touch_does_not_help(make_xiao: Make, tool: str) -> None:
    bench = make_xiao(tool=tool, touch_works=False)
    bench.flash()
    _expect_running(bench)
    assert "press the reset button twice quickly" in bench.said[0]


@pytest.mark.parametrize("tool", TOOLS)
def test_gives_up_without_having_changed_anything(make_xiao: Make, tool: str) -> None:
    bench = make_xiao(tool=tool, touch_works=False)
    bench.person = False
    with pytest.raises(FlashStoppedError) as caught:
        bench.flash()
    assert caught.value.state is State.UNTOUCHED
    assert bench.content(len(bench.old)) == bench.old


@pytest.mark.parametrize("tool", TOOLS)
def test_a_board_that_waits_in_its_bootloader_needs_no_touch(make_xiao: Make, tool: str) -> None:
    bench = make_xiao(tool=tool)
    bench.board.press_for_bootloader()
    bench.ports.sleep(2.0)
    bench.flash()
    _expect_running(bench)


@pytest.mark.parametrize("tool", TOOLS)
def test_an_image_for_another_address_is_refused(make_xiao: Make, tool: str) -> None:
    bench = make_xiao(tool=tool)
    bench.new = sample_image(5_000, 0x10000, 0x20040000, 5)
    with pytest.raises(FlashStoppedError, match="reset vector 0x00010041"):
        bench.flash()
    assert bench.content(len(bench.old)) == bench.old


def test_an_image_too_large_is_refused(make_xiao: Make) -> None:
    bench = make_xiao(798_721)
    with pytest.raises(FlashStoppedError, match="798,720"):
        bench.flash()


def test_a_session_that_was_broken_off_is_begun_anew(make_xiao: Make) -> None:
    """Its sequence number and its state are not those of a fresh start."""
    bench = make_xiao(20_000)
    bench.board.press_for_bootloader()
    bench.ports.sleep(2.0)
    line = bench.ports.open("/dev/ttyACM1", 115200)
    for number, packet in enumerate((messages.start(8000), messages.init(bytes(8000))), 1):
        line.write(messages.frame(packet, number))
        bench.ports.sleep(1.0)
    line.close()
    bench.flash()
    _expect_running(bench)


def test_another_boards_port_is_refused(make_xiao: Make, make_nano: Make) -> None:
    bench, nano = make_xiao(), make_nano()
    bench.ports.boards = nano.ports.boards
    bench.board_id = "xiao_nrf52840"
    with pytest.raises(PortError, match="not a XIAO BLE"):
        bench.flash("/dev/ttyACM0")


def test_a_board_without_a_drive_takes_no_uf2(make_nano: Make) -> None:
    bench = make_nano()
    bench.tool = "uf2"
    with pytest.raises(UsageError, match="takes no UF2"):
        bench.flash()


def test_uf2_blocks_by_hand() -> None:
    file = uf2_file.encode(bytes(range(256)) + b"end", 0x27000)
    assert len(file) == 1024
    assert file[:8] == b"UF2\nWQ]\x9e"
    assert file[508:512] == bytes.fromhex("306fb10a")
    first, second = uf2_file.decode(file)
    assert (first.address, first.number, first.count) == (0x27000, 0, 2)
    assert (second.address, second.number, second.family) == (0x27100, 1, 0xADA52840)
    assert second.payload == b"end" + b"\xff" * 253


def test_frames_by_hand() -> None:
    """Header: number 1, checked, reliable; type 14, 4 bytes; sum 0. CRC from 0xFFFF."""
    frame = messages.frame(messages.stop(), 1)
    assert frame[:5] == bytes([0xC0, 0xC1, 0x4E, 0x00, 0xF1])
    assert frame[5:9] == b"\5\0\0\0"
    assert messages.unslip(frame[1:-1]) is not None
    assert messages.acknowledgement(2) == bytes([0xC0, 0x10, 0, 0, 0xF0, 0xC0])
    assert messages.acknowledged(bytes([0x10, 0, 0, 0xF0])) == 2
    assert messages.acknowledged(bytes([0x10, 0, 0, 0xF1])) is None


@pytest.mark.parametrize("body", [b"\xc0", b"\xdb", b"a\xc0\xdbb", bytes(range(256))])
def test_slip_escapes_what_means_something(body: bytes) -> None:
    inside = messages.slip(body)[1:-1]
    assert 0xC0 not in inside
    assert messages.unslip(inside) == body


@pytest.mark.parametrize("inside", [b"\xdb", b"a\xdbx"])
def test_damaged_escapes_are_noticed(inside: bytes) -> None:
    assert messages.unslip(inside) is None


def test_a_drive_that_is_not_there(tmp_path: Path) -> None:
    drive = MountedDrive(tmp_path / "gone")
    assert drive.read("INFO_UF2.TXT") == b""
    assert not drive.write("FIRMWARE.UF2", b"x")


def test_tools_are_found_by_their_names() -> None:
    assert {"nrf_dfu", "uf2"} <= set(flash.tools())
    assert boards.load("xiao_nrf52840").flasher == "nrf_dfu"
