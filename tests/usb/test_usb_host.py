"""The simulated host with the driver in `usb_support`, and descriptors that are wrong."""

from __future__ import annotations

import pytest
import usb_support
from tinydeploy.simulate import usb_descriptors as descriptors
from tinydeploy.simulate.usb_bus import Setup
from tinydeploy.simulate.usb_host import State
from tinydeploy.simulate.usb_transfers import Outcome, Transfer
from tinydeploy.simulate.violations import SimulationError
from usb_support import CONFIGURATION, DEVICE, TEXTS, Bench, Driver, running

ENUMERATION = [
    *("suspend", "reset", "80 06 0100", "00 05 0007", "80 06 0100", "80 06 0200", "80 06 0200"),
    *("80 06 0300", "80 06 0301", "80 06 0302", "80 06 0303", "00 09 0001", "21 20 0000"),
    "21 22 0003",
]


def test_enumeration() -> None:
    bench, driver = running()
    assert driver.log == ENUMERATION
    assert bench.host.strings == {1: TEXTS[1], 2: TEXTS[2], 3: TEXTS[3]}
    assert driver.line_coding == bytes.fromhex("00 c2 01 00 00 00 08")
    assert bench.machine.violations == []


@pytest.mark.parametrize("size", [1, 63, 64, 65, 1000])
def test_bytes_both_ways(size: int) -> None:
    bench, driver = running()
    data = bytes(index * 7 & 0xFF for index in range(size))
    bench.serial.send(data)
    assert bench.run(1.0, lambda: len(bench.serial.received) >= size)
    assert driver.received == bench.serial.received == data


@pytest.mark.parametrize("lost", range(1, 4))
def test_lost_handshakes_neither_lose_nor_double_bytes(lost: int) -> None:
    bench, driver = running()
    data = bytes(range(256)) * 2
    bench.serial.send(data)
    bench.run(0.0005)
    bench.host.bus.lost_handshakes = lost
    bench.run(0.1)
    assert driver.received == bench.serial.received == data


def test_suspend_and_resume_lose_nothing() -> None:
    bench, driver = running()
    data = bytes(range(256)) * 4
    bench.serial.send(data)
    bench.run(0.001)
    bench.host.suspend()
    bench.run(0.02)
    assert driver.log[-1] == "suspend"
    assert len(bench.serial.received) < len(data)
    bench.host.resume()
    assert bench.run(1.0, lambda: len(bench.serial.received) == len(data))
    assert driver.log[-1] == "resume"
    assert bench.serial.received == data


def test_reset_in_the_middle() -> None:
    bench, driver = running()
    bench.serial.send(bytes(1000))
    bench.run(0.001)
    bench.host.reset()
    driver.lines = 0
    assert bench.run(1.0, lambda: driver.lines == 3)
    assert bench.host.enumerations == 2
    bench.serial.send(b"again")
    assert bench.run(0.1, lambda: bench.serial.received.endswith(b"again"))


def test_closing_the_port_drops_dtr() -> None:
    bench, driver = running()
    bench.serial.close()
    bench.run(0.01)
    assert driver.lines == 0
    bench.serial.open(1200)
    bench.run(0.01)
    assert driver.lines == 3
    assert driver.line_coding[:4] == (1200).to_bytes(4, "little")


def test_nothing_is_fetched_while_closed() -> None:
    bench, driver = running()
    bench.serial.close()
    driver.outgoing += b"who listens?"
    bench.run(0.01)
    assert not bench.serial.received
    bench.serial.open(9600)
    assert bench.run(0.01, lambda: bench.serial.received == b"who listens?")


def test_unknown_request_is_stalled_and_the_next_works() -> None:
    bench, _ = running()
    unknown = bench.host.control(Transfer(Setup(0xC0, 0x42, 1, 2, 8)))
    assert unknown.outcome is Outcome.STALLED
    known = bench.host.control(Transfer(Setup(0x80, 6, 0x100, 0, 18)))
    assert (known.outcome, known.data) == (Outcome.DONE, DEVICE)


@pytest.mark.parametrize("transactions", [0, 1])
def test_aborted_request_is_replaced(transactions: int) -> None:
    bench, _ = running()
    setup = Setup(0x80, 6, 0x200, 0, 255)
    aborted = bench.host.control(Transfer(setup, stop_after=transactions))
    assert (aborted.outcome, len(aborted.data)) == (Outcome.ABORTED, 64 * transactions)
    whole = bench.host.control(Transfer(setup))
    assert (whole.outcome, whole.data) == (Outcome.DONE, CONFIGURATION)


def test_short_read() -> None:
    bench, _ = running()
    part = bench.host.control(Transfer(Setup(0x80, 6, 0x200, 0, 3)))
    assert (part.outcome, part.data) == (Outcome.DONE, CONFIGURATION[:3])


def test_halted_endpoint_is_freed() -> None:
    bench, driver = running()
    bench.w(usb_support.STALL, 0x100 | usb_support.OUT)
    bench.serial.send(b"knock")
    assert bench.run(0.1, lambda: driver.received == b"knock")
    assert "02 01 0000" in driver.log


def test_unplug_and_replug() -> None:
    bench, driver = running()
    bench.host.unplug()
    assert bench.host.state is State.UNPLUGGED
    bench.run(0.01)
    bench.host.plug()
    bench.run(0.3)
    assert bench.host.state is State.POWERED  # a driver that does not look at the cable
    driver.paused = True
    bench.w(usb_support.PULLUP, 0)
    bench.w(usb_support.ENABLE, 0)
    bench.attach()
    driver.lines, driver.paused = 0, False
    assert bench.run(1.0, lambda: driver.lines == 3)


def test_a_device_that_never_answers_breaks_a_rule() -> None:
    bench = Bench()
    bench.host.plug()
    bench.attach()
    with pytest.raises(SimulationError, match="not done in time"):
        bench.run(2.0)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("DEVICE", DEVICE[:7] + b"\x20" + DEVICE[8:], ""),
        ("DEVICE", DEVICE[:7] + b"\x21" + DEVICE[8:], "bMaxPacketSize0 is 33"),
        ("CONFIGURATION", CONFIGURATION[:2] + b"\x4c" + CONFIGURATION[3:], "wTotalLength"),
        ("TEXTS", ("", "A", "B", "\ud800"), "string 3"),
    ],
)
def test_wrong_descriptors_end_the_simulation(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object, rule: str
) -> None:
    if name == "TEXTS":
        monkeypatch.setattr(Driver, "_descriptor", _lone_surrogate)
    else:
        monkeypatch.setattr(usb_support, name, value)
    if not rule:
        running()
        return
    with pytest.raises(SimulationError, match=rule):
        running()


def _lone_surrogate(driver: Driver, kind: int, index: int) -> bytes | None:
    texts = {0: b"\x04\x03\x09\x04", 3: b"\x04\x03\x00\xd8"}
    if kind == 3:
        return texts.get(index, b"\x04\x03A\x00")
    return {1: DEVICE, 2: CONFIGURATION}.get(kind)


def _changed(at: int, value: int) -> bytes:
    return CONFIGURATION[:at] + bytes([value]) + CONFIGURATION[at + 1 :]


CONFIGURATION_FAULTS = {
    "value 0": (_changed(5, 0), "unconfigured"),
    "attributes": (_changed(7, 0x00), "bit 7 is 1"),
    "power": (_changed(8, 251), "502 mA"),
    "interfaces": (_changed(4, 3), "3 interfaces declared"),
    "endpoint count": (_changed(21, 2), "declares 2 endpoints"),
    "bulk size": (_changed(65, 63), "packets of 63"),
    "interrupt interval": (_changed(51, 0), "each 0 ms"),
    "union": (_changed(43, 2), "the union names"),
    "capabilities": (_changed(39, 0), "line coding"),
    "association": (_changed(12, 1), "does not span"),
    "one address twice": (_changed(70, 0x02), "one address|each way"),
    "cut off": (CONFIGURATION[:-1], "wTotalLength|7 bytes at offset"),
    "empty descriptor": (_changed(9, 0), "0 bytes at offset 9"),
}


@pytest.mark.parametrize("name", CONFIGURATION_FAULTS)
def test_configuration_faults(name: str) -> None:
    data, rule = CONFIGURATION_FAULTS[name]
    found = descriptors.read_configuration(data)
    faults = descriptors.check_configuration(found) + descriptors.check_serial(found)
    assert any(part in fault for fault in faults for part in rule.split("|")), faults


def test_the_proper_one_has_no_faults() -> None:
    found = descriptors.read_configuration(CONFIGURATION)
    assert descriptors.check_configuration(found) + descriptors.check_serial(found) == []
