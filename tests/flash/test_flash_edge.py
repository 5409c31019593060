"""Flashing a simulated SparkFun Edge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tinydeploy import boards, flash
from tinydeploy.errors import PortError
from tinydeploy.flash.base import FlashStoppedError, State
from tinydeploy.flash.simulated.edge import Edge
from tinydeploy.flash.simulated.scenarios import sample_image

if TYPE_CHECKING:
    from conftest import Bench

Make = Callable[..., "Bench"]


def _expect_running(bench: Bench) -> None:
    bench.ports.sleep(3.0)
    assert bench.content() == bench.new
    assert bench.board.mode == "application"
    assert bench.board.flash.guarded_touches == 0
    assert bench.board.flash.lost_bits == 0
    assert isinstance(bench.board, Edge)
    assert bench.board.forbidden == 0


@pytest.mark.parametrize("size", [100, 8192, 100_001, 0x48000, 700_003])
@pytest.mark.parametrize("baud", [921600, 115200])
def test_flashes_and_starts_the_image(make_edge: Make, size: int, baud: int) -> None:
    bench = make_edge(size, baud=baud)
    result = bench.flash()
    _expect_running(bench)
    assert str(baud) in result.bootloader
    assert bench.said == []


@pytest.mark.parametrize("baud", [921600, 115200])
def test_without_dtr_a_person_holds_the_button(make_edge: Make, baud: int) -> None:
    bench = make_edge(baud=baud, has_dtr=False)
    bench.flash()
    _expect_running(bench)
    assert any("button 14" in text for text in bench.said)


def test_without_dtr_and_person_it_stops_and_nothing_has_changed(make_edge: Make) -> None:
    bench = make_edge(has_dtr=False)
    bench.person = False
    before = bytes(bench.board.flash.content)
    with pytest.raises(FlashStoppedError, match="does not answer") as stopped:
        bench.flash()
    assert stopped.value.state is State.UNTOUCHED
    assert "button 14" in stopped.value.hint
    assert bytes(bench.board.flash.content) == before


def test_a_board_without_firmware_waits_in_its_loader(make_edge: Make) -> None:
    bench = make_edge(image=b"")
    bench.flash()
    _expect_running(bench)


def test_a_message_refused_twice_is_repeated(make_edge: Make) -> None:
    bench = make_edge()
    bench.board.refuse_at = 3
    result = bench.flash()
    _expect_running(bench)
    assert result.retries == 1


def test_a_message_refused_three_times_stops_with_the_reason(make_edge: Make) -> None:
    bench = make_edge()
    bench.board.refuse_at, bench.board.refuse_on = 4, True
    with pytest.raises(FlashStoppedError, match=r"refuses.*failure") as stopped:
        bench.flash()
    assert stopped.value.state is State.STAGING
    assert bench.content(len(bench.old)) == bench.old


def test_power_lost_while_installing_is_made_good_at_the_next_start(make_edge: Make) -> None:
    """Staged are 3 pages and the descriptor: 8 operations; installing begins with the 9th."""
    for operation in range(9, 15):
        bench = make_edge()
        bench.board.flash.fail_at = operation
        bench.flash()
        bench.ports.sleep(1.0)
        assert bench.board.mode == "off"
        bench.board.power_off()
        bench.board.power_on()
        _expect_running(bench)


def test_an_image_too_large_to_be_staged_is_refused(make_edge: Make) -> None:
    bench = make_edge()
    bench.new = sample_image(0xDE000 - 127, 0xC000, 0x10060000, 1)
    with pytest.raises(FlashStoppedError, match="stages it") as stopped:
        bench.flash()
    assert "pyocd" in stopped.value.hint


@pytest.mark.parametrize("baud", [921600, 115200])
def test_opening_the_port_resets_into_the_loader_and_leave_bootloader_undoes_it(
    make_edge: Make, baud: int
) -> None:
    bench = make_edge(baud=baud)
    board = replace(boards.load("sparkfun_edge"), baud=baud)
    line = bench.ports.open("/dev/ttyUSB0", baud)
    bench.ports.sleep(0.1)
    assert bench.board.mode == "loader"
    assert flash.leave_bootloader(board, line, bench.ports)
    bench.ports.sleep(0.1)
    assert bench.board.mode == "application"
    assert not flash.leave_bootloader(board, line, bench.ports)
    assert bench.board.mode == "application"


def test_leave_bootloader_does_nothing_to_other_boards(make_nano: Make) -> None:
    bench = make_nano()
    line = bench.ports.open("/dev/ttyACM0", 9600)
    assert not flash.leave_bootloader(boards.load("nano33"), line, bench.ports)


@pytest.mark.parametrize("size", [100, 2048, 2052, 100_001])
def test_svl_flashes_and_starts_the_image(make_edge: Make, size: int) -> None:
    bench = make_edge(size, svl=True)
    result = bench.flash()
    _expect_running(bench)
    assert result.bootloader.endswith("6")


def test_svl_of_another_version_is_left_alone(make_edge: Make) -> None:
    bench = make_edge(svl=True)
    assert isinstance(bench.board, Edge)
    bench.board.svl_version = 3
    with pytest.raises(FlashStoppedError, match="version 3") as stopped:
        bench.flash()
    assert stopped.value.state is State.UNTOUCHED


def test_svl_gives_up_after_four_repetitions_at_each_rate(make_edge: Make) -> None:
    bench = make_edge(svl=True)
    bench.board.refuse_at, bench.board.refuse_on = 1, True
    with pytest.raises(FlashStoppedError, match=r"gave up.*3 rates") as stopped:
        bench.flash()
    assert stopped.value.state is State.PARTLY_WRITTEN
    assert "after every reset" in stopped.value.hint


def test_an_image_for_the_other_loader_is_refused(make_edge: Make) -> None:
    bench = make_edge(900, svl=True)
    bench.tool = None
    with pytest.raises(FlashStoppedError, match="reset vector"):
        bench.flash()


def test_no_adapter(make_edge: Make) -> None:
    bench = make_edge()
    bench.board.power_off()
    with pytest.raises(PortError, match="no serial adapter"):
        bench.flash()
