"""The simulated board as a transport, its errors, and the pseudo-terminal."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tinydeploy import boards, simulate
from tinydeploy.errors import UsageError
from tinydeploy.link.transport import SerialTransport
from tinydeploy.simulate import pty
from tinydeploy.simulate.cpu_harness import CpuHarness
from tinydeploy.simulate.serial_line import resample
from tinydeploy.simulate.violations import SimulationError

# UART0 of the Edge is on, its pads are set: a byte goes out with each write of DR.
EDGE_UART = (
    "ldr r0, =0xE000E180; mvn r1, #0; str r1, [r0]; ldr r0, =0x40010000; movs r1, #0x73;"
    "str r1, [r0, #0x60]; ldr r1, =0x0200; str r1, [r0, #0x30]; ldr r4, =0x4001C000;"
    "movs r0, #1; str r0, [r4, #0x24]; movs r0, #40; str r0, [r4, #0x28]; movs r0, #0x70;"
    "str r0, [r4, #0x2C];"
)
EDGE_ECHO = (
    EDGE_UART + "1: ldr r0, [r4, #0x18]; tst r0, #0x10; bne 1b; ldr r1, [r4]; str r1, [r4]; b 1b"
)
EDGE_SLOW = EDGE_UART + "ldr r2, =12000000; 1: subs r2, #1; bne 1b; movs r0, #0x21; str r0, [r4]"


def test_timeouts_are_simulated_time(lab: Any) -> None:
    device = lab.boot("sparkfun_edge", EDGE_SLOW)  # 48 million cycles: a second
    assert device.read(0.5) == b""
    assert device.time_s == pytest.approx(0.5, abs=1e-3)
    assert device.read(0.6) == b"!"
    assert device.time_s == pytest.approx(1.0, abs=2e-3)


def test_idle_time_costs_nothing(lab: Any) -> None:
    device = lab.boot("nano33", "nop")
    started = time.monotonic()
    assert device.read(3600.0) == b""
    assert device.time_s == pytest.approx(3600.0)
    assert time.monotonic() - started < 5.0


def test_same_input_same_cycles(lab: Any) -> None:
    seen = set()
    for native in (True, True, False):
        device = lab.boot("sparkfun_edge", EDGE_ECHO, native=native)
        device.write(b"once more")
        assert device.read(0.01) == b"once more"
        seen.add((device.cycles, device.instructions))
    assert len(seen) == 1


def test_closed_device(lab: Any) -> None:
    device = lab.boot("nano33", "nop")
    device.close()
    device.close()
    with pytest.raises(SimulationError, match="closed"):
        device.read(0.1)


def test_not_firmware(tmp_path: Path, lab: Any) -> None:
    nano = boards.load("nano33")
    text = tmp_path / "text.elf"
    text.write_text("hello")
    other_board = lab.firmware("sparkfun_edge", "nop")
    no_vectors = lab.build(".syntax unified\n.thumb\nnop\nnop\nnop\nnop\n", 0x10000)
    for path, message in (
        (tmp_path / "nothing.elf", "no firmware"),
        (text, "not an ELF file"),
        (other_board, "outside the application flash"),
        (no_vectors, "no vector table"),
    ):
        with pytest.raises(SimulationError, match=message) as caught:
            simulate.open(nano, path)
        assert caught.value.hint


def test_board_without_simulator(lab: Any) -> None:
    with pytest.raises(UsageError, match="no simulator"):
        simulate.open(boards.load("host"), Path("/bin/true"))
    assert simulate.names() == ["apollo3", "nrf52840"]


@pytest.mark.parametrize("byte", [0x00, 0x55, 0xA7, 0xFF])
def test_resampling(byte: int) -> None:
    """Within 4 % a byte survives; at twice the rate the receiver sees each bit of it twice."""
    assert resample(byte, 115200, 115200 * 1.03) == (byte, True)
    seen, _ = resample(byte, 9600, 19200)
    bits = [byte >> n & 1 for n in range(8)]
    expected = [0, bits[0], bits[0], bits[1], bits[1], bits[2], bits[2], bits[3]]
    assert seen == sum(bit << n for n, bit in enumerate(expected))


def test_bench_calls_single_functions(lab: Any) -> None:
    source = """
    int table[4] = {1, 2, 3, 4};
    int sum(const int *a, int n) { int s = 0; for (int i = 0; i < n; ++i) s += a[i]; return s; }
    int of_table(void) { return sum(table, 4); }
    """
    elf = lab.build(source, 0x1000, ".c", "-Os", "-g", "-fno-sanitize=all")
    machine = CpuHarness(elf)
    data = machine.place((5).to_bytes(4, "little") * 100)
    long, short = machine.call("sum", data, 100), machine.call("sum", data, 10)
    assert (long.value, short.value) == (500, 50)
    assert long.cycles > short.cycles > 10
    assert machine.call("of_table").value == 10


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
def test_pseudo_terminal(lab: Any, tmp_path: Path) -> None:
    device = lab.boot("sparkfun_edge", EDGE_ECHO, fast_uart=False)
    link, said, ended = tmp_path / "tty", [], threading.Event()
    server = threading.Thread(
        target=pty.serve,
        args=(device,),
        kwargs={"link_path": link, "announce": said.append, "stop": ended.is_set},
    )
    server.start()
    try:
        while not link.exists():
            time.sleep(0.01)
        port = SerialTransport(str(link), 921600)
        port.write(b"over the wire")
        received = b""
        while len(received) < 13:
            data = port.read(5.0)
            assert data
            received += data
        port.close()
    finally:
        ended.set()
        server.join()
    assert received == b"over the wire"
    assert "/dev/" in said[0]
    assert not link.is_symlink()
