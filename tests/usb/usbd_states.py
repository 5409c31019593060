"""States of the USBD model that tests start from, each reached by its registers."""

from __future__ import annotations

from tinydeploy.simulate.usb_bus import Answer, Packet, Setup
from usb_support import (
    EVENT_RESET,
    EVENT_SETUP,
    IN_ENABLE,
    OUT_ENABLE,
    Bench,
)

GET_DEVICE = Setup(0x80, 6, 0x100, 0, 18)
SET_CODING = Setup(0x21, 0x20, 0, 0, 7)
NO_DATA = Setup(0x21, 0x22, 1, 0, 0)
STATUS_2_IN, STATUS_2_OUT = 1 << 2, 1 << 18
SIZE_2 = 0x4A0 + 4 * 2


def powered() -> Bench:
    """5 V are there, and the regulator is up."""
    bench = Bench()
    bench.port.set_vbus(True)
    bench.run(0.002)
    return bench


def attached() -> Bench:
    """Pull-up on, bus reset seen, frames running; address 0."""
    bench = powered()
    bench.attach()
    bench.usbd.bus_reset()
    bench.usbd.frames(True)
    bench.w(EVENT_RESET, 0)
    return bench


def opened() -> Bench:
    """Bulk endpoints 2 are open."""
    bench = attached()
    bench.w(IN_ENABLE, 7)
    bench.w(OUT_ENABLE, 5)
    bench.w(SIZE_2, 0)
    return bench


def asked(setup: Setup) -> Bench:
    """A SETUP has come and was read."""
    bench = attached()
    assert bench.usbd.setup(0, setup.pack()) is Answer.ACK
    assert bench.take_event(EVENT_SETUP)
    return bench


def given(bench: Bench, data: bytes) -> Bench:
    """The host has sent a packet to endpoint 2."""
    assert bench.usbd.give_out(0, 2, Packet(0, data)) is Answer.ACK
    return bench


def suspended() -> Bench:
    """The bus is silent."""
    bench = attached()
    bench.usbd.frames(False)
    bench.run(0.004)
    return bench
