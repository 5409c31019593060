"""Faults on the USB link, the link's throughput, and deploying over it, in the simulator."""

from __future__ import annotations

from pathlib import Path

import pytest
from tinydeploy import boards, images, simulate, sources, targets
from tinydeploy.errors import UsageError
from tinydeploy.hardware import usb_throughput
from tinydeploy.hardware.link_faults import REPEATED, RIGHT, STOPPED, WRONG, cases_of, try_faults
from tinydeploy.hardware.usb_faults import UsbFaultyWire
from tinydeploy.link.client import Device
from tinydeploy.simulate.device import SimulatedDevice
from tinydeploy.stages.build_options import DEFAULT
from tinydeploy.ui import Ui


@pytest.fixture(scope="module")
def elf() -> Path:
    quiet = Ui(quiet=True)
    source = sources.resolve("sine", None, False, None, quiet)
    return images.make_image(source, boards.load("nano33"), DEFAULT, quiet)[1].elf


def _open(elf: Path, *, usb: bool = True, fast_uart: bool = True) -> SimulatedDevice:
    device: SimulatedDevice = simulate.open(
        boards.load("nano33"), elf, simulate.Options(usb=usb, fast_uart=fast_uart)
    )
    return device


def test_no_inference_is_wrong_whatever_happens_on_the_cable(elf: Path) -> None:
    source = sources.resolve("sine", None, False, None, Ui(quiet=True))
    count = 4 * len(UsbFaultyWire.kinds)
    board = _open(elf)
    tally = try_faults(board, cases_of(source, 8, 5), count, 5, wire_type=UsbFaultyWire)
    assert tally.total(WRONG) == 0
    assert all(sum(row.values()) == 4 for row in tally.counts.values())
    for kind in ("unplug", "unplug, powered", "reset"):
        assert tally.counts[kind][STOPPED] == 4
    for kind in ("bus reset", "suspend", "handshake"):
        assert tally.counts[kind][RIGHT] + tally.counts[kind][REPEATED] == 4
    assert board.violations == []


def test_usb_carries_more_than_the_uart_and_no_more_than_usb_can(elf: Path) -> None:
    over_usb = usb_throughput.measure(_open(elf), "kws", "USB", 4)
    wired = usb_throughput.measure(_open(elf, usb=False, fast_uart=False), "kws", "UART", 2)
    assert 2 * wired.echo < over_usb.echo < usb_throughput.LIMIT_BYTES_PER_S
    assert wired.echo < 100_000  # 1 Mbaud


def test_serial_number_is_that_of_the_simulated_bootloader(elf: Path) -> None:
    device = _open(elf)
    Device(device).hello()
    host = device.chip.line.host  # type: ignore[attr-defined]
    assert host.strings[host.device_descriptor[16]] == "0000D00DC0FFEE01"


def test_usb_is_for_simulators_that_have_it() -> None:
    nano = boards.load("nano33")
    assert targets.choose("simulator", nano, usb=True).usb
    with pytest.raises(UsageError, match="does not go with --target /dev/ttyACM0"):
        targets.choose("/dev/ttyACM0", nano, usb=True)
    with pytest.raises(UsageError, match="no USB of its own"):
        simulate.open(
            boards.load("sparkfun_edge"), Path("firmware.elf"), simulate.Options(usb=True)
        )
