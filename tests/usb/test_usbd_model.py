"""The USBD model, register by register: what works."""

from __future__ import annotations

from tinydeploy.simulate.usb_bus import Answer, Packet, Setup, transaction_s
from usb_support import (
    BUFFER,
    ENABLE,
    EVENT_CAUSES,
    EVENT_DATA,
    EVENT_DATA_DONE,
    EVENT_RESET,
    IN_ENABLE,
    LOW_POWER,
    OUT_ENABLE,
    PULLUP,
    RECEIVE,
    REFUSE,
    RESUME,
    STALL,
    STATUS,
    SUSPEND,
    TOGGLE,
    WOKEN,
    Bench,
)
from usbd_states import (
    GET_DEVICE,
    NO_DATA,
    SET_CODING,
    SIZE_2,
    STATUS_2_IN,
    STATUS_2_OUT,
    asked,
    attached,
    given,
    opened,
    powered,
    suspended,
)

# Power


def test_cable_and_regulator() -> None:
    bench = Bench()
    assert bench.power.read(0x438, 4) == 0
    bench.port.set_vbus(True)
    assert (bench.power.read(0x438, 4), bench.power.read(0x11C, 4)) == (1, 1)
    assert bench.power.read(0x124, 4) == 0
    bench.run(0.002)
    assert (bench.power.read(0x438, 4), bench.power.read(0x124, 4)) == (3, 1)
    bench.port.set_vbus(False)
    assert (bench.power.read(0x438, 4), bench.power.read(0x120, 4)) == (0, 1)


def test_the_sheets_sequence_breaks_no_rule() -> None:
    bench = attached()
    assert bench.port.is_attached
    assert bench.machine.violations == []


def test_unplugged_and_back() -> None:
    """ENABLE survives the loss of VBUS, but is no use then."""
    bench = attached()
    bench.port.set_vbus(False)
    assert not bench.port.is_attached
    bench.start_in(0, b"")  # the firmware cannot know yet
    bench.port.set_vbus(True)
    bench.run(0.002)
    assert not bench.port.is_attached
    bench.w(PULLUP, 0)
    bench.w(ENABLE, 0)
    bench.attach()
    assert bench.port.is_attached


# Bus


def test_reset_disables_all_but_endpoint_0() -> None:
    bench = given(opened(), b"x")
    bench.usbd.bus_reset()
    assert (bench.r(EVENT_RESET), bench.r(IN_ENABLE), bench.r(OUT_ENABLE)) == (1, 1, 1)
    assert bench.usbd.give_out(0, 2, Packet(1, b"y")) is Answer.NOTHING


def test_suspend_after_three_milliseconds_and_resume() -> None:
    bench = attached()
    bench.usbd.frames(False)
    bench.run(0.0029)
    assert not bench.r(EVENT_CAUSES) & SUSPEND
    bench.run(0.0002)
    assert bench.r(EVENT_CAUSES) & SUSPEND
    bench.w(EVENT_CAUSES, SUSPEND)
    bench.usbd.bus_resume()
    assert bench.r(EVENT_CAUSES) == RESUME


def test_nobody_at_the_other_end_is_silence_too() -> None:
    bench = powered()
    bench.attach()
    bench.run(0.004)
    assert bench.r(EVENT_CAUSES) & SUSPEND


def test_low_power_and_back() -> None:
    bench = suspended()
    bench.w(LOW_POWER, 1)
    bench.power.write(0x004, 4, 1)  # HFXO may rest now
    assert bench.usbd.setup(0, GET_DEVICE.pack()) is Answer.NOTHING
    bench.usbd.bus_resume()
    bench.start_crystal()
    bench.erratum(0xC14, 0xC0)
    bench.w(LOW_POWER, 0)
    assert bench.run(0.001, lambda: bool(bench.r(EVENT_CAUSES) & WOKEN))
    bench.erratum(0xC14, 0)
    assert bench.usbd.setup(0, GET_DEVICE.pack()) is Answer.ACK
    assert bench.machine.violations == []


def test_frames_are_counted() -> None:
    bench = attached()
    first = bench.r(0x520)
    bench.w(0x154, 0)
    bench.run(0.0051)
    assert bench.r(0x520) - first == 5
    assert bench.r(0x154) == 1


def test_frame_interrupt() -> None:
    bench = attached()
    bench.w(0x154, 0)
    bench.w(0x304, 1 << 21)
    assert bench.run(0.0011, lambda: bench.usbd.has_happened("SOF"))


# Endpoint 0


def test_control_read() -> None:
    bench = asked(GET_DEVICE)
    assert [bench.r(0x480 + 4 * n) for n in range(8)] == list(GET_DEVICE.pack())
    assert bench.usbd.take_in(0, 0) is Answer.NAK
    bench.start_in(0, bytes(range(18)))
    bench.await_end(0x108)
    assert bench.usbd.take_in(0, 0) == Packet(1, bytes(range(18)))
    assert not bench.r(EVENT_DATA_DONE)
    bench.usbd.acknowledge(0)
    assert bench.r(EVENT_DATA_DONE)
    assert bench.usbd.give_out(0, 0, Packet(1, b"")) is Answer.NAK
    bench.w(STATUS)
    assert bench.usbd.give_out(0, 0, Packet(1, b"")) is Answer.ACK


def test_control_write() -> None:
    bench = asked(SET_CODING)
    packet = Packet(1, b"1234567")
    assert bench.usbd.give_out(0, 0, packet) is Answer.NAK
    bench.w(RECEIVE)
    assert bench.usbd.give_out(0, 0, packet) is Answer.ACK
    assert (bench.r(EVENT_DATA_DONE), bench.r(0x4A0)) == (1, 7)
    bench.start_out(0, 7)
    bench.await_end(0x130)
    assert bench.machine.read(BUFFER, 7) == b"1234567"
    assert bench.usbd.take_in(0, 0) is Answer.NAK
    bench.w(STATUS)
    assert bench.usbd.take_in(0, 0) == Packet(1, b"")


def test_shortcut_to_the_status_stage() -> None:
    bench = asked(GET_DEVICE)
    bench.w(0x200, 1 << 2)
    bench.start_in(0, b"x")
    bench.await_end(0x108)
    bench.usbd.take_in(0, 0)
    bench.usbd.acknowledge(0)
    assert bench.usbd.give_out(0, 0, Packet(1, b"")) is Answer.ACK


def test_set_address_is_the_hardwares() -> None:
    bench = asked(Setup(0, 5, 9))
    assert bench.usbd.take_in(0, 0) == Packet(1, b"")
    assert bench.r(0x470) == 0
    bench.usbd.acknowledge(0)
    assert bench.r(0x470) == 9
    assert bench.usbd.setup(0, GET_DEVICE.pack()) is Answer.NOTHING
    assert bench.usbd.setup(9, GET_DEVICE.pack()) is Answer.ACK


def test_stall_lasts_until_the_next_setup() -> None:
    bench = asked(GET_DEVICE)
    bench.w(REFUSE)
    assert bench.usbd.take_in(0, 0) is Answer.STALL
    bench.usbd.setup(0, NO_DATA.pack())
    assert bench.usbd.take_in(0, 0) is Answer.NAK


def test_data_of_a_request_that_was_replaced_is_dropped() -> None:
    bench = asked(GET_DEVICE)
    bench.start_in(0, b"old")
    bench.usbd.setup(0, GET_DEVICE.pack())
    bench.await_end(0x108)
    assert bench.usbd.take_in(0, 0) is Answer.NAK
    bench.w(STATUS)  # meant for the old one, whose end the firmware has not seen: no effect
    assert bench.usbd.give_out(0, 0, Packet(1, b"")) is Answer.NAK


# Bulk


def test_bulk_in_toggles_and_is_sent_again_until_acknowledged() -> None:
    bench = opened()
    for toggle in (0, 1, 0):
        bench.start_in(2, b"ab")
        bench.await_end(0x108 + 8)
        assert bench.usbd.take_in(0, 2) == bench.usbd.take_in(0, 2) == Packet(toggle, b"ab")
        bench.usbd.acknowledge(2)
        assert bench.usbd.take_in(0, 2) is Answer.NAK
        assert bench.take_event(EVENT_DATA)
        assert bench.r(0x46C) == STATUS_2_IN
        bench.w(0x46C, STATUS_2_IN)


def test_bulk_out_waits_for_easydma_and_ignores_repetitions() -> None:
    bench = given(opened(), b"first")
    assert (bench.r(0x46C), bench.r(SIZE_2)) == (STATUS_2_OUT, 5)
    assert bench.usbd.give_out(0, 2, Packet(1, b"second")) is Answer.NAK
    bench.start_out(2, 5)
    bench.await_end(0x130 + 8)
    assert bench.machine.read(BUFFER, 5) == b"first"
    bench.w(0x46C, STATUS_2_OUT)
    assert bench.usbd.give_out(0, 2, Packet(0, b"first")) is Answer.ACK  # its ACK was lost
    assert bench.r(0x46C) == 0
    assert bench.usbd.give_out(0, 2, Packet(1, b"second")) is Answer.ACK


def test_out_endpoint_refuses_until_its_size_is_written() -> None:
    bench = attached()
    bench.w(OUT_ENABLE, 5)
    assert bench.usbd.give_out(0, 2, Packet(0, b"x")) is Answer.NAK
    bench.w(SIZE_2, 0)
    assert bench.usbd.give_out(0, 2, Packet(0, b"x")) is Answer.ACK


def test_toggle_and_stall_registers() -> None:
    bench = opened()
    bench.w(TOGGLE, 0x82)
    assert bench.r(TOGGLE) == 0x182
    bench.w(TOGGLE, 0x282)
    assert bench.r(TOGGLE) == 0x282
    bench.w(STALL, 0x182)
    assert (bench.r(0x428), bench.usbd.take_in(0, 2)) == (1, Answer.STALL)
    bench.w(STALL, 0x82)
    assert (bench.r(0x428), bench.usbd.take_in(0, 2)) == (0, Answer.NAK)


def test_amount_and_captured_endpoints() -> None:
    bench = opened()
    bench.start_in(2, b"abc")
    assert (bench.r(0x468), bench.r(0x104)) == (4, 1)
    bench.await_end(0x108 + 8)
    assert bench.r(0x630) == 3


def test_a_packet_takes_what_usb_says() -> None:
    """USB 2.0, table 5-9: 19 transactions of 64 bytes fit into a frame, 20 do not."""
    assert 19 * transaction_s(64) < 1e-3 < 20 * transaction_s(64)
