"""A short run of `tinydeploy bench link-faults`, and that it would notice a wrong result."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tinydeploy import boards, images, simulate, sources
from tinydeploy.errors import PortError
from tinydeploy.hardware.link_faults import (
    KINDS,
    REPEATED,
    STOPPED,
    WRONG,
    Case,
    FaultyWire,
    cases_of,
    try_faults,
)
from tinydeploy.stages.build_options import DEFAULT
from tinydeploy.ui import Ui


@pytest.fixture
def simulated() -> Any:
    quiet, chosen = Ui(quiet=True), boards.load("nano33")
    source = sources.resolve("sine", None, False, None, quiet)
    return simulate.open(chosen, images.make_image(source, chosen, DEFAULT, quiet)[1].elf)


def test_no_inference_is_wrong_whatever_happens_to_the_bytes(simulated: Any) -> None:
    source = sources.resolve("sine", None, False, None, Ui(quiet=True))
    tally = try_faults(simulated, cases_of(source, 8, seed=5), 90, seed=5)
    assert tally.total(WRONG) == 0
    assert tally.faults == 90
    assert all(sum(tally.counts[kind].values()) == 15 for kind in KINDS)
    assert tally.counts["flip"][REPEATED] == 15  # CRC-32 lets none of these through
    assert tally.counts["unplug"][STOPPED] == 15
    assert tally.stops["PortError"] == 15


def test_a_wrong_result_would_be_counted(simulated: Any) -> None:
    tally = try_faults(simulated, [Case(b"\0", b"\x80")], len(KINDS), seed=5)
    assert tally.total(WRONG) + tally.total(STOPPED) == len(KINDS)
    assert tally.total(WRONG) >= 3


class Loopback:
    """Gives back what was written."""

    description = "loopback"

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def read(self, timeout_s: float) -> bytes:
        data, self.data = self.data, b""
        return data


def test_each_fault_strikes_once_where_it_is_told() -> None:
    for kind in ("drop", "flip", "duplicate"):
        wire = FaultyWire(Loopback(), random.Random(3))  # type: ignore[arg-type]
        wire.arm(kind, after=2)
        passed = []
        for _ in range(3):
            wire.write(b"0123456789")
            passed.append(wire.read(0.0) == b"0123456789")
        assert passed == [True, False, True], kind
    wire = FaultyWire(Loopback(), random.Random(3))  # type: ignore[arg-type]
    wire.write(b"0123456789")
    wire.arm("unplug", after=0)
    assert b"0123456789".startswith(wire.read(0.0))
    with pytest.raises(PortError, match="is gone"):
        wire.write(b"0123456789")
