"""The flashed image at a simulated USB host: enumeration, both links, and a host that misbehaves.

Each test also shows that the firmware breaks no rule of the USBD: the model would end the run.
"""

from __future__ import annotations

import random

import pytest
from tinydeploy.errors import DeviceFaultError
from tinydeploy.simulate.usb_host import State
from tinydeploy.simulate.usb_transfers import Outcome
from usb_board import TEXT, UsbBoard, image

IN_REQUEST, OUT_REQUEST = 0xA1, 0x21  # class, to an interface
SET_LINE_CODING, GET_LINE_CODING, SET_LINES, SEND_BREAK = 0x20, 0x21, 0x22, 0x23
DATA_IN, DATA_OUT, NOTIFICATION = 0x82, 0x02, 0x81


@pytest.mark.parametrize("toolchain", ["zig", "gcc"])
def test_who_it_is(toolchain: str) -> None:
    board = UsbBoard(image(toolchain)).enumerate()
    assert board.host.device_descriptor[8:12] == bytes.fromhex("4123 5a80")
    assert board.host.strings == {
        1: "tinydeploy",
        2: "Nano 33 BLE tinydeploy",
        3: "0000D00DC0FFEE01",  # DEVICEADDR[1] and [0] of the simulated chip, as Arduino has it
    }
    assert board.device.hello().device_id == "01eeffc00dd00000"
    assert board.simulated.violations == []


@pytest.mark.parametrize("size", [0, 45, 46, 47, 48, 49, 50, 51, 52, 110, 111, 112, 113, 512])
def test_answers_of_every_length_arrive(size: int) -> None:
    """Also those whose last packet is full, which an empty one must end."""
    board = UsbBoard().enumerate()
    board.device.hello()
    assert board.device.echo(TEXT[:size]) == TEXT[:size]
    assert board.device.stats.retries == 0
    assert board.simulated.violations == []


def test_a_full_last_packet_is_followed_by_an_empty_one() -> None:
    board = UsbBoard().enumerate()
    packets: list[int] = []
    extend = board.host.on_data
    board.host.on_data = lambda data: (packets.append(len(data)), extend(data))[1]  # type: ignore[func-returns-value]
    board.device.hello()
    for size in range(40, 60):
        packets.clear()
        assert board.device.echo(TEXT[:size]) == TEXT[:size]
        board.simulated.run(0.001)
        assert packets[-1] < 64
    assert board.simulated.violations == []


def test_each_link_gets_its_own_answers() -> None:
    board = UsbBoard().enumerate()
    uart = board.over_uart()
    for _ in range(3):
        board.device.hello()
        assert board.device.echo(TEXT) == TEXT
        assert not board.uart.received
        uart.hello()
        assert uart.echo(TEXT[:100]) == TEXT[:100]
        assert not board.port.received
    assert board.device.stats.retries == uart.stats.retries == 0


def test_half_a_frame_on_one_link_does_not_spoil_the_other() -> None:
    board = UsbBoard().enumerate()
    board.uart.send(b"\x00\x05abc")  # and then silence
    board.simulated.run(0.01)
    assert board.is_well()
    assert board.device.stats.retries <= 1  # a NAK for the half that the other had sent


def test_without_a_cable_the_uart_works_alone() -> None:
    board = UsbBoard()
    board.host.unplug()
    uart = board.over_uart()
    uart.hello()
    assert uart.echo(TEXT) == TEXT
    board.host.plug()
    assert board.enumerate().is_well()


def test_a_closed_port_holds_nothing_up() -> None:
    board = UsbBoard().enumerate()
    board.device.hello()
    board.port.send(b"".join([b"\x00\x05abc\x00"] * 50))  # each is answered by a NAK
    board.port.close()
    board.simulated.run(0.1)
    uart = board.over_uart()
    uart.hello()
    assert uart.echo(TEXT) == TEXT
    board.port.open(115200)
    assert board.enumerate().is_well()


def test_a_host_that_does_not_read_is_given_up_for_a_while() -> None:
    board = UsbBoard().enumerate()
    board.device.hello()
    board.port.is_open = False  # nothing is fetched, though DTR is still up
    board.port.send(b"".join([b"\x00\x05abc\x00"] * 50))
    board.simulated.run(0.4)  # a quarter of a second of patience, once
    uart = board.over_uart()
    uart.hello()
    assert uart.echo(TEXT) == TEXT
    board.port.is_open = True
    board.host.wake()
    assert board.enumerate().is_well()


def test_suspend_in_an_answer() -> None:
    board = UsbBoard().enumerate()
    board.device.hello()
    board.port.send(b"".join([b"\x00\x05abc\x00"] * 100))
    board.run_cycles(20_000)
    board.host.suspend()
    board.simulated.run(0.5)
    uart = board.over_uart()
    uart.hello()
    assert uart.echo(TEXT) == TEXT
    board.host.resume()
    assert board.enumerate().is_well()


@pytest.mark.parametrize("disturb", ["unplug", "reset", "suspend"])
def test_disturbed_at_any_moment_it_comes_back(disturb: str) -> None:
    board = UsbBoard()
    rng = random.Random(disturb)
    for _ in range(40):
        board.port.send(b"\x00\x05abc\x00" * rng.randrange(1, 40))
        board.run_cycles(rng.randrange(1, rng.choice([1_000, 300_000, 20_000_000])))
        if disturb == "unplug":
            board.host.unplug()
            board.run_cycles(rng.randrange(1, 3_000_000))
            board.host.plug()
        elif disturb == "reset" and board.host.state in (State.CONFIGURED, State.ADDRESSED):
            board.host.reset()
        elif disturb == "suspend" and board.host.state is State.CONFIGURED:
            board.host.suspend()
            board.run_cycles(rng.randrange(1, 3_000_000))
            board.host.resume()
    board.enumerate()
    board.device.hello()
    assert board.device.echo(TEXT) == TEXT
    assert board.host.enumerations >= 1
    assert board.simulated.violations == []


def test_the_1200_baud_touch_asks_for_the_bootloader() -> None:
    board = UsbBoard().enumerate()
    board.port.open(1200)
    board.simulated.run(0.1)
    assert not board.simulated.in_bootloader
    board.port.close()
    board.simulated.run(0.1)
    assert board.simulated.in_bootloader


@pytest.mark.parametrize("rate", [1199, 1201, 9600, 115200, 1200 << 8, 1200 << 16 | 1200])
def test_closing_at_another_rate_does_not(rate: int) -> None:
    board = UsbBoard().enumerate()
    board.port.open(1200)
    board.port.set_rate(rate)
    board.port.close()
    board.simulated.run(0.1)
    assert not board.simulated.in_bootloader
    board.port.open(rate)
    board.simulated.run(0.01)
    assert board.device.hello().board == "nano33"


def test_reset_over_the_link_is_answered_first() -> None:
    board = UsbBoard().enumerate()
    board.device.hello()
    board.device.reset()
    board.enumerate()
    assert board.device.hello().has_model
    assert board.host.enumerations == 2
    assert board.simulated.violations == []


def test_line_coding_is_kept() -> None:
    board = UsbBoard().enumerate()
    coding = (31250).to_bytes(4, "little") + bytes((2, 1, 7))
    done = board.control(OUT_REQUEST, SET_LINE_CODING, length=7, data=coding)
    assert done.outcome is Outcome.DONE
    read = board.control(IN_REQUEST, GET_LINE_CODING, length=7)
    assert (read.outcome, read.data) == (Outcome.DONE, coding)
    assert board.control(OUT_REQUEST, SEND_BREAK, value=100).outcome is Outcome.DONE


@pytest.mark.parametrize(
    "setup",
    [
        (0x80, 6, 0x0600, 0, 10),  # device qualifier: for high speed only
        (0x80, 6, 0x0304, 0x0409, 255),  # a string that is not there
        (0x80, 6, 0x0101, 0, 18),
        (0x80, 6, 0x2200, 0, 64),
        (0x00, 7, 0x0100, 0, 0),  # SET_DESCRIPTOR
        (0x00, 9, 2),
        (0x01, 11, 1),
        (0x00, 3, 1),  # remote wake-up
        (0x02, 3, 0, 0x83),
        (0x02, 1, 1, DATA_IN),
        (0x82, 0, 0, 0x05, 2),
        (OUT_REQUEST, SET_LINE_CODING, 0, 0, 6),
        (OUT_REQUEST, 0x00),
        (IN_REQUEST, 0x02, 0, 0, 8),
        (0xC0, 0x20, 0, 4, 16),  # a vendor's
        (0x00, 9, 1, 0, 5),  # data that nobody needs
    ],
)
def test_what_it_does_not_understand_is_stalled(setup: tuple[int, ...]) -> None:
    board = UsbBoard().enumerate()
    more = {} if setup[0] & 0x80 or len(setup) < 5 else {"data": bytes(setup[4])}
    assert board.control(*setup, **more).outcome is Outcome.STALLED
    assert board.is_well()


def test_standard_requests() -> None:
    board = UsbBoard().enumerate()
    for setup, expected in (
        ((0x80, 0, 0, 0, 2), "0000"),
        ((0x81, 0, 0, 1, 2), "0000"),
        ((0x82, 0, 0, DATA_IN, 2), "0000"),
        ((0x82, 0, 0, 0, 2), "0000"),
        ((0x80, 8, 0, 0, 1), "01"),
        ((0x81, 10, 0, 1, 1), "00"),
        ((0x01, 11, 0, 1, 0), ""),
        ((0x80, 6, 0x0100, 0, 0), ""),  # of no length at all
        ((0x80, 6, 0x0100, 0, 3), "120100"),
    ):
        transfer = board.control(*setup)
        assert (transfer.outcome, transfer.data.hex()) == (Outcome.DONE, expected), setup
    assert board.simulated.violations == []


@pytest.mark.parametrize("endpoint", [DATA_IN, DATA_OUT, NOTIFICATION])
def test_an_endpoint_that_was_halted_works_again(endpoint: int) -> None:
    board = UsbBoard().enumerate()
    board.device.hello()
    assert board.control(0x02, 3, 0, endpoint).outcome is Outcome.DONE
    if endpoint == NOTIFICATION:  # the others are freed by the host as soon as it meets them
        assert board.control(0x82, 0, 0, endpoint, 2).data == b"\x01\x00"
        assert board.control(0x02, 1, 0, endpoint).outcome is Outcome.DONE
    assert board.device.echo(TEXT) == TEXT
    assert board.control(0x82, 0, 0, endpoint, 2).data == b"\x00\x00"
    assert board.simulated.violations == []


@pytest.mark.parametrize("after", range(3))
def test_a_new_request_ends_one_that_is_under_way(after: int) -> None:
    board = UsbBoard().enumerate()
    coding = bytes(7)
    for _ in range(2):
        board.control(0x80, 6, 0x0200, length=75, stop_after=after)
        board.control(OUT_REQUEST, SET_LINE_CODING, length=7, data=coding, stop_after=after)
        whole = board.control(0x80, 6, 0x0200, length=75)
        assert (whole.outcome, len(whole.data)) == (Outcome.DONE, 75)
    assert board.simulated.violations == []


def test_lost_handshakes_change_nothing() -> None:
    board = UsbBoard().enumerate()
    board.device.hello()
    for count in range(1, 8):
        board.host.bus.lost_handshakes = count
        assert board.device.echo(TEXT) == TEXT
    assert board.simulated.violations == []


def test_a_fault_is_reported_over_usb_until_a_reset() -> None:
    """From then on nothing but polling serves the bus: the port can even be closed and opened."""
    board = UsbBoard(strict=False).enumerate()
    board.device.hello()
    symbols = board.simulated.image.symbols
    kernel = next(symbols[name] for name in symbols if "EvalFullyConnectedInt8" in name)
    board.simulated.machine.write(kernel.address & ~1, bytes.fromhex("00de"))  # udf #0
    with pytest.raises(DeviceFaultError, match="undefined instruction"):
        board.device.invoke()
    board.port.close()
    board.simulated.run(0.1)
    board.port.open(115200)
    board.host.reset()
    board.enumerate()
    with pytest.raises(DeviceFaultError, match="undefined instruction"):
        board.device.status()
    assert board.control(0x80, 6, 0x0100, length=18).outcome is Outcome.DONE
    board.device.reset()
    assert board.enumerate().device.hello().has_model


def test_mlperf_runs_over_usb_too() -> None:
    board = UsbBoard(image(mlperf=True)).enumerate()
    assert board.host.strings[2] == "Nano 33 BLE tinydeploy MLPerf"
    board.port.send(b"name%")
    board.simulated.run(0.05)
    assert bytes(board.port.received) == b"m-name-dut-[tinydeploy]\r\nm-ready\r\n"
    assert board.enumerate().is_well()


def test_throughput() -> None:
    """USB must not be the slower link: 1 Mbaud is 100,000 bytes a second."""
    board = UsbBoard().enumerate()
    board.device.hello()
    start_s = board.simulated.time_s
    for _ in range(20):
        assert board.device.echo(TEXT) == TEXT
    bytes_per_s = 20 * 2 * len(TEXT) / (board.simulated.time_s - start_s)
    print(f"{bytes_per_s:,.0f} bytes a second, both ways together, one frame at a time")
    assert bytes_per_s > 100_000
