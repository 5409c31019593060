"""Boards are data: what PlatformIO, firmware and linker are told of one agrees with its JSON."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tinydeploy import boards
from tinydeploy.boards import Board
from tinydeploy.config import ROOT
from tinydeploy.stages import board_files

SCRIPTS = ROOT / "scripts"
WITH_CHIP = [name for name in boards.names() if not boards.load(name).is_host]


@pytest.fixture(params=WITH_CHIP)
def described(request: Any) -> Board:
    return boards.load(request.param)


@pytest.mark.parametrize("name", boards.names())
def test_platformio_and_we_know_the_same_usb_ids(name: str) -> None:
    board = boards.load(name)
    hwids = {(int(vid, 16), int(pid, 16)) for vid, pid in board.manifest["build"]["hwids"]}
    own = board.usb.application_ids | board.usb.bootloader_ids if board.usb else frozenset()
    assert hwids == own


def test_the_leds_in_use_are_among_the_boards(described: Board) -> None:
    for name in (described.busy_led, described.fault_led):
        assert name in described.leds
    pins = [led.pin for led in described.leds.values()] + [described.uart_tx, described.uart_rx]
    assert len(set(pins)) == len(pins)


def test_memory_map_is_that_of_the_json(described: Board) -> None:
    text = board_files.texts(described)["memory.ld"]
    areas = re.findall(r"ORIGIN = (\w+), LENGTH = (\w+)", text)
    assert [(int(origin, 16), int(size, 16)) for origin, size in areas] == [
        (described.flash_origin, described.flash_size),
        (described.ram_origin, described.ram_size),
    ]


def test_nano33_by_hand() -> None:
    files = board_files.texts(boards.load("nano33"))
    assert "constexpr Led kFaultLed = {24, true};" in files["board_config.h"]
    assert "constexpr uint32_t kUartTx = 35;" in files["board_config.h"]  # P1.03
    assert "constexpr uint32_t kStayInBootloader = 0xb0;" in files["board_config.h"]
    assert "constexpr uint16_t kProductId = 0x805a;" in files["usb_id.h"]
    assert "ORIGIN = 0x00010000, LENGTH = 0x000d0000" in files["memory.ld"]


def test_a_board_without_usb_or_power_led() -> None:
    files = board_files.texts(boards.load("sparkfun_edge"))
    assert "usb_id.h" not in files
    assert "constexpr Led kPowerLed = kNoLed;" in files["board_config.h"]


def test_the_udev_rule_covers_every_board_with_usb() -> None:
    rule = (SCRIPTS / "tinydeploy" / "flash" / "70-tinydeploy.rules").read_text()
    for usb in filter(None, (boards.load(name).usb for name in boards.names())):
        assert f'ATTRS{{idVendor}}=="{usb.vendor_id:04x}"' in rule


def test_what_a_board_calls_itself_fits_a_packet() -> None:
    """Two bytes a letter and a head of two, in 63: no empty packet has to end it."""
    for usb in filter(None, (boards.load(name).usb for name in boards.names())):
        assert 2 + 2 * len(f"{usb.product} tinydeploy MLPerf") < 64
