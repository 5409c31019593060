"""Flashing through pyserial and pseudo-terminals, in real time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tinydeploy import boards, flash
from tinydeploy.flash import samba
from tinydeploy.flash.base import Observer
from tinydeploy.flash.simulated.board import Firmware
from tinydeploy.flash.simulated.edge import Edge
from tinydeploy.flash.simulated.nano import Nano
from tinydeploy.flash.simulated.scenarios import sample_image
from tinydeploy.flash.simulated.timeline import Timeline
from tinydeploy.link.transport import SerialTransport

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pseudo-terminals of Linux")


ALONE = Observer(say=pytest.fail)  # nobody is there to be asked


class Echo:
    """An application that sends back what it gets."""

    def __init__(self, image: bytes) -> None:
        self._pending = b""

    def write(self, data: bytes) -> None:
        self._pending += data

    def read(self, timeout_s: float) -> bytes:
        data, self._pending = self._pending, b""
        return data


def _await(is_so: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_nano_touch_flash_verify_restart_talk(tmp_path: Path) -> None:
    from tinydeploy.flash.simulated import pty

    link = tmp_path / "ttyACM0"
    old = sample_image(5_000, samba.APPLICATION, 0x20040000, 3)
    new = sample_image(20_000, samba.APPLICATION, 0x20040000, 5)
    board = Nano(Timeline(), firmware=Firmware(old, Echo))
    board.runs = [old, new]
    board.power_on()
    with pty.serve(board, link, speed=2.0):
        _await(lambda: board.mode == "application" and link.exists())
        result = flash.flash(new, boards.load("nano33"), str(link), observer=ALONE)
        assert result.port == str(link)
        port = SerialTransport(str(link), 115200)
        try:
            port.write(b"hello")
            assert port.read(5.0) == b"hello"
        finally:
            port.close()
    assert board.flash.content.startswith(new, samba.APPLICATION)
    assert board.flash.guarded_touches == 0
    assert not link.exists()


def test_edge_flash_talk(tmp_path: Path) -> None:
    from tinydeploy.flash.simulated import pty

    link = tmp_path / "ttyUSB0"
    old = sample_image(5_000, 0xC000, 0x10060000, 3)
    new = sample_image(20_000, 0xC000, 0x10060000, 5)
    board = Edge(Timeline(), firmware=Firmware(old))
    board.runs = [old, new]
    board.power_on()
    with pty.serve(board, link):
        _await(link.exists)
        flash.flash(new, boards.load("sparkfun_edge"), str(link), observer=ALONE)
        _await(lambda: board.mode == "application")
    assert board.flash.content.startswith(new, 0xC000)
