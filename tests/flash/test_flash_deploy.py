"""`deploy --target <port>` through a simulated bootloader into the simulator, over one port."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tinydeploy import boards, simulate
from tinydeploy.config import ROOT
from tinydeploy.flash.simulated.board import Application
from tinydeploy.flash.simulated.nano import Nano
from tinydeploy.flash.simulated.timeline import Timeline
from tinydeploy.simulate.device import SimulatedDevice
from tinydeploy.simulate.image import Image, Segment
from tinydeploy.simulate.options import Options

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="pseudo-terminals of Linux"),
]


def _start(flash_content: bytes) -> Application:
    """Run what was flashed, knowing nothing but the bytes of the flash."""
    board = boards.load("nano33")
    segment = Segment(board.flash_origin, flash_content.rstrip(b"\xff"), board.flash_origin)
    image = Image(Path("flash"), (segment,), {})
    options = Options(baud=board.baud, fast_uart=True, strict=True, bootloader="A", native=None)
    chip = simulate._chip_module(board).Chip(image, options)
    return SimulatedDevice(chip, image, "simulated Nano 33")


def test_touch_flash_verify_restart_parity(tmp_path: Path) -> None:
    from tinydeploy.flash.simulated import pty

    link = tmp_path / "ttyACM0"
    board = Nano(Timeline(), start=_start)
    board.power_on()
    command = [sys.executable, "-m", "tinydeploy", "deploy", "--board", "nano33"]
    command += ["--model", "sine", "--vectors", "20", "--json", "--target", str(link)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    with pty.serve(board, link):
        time.sleep(1.0)
        result = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200
        )
    assert result.returncode == 0, result.stderr
    parity = json.loads(result.stdout)["parity"]
    assert (parity["vectors"], parity["mismatching_bytes"]) == (20, 0)
    assert board.flash.guarded_touches == 0
