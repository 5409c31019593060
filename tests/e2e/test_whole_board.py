"""`deploy --target PORT` on whole simulated boards: bootloader, flash, and the firmware in it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tinydeploy import boards, images, sources
from tinydeploy.config import ROOT
from tinydeploy.hardware import whole_board
from tinydeploy.link.client import Device
from tinydeploy.link.transport import SerialTransport
from tinydeploy.stages.build import Image
from tinydeploy.stages.build_options import DEFAULT
from tinydeploy.ui import Ui

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="pseudo-terminals of Linux"),
]

Run = Callable[..., subprocess.CompletedProcess[str]]
APPLICATION = "USB: 2341:805a Nano 33 BLE tinydeploy, serial number 0000D00DC0FFEE01"
BOOTLOADER = f"USB: 2341:005a Arduino Nano 33 BLE, serial number {'0' * 20}D00DC0FFEE01"
TOUCHED = "the firmware asks for the bootloader"


def _image(board_id: str) -> Image:
    quiet, board = Ui(quiet=True), boards.load(board_id)
    source = sources.resolve("sine", None, False, None, quiet)
    return images.make_image(source, board, DEFAULT, quiet)[1]


def _other_build(image: Image) -> tuple[bytes, bytes]:
    """What is flashed, and the same with another build id: firmware that must be replaced."""
    new = image.bin.read_bytes()
    identity = bytes.fromhex(image.build_id)[:16]
    assert new.count(identity) == 1
    return new, new.replace(identity, identity[::-1])


def _await(is_so: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def _deploy(tinydeploy: Run, board_id: str, link: Path) -> None:
    """One command: into the bootloader, flash, verify, restart, parity."""
    result = tinydeploy(
        *("deploy", "--board", board_id, "--model", "sine", "--vectors", 20),
        *("--json", "--target", link),
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    parity = report["parity"]
    assert report["target"] == "simulated device"  # a port, but no hardware
    assert "simulated" in report["cycles"]["source"]
    assert (parity["vectors"], parity["mismatching_bytes"]) == (20, 0)


def test_nano33_over_usb(tinydeploy: Run, tmp_path: Path) -> None:
    from tinydeploy.flash.simulated import pty

    link, said = tmp_path / "ttyACM0", list[str]()
    new, old = _other_build(_image("nano33"))
    board = whole_board.make(boards.load("nano33"), old, said.append)
    board.power_on()
    with pty.serve(board, link):
        _await(lambda: APPLICATION in said)
        _deploy(tinydeploy, "nano33", link)
    assert board.flash.content.startswith(new, 0x10000)
    assert board.flash.guarded_touches == board.flash.lost_bits == 0
    touched = said.index(TOUCHED)
    assert said[:touched] == [BOOTLOADER, APPLICATION]  # the window, then the old firmware
    assert said[touched + 1 :] == [BOOTLOADER, BOOTLOADER, APPLICATION]  # it serves; the window
    assert not link.exists()


def test_nano33_without_firmware(tinydeploy: Run, tmp_path: Path) -> None:
    from tinydeploy.flash.simulated import pty

    link, said = tmp_path / "ttyACM0", list[str]()
    board = whole_board.make(boards.load("nano33"), b"", said.append)
    board.power_on()
    with pty.serve(board, link):
        _await(lambda: board.mode == "bootloader")
        _deploy(tinydeploy, "nano33", link)
    assert said == [BOOTLOADER, BOOTLOADER, APPLICATION]


def test_xiao_over_usb(tinydeploy: Run, tmp_path: Path) -> None:
    """Its bootloader shows up only when it stays, and starts the firmware without a reset."""
    from tinydeploy.flash.simulated import pty

    link, said = tmp_path / "ttyACM0", list[str]()
    new, old = _other_build(_image("xiao_nrf52840"))
    board = whole_board.make(boards.load("xiao_nrf52840"), old, said.append)
    board.power_on()
    application = "USB: 2886:8045 XIAO BLE tinydeploy, serial number 5EED00025EED0001"
    bootloader = "USB: 2886:0045 XIAO Sense, serial number 5EED00025EED0001"
    with pty.serve(board, link):
        _await(lambda: application in said)
        _deploy(tinydeploy, "xiao_nrf52840", link)
    assert board.flash.content.startswith(new, 0x27000)
    assert board.flash.guarded_touches == board.flash.lost_bits == 0
    assert said == [application, TOUCHED, bootloader, application]


def test_sparkfun_edge_over_its_uart(tinydeploy: Run, tmp_path: Path) -> None:
    from tinydeploy.flash.simulated import pty

    link = tmp_path / "ttyUSB0"
    new, old = _other_build(_image("sparkfun_edge"))
    board = whole_board.make(boards.load("sparkfun_edge"), old)
    board.power_on()
    with pty.serve(board, link):
        _await(lambda: board.mode == "application")
        _deploy(tinydeploy, "sparkfun_edge", link)
    assert board.flash.content.startswith(new, 0xC000)
    assert board.flash.guarded_touches == board.flash.lost_bits == 0


def _heed_interrupts() -> None:
    """SIGINT is ignored where a shell started us in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_the_command_that_starts_a_board(tmp_path: Path) -> None:
    link, image = tmp_path / "ttyACM0", _image("nano33")
    command = [sys.executable, "-m", "tinydeploy", "simulate", "--board", "nano33", "--bootloader"]
    command += ["--pty", "--elf", str(image.elf), "--link", str(link)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=_heed_interrupts
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(3)]
        assert lines[1:] == [BOOTLOADER, APPLICATION]
        _await(link.exists)
        device = Device(SerialTransport(str(link), 115200))
        assert image.build_id.startswith(device.hello().build_id)
        device.close()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert not link.exists()


def test_what_cannot_be(tinydeploy: Run, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    elf = _image("nano33").elf
    simulate = ("simulate", "--board", "nano33", "--elf", elf, "--bootloader", "--link", file)
    refused = tinydeploy(*simulate)
    assert (refused.returncode, "is no link" in refused.stderr) == (2, True)
    refused = tinydeploy("simulate", "--board", "sparkfun_edge", "--usb", "--elf", elf)
    assert (refused.returncode, "no USB of its own" in refused.stderr) == (2, True)
    assert file.read_text() == "mine"
