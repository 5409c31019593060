"""What the silicon of the USBD would not forgive: each rule, broken once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tinydeploy.simulate.usb_bus import Setup
from tinydeploy.simulate.violations import SimulationError
from usb_support import (
    BUFFER,
    ENABLE,
    EVENT_CAUSES,
    IN_ENABLE,
    LOW_POWER,
    PULLUP,
    READY,
    RECEIVE,
    REFUSE,
    STALL,
    STATUS,
    TOGGLE,
    WORKAROUND,
    Bench,
)
from usbd_states import (
    GET_DEVICE,
    SET_CODING,
    SIZE_2,
    asked,
    attached,
    given,
    opened,
    powered,
    suspended,
)

Act = Callable[[Bench], object]

# Violations: start, deed, and a part of the rule


def _enable_at_once(bench: Bench) -> None:
    bench.w(ENABLE)


def _pull_up_early(bench: Bench) -> None:
    bench.start_crystal()
    bench.w(PULLUP)


def _pull_up_without_crystal(bench: Bench) -> None:
    bench.enable()
    bench.w(PULLUP)


def _pull_up_between_errata(bench: Bench) -> None:
    bench.start_crystal()
    bench.enable()
    bench.erratum(0xC14, 0xC0)
    bench.w(PULLUP)


def _two_at_once(bench: Bench) -> None:
    bench.start_in(2, b"a")
    bench.start_in(1, b"b")


def _without_199(bench: Bench) -> None:
    bench.w(0x600 + 0x28, BUFFER)
    bench.w(0x00C)


def _end_199_early(bench: Bench) -> None:
    bench.start_in(2, b"a")
    bench.w(WORKAROUND, 0)


def _from_flash(bench: Bench) -> None:
    bench.w(0x628, 0x10000)
    bench.w(0x62C, 4)
    bench.w(WORKAROUND, 0x82)
    bench.w(0x00C)


def _again_before_taken(bench: Bench) -> None:
    for _ in range(2):
        bench.start_in(2, b"a")
        bench.run(0.001)


def _status_in_the_data_stage(bench: Bench) -> None:
    bench.start_in(0, b"a")
    bench.await_end(0x108)
    bench.w(STATUS)


def _status_while_busy(bench: Bench) -> None:
    bench.start_in(0, b"a")
    bench.w(STATUS)


def _too_small(bench: Bench) -> None:
    bench.start_out(2, 2)


def _read_size_while_busy(bench: Bench) -> None:
    bench.start_in(2, b"a")
    bench.r(SIZE_2)


def _after_replug(bench: Bench) -> None:
    bench.port.set_vbus(False)
    bench.port.set_vbus(True)
    bench.w(STATUS)


def _leave_low_power_without_crystal(bench: Bench) -> None:
    bench.w(LOW_POWER, 1)
    bench.power.write(0x004, 4, 1)
    bench.w(LOW_POWER, 0)


RULES: dict[str, tuple[Callable[[], Bench], Act, str]] = {
    "locked erratum": (powered, lambda b: b.errata.write(0xC14, 4, 0xC0), "while locked"),
    "wrong key": (powered, lambda b: b.errata.write(0xC00, 4, 1), "not the key"),
    "ENABLE without errata": (powered, _enable_at_once, "errata 187 and 171"),
    "ENABLE without VBUS": (Bench, lambda b: (b.run(0.002), b.w(ENABLE)), "187|no VBUS"),
    "pull-up before READY": (powered, _pull_up_early, "wait for READY"),
    "pull-up without HFXO": (powered, _pull_up_without_crystal, "HFXO must run"),
    "pull-up between errata": (powered, _pull_up_between_errata, "errata 171 and 187"),
    "HFXO stopped": (attached, lambda b: b.power.write(0x004, 4, 1), "USB needs HFXO"),
    "task before READY": (powered, lambda b: b.w(STATUS), "before READY"),
    "task after replugging": (attached, _after_replug, "before READY"),
    "two transfers": (opened, _two_at_once, r"EasyDMA of EPIN\[2\] has not ended"),
    "no erratum 199": (opened, _without_199, "erratum 199"),
    "erratum 199 ended early": (opened, _end_199_early, "has not ended"),
    "more than a packet": (opened, lambda b: b.start_in(2, bytes(65)), "65 is more than a packet"),
    "flash": (opened, _from_flash, "RAM only"),
    "endpoint not enabled": (attached, lambda b: b.start_in(2, b"a"), "not enabled in EPINEN"),
    "packet not taken": (opened, _again_before_taken, "wait for EPDATA"),
    "nothing came": (opened, lambda b: b.start_out(2, 1), "no packet has come"),
    "buffer too small": (lambda: given(opened(), b"abc"), _too_small, "copy SIZE.EPOUT"),
    "packet dropped": (lambda: given(opened(), b"abc"), lambda b: b.w(SIZE_2, 0), "drops"),
    "size while busy": (opened, _read_size_while_busy, "read while EasyDMA"),
    "EP0 by EPSTALL": (attached, lambda b: b.w(STALL, 0x100), "TASKS_EP0STALL"),
    "EP0's toggle": (attached, lambda b: b.w(TOGGLE, 0x100), "the hardware's"),
    "isochronous": (attached, lambda b: b.w(IN_ENABLE, 0x101), "isochronous"),
    "isochronous task": (attached, lambda b: b.w(0x024), "isochronous"),
    "remote wake-up": (attached, lambda b: b.w(0x058), "remote wake-up"),
    "status of nothing": (attached, lambda b: b.w(STATUS), "no control transfer"),
    "stall of nothing": (attached, lambda b: b.w(REFUSE), "no control transfer"),
    "status too early": (lambda: asked(GET_DEVICE), lambda b: b.w(STATUS), "data stage is not"),
    "status before taken": (
        lambda: asked(GET_DEVICE),
        _status_in_the_data_stage,
        "data stage is not over",
    ),
    "status while busy": (lambda: asked(GET_DEVICE), _status_while_busy, "EasyDMA is busy"),
    "receive in a read": (lambda: asked(GET_DEVICE), lambda b: b.w(RECEIVE), "no more data"),
    "send in a write": (
        lambda: asked(SET_CODING),
        lambda b: b.start_in(0, b"a"),
        "no data stage to the host",
    ),
    "more than asked for": (
        lambda: asked(GET_DEVICE),
        lambda b: b.start_in(0, bytes(19)),
        "no more than 18",
    ),
    "low power while awake": (attached, lambda b: b.w(LOW_POWER, 1), "suspended"),
    "leaving without HFXO": (suspended, _leave_low_power_without_crystal, "HFXO must run"),
    "no such register": (attached, lambda b: b.r(0x640 + 0x60), "not modelled"),
}


@pytest.mark.parametrize("name", RULES)
def test_rule(name: str) -> None:
    start, act, rule = RULES[name]
    bench = start()
    with pytest.raises(SimulationError, match=rule):  # noqa: PT012 - either may notice
        act(bench)
        bench.run(0.001)
    assert not bench.machine.violations[-1].warning


def test_status_of_set_address_is_a_warning() -> None:
    bench = asked(Setup(0, 5, 9))
    bench.w(STATUS)
    assert [violation.warning for violation in bench.machine.violations] == [True]


def test_ready_is_not_left_set() -> None:
    bench = powered()
    bench.enable()
    assert not bench.r(EVENT_CAUSES) & READY
