"""Flashing a simulated Nano 33."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tinydeploy import boards, flash
from tinydeploy.errors import FlashError, PortError, UsageError
from tinydeploy.flash import enter, samba, samba_port, usb
from tinydeploy.flash.base import FlashStoppedError, State
from tinydeploy.flash.channel import Channel
from tinydeploy.flash.simulated.board import Firmware
from tinydeploy.flash.simulated.memory import MemoryPorts
from tinydeploy.flash.simulated.nano import Nano
from tinydeploy.flash.simulated.scenarios import sample_image
from tinydeploy.flash.simulated.timeline import Timeline

if TYPE_CHECKING:
    from conftest import Bench

Make = Callable[..., "Bench"]


@pytest.mark.parametrize("variant", samba.BOOTLOADERS, ids=lambda loader: loader.name)
@pytest.mark.parametrize("size", [100, 4096, 4097, 100_000, 0xD0000])
def test_flashes_and_starts_the_image(
    make_nano: Make, variant: samba.Bootloader, size: int
) -> None:
    bench = make_nano(size, variant)
    result = bench.flash()
    assert bench.content() == bench.new
    assert bench.board.mode == "application"
    assert bench.board.flash.guarded_touches == 0
    assert bench.board.flash.lost_bits == 0
    assert (result.port, result.retries, result.notes) == ("/dev/ttyACM0", 0, [])
    assert variant.name in result.bootloader
    assert bench.said == []


def test_the_bytes_are_those_of_bossac(make_nano: Make) -> None:
    bench = make_nano(100)
    bench.flash()
    sent = [packet.split(b"#")[0] for packet in bench.ports.wire.sent]  # type: ignore[attr-defined]
    written = [packet for packet in sent if packet[:1] in (b"Y", b"S", b"K")]
    page = [b"S00000000,000010", b"Y00000000,0", b"Y00000000,000010"]
    assert written == [*page, *page, b"K"]  # blanked, then written
    assert b"ZFFFF0000,000010" in sent


def test_progress_grows_to_its_end(make_nano: Make) -> None:
    bench, seen = make_nano(50_000), []
    bench.flash(progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[0][0] == 0
    assert seen[-1][0] == seen[-1][1] >= 50_000


def test_a_board_that_ignores_the_touch_is_helped_by_a_person(make_nano: Make) -> None:
    bench = make_nano(touch_works=False)
    bench.flash()
    assert bench.content() == bench.new
    assert "twice" in bench.said[0]


def test_without_help_it_stops_and_nothing_has_changed(make_nano: Make) -> None:
    bench = make_nano(touch_works=False)
    bench.person = False
    before = bytes(bench.board.flash.content)
    with pytest.raises(FlashStoppedError, match="was not changed") as stopped:
        bench.flash()
    assert stopped.value.state is State.UNTOUCHED
    assert "twice" in stopped.value.hint
    assert bytes(bench.board.flash.content) == before
    assert bench.board.mode == "application"


def test_a_board_without_firmware_is_found_in_its_bootloader(make_nano: Make) -> None:
    bench = make_nano(image=b"")
    result = bench.flash()
    assert bench.content() == bench.new
    assert result.port == "/dev/ttyACM0"


def test_firmware_without_usb_is_no_failure(make_nano: Make) -> None:
    bench = make_nano(image=b"", on_usb=False)
    result = bench.flash()
    assert bench.board.mode == "application"
    assert result.port == ""
    assert "USB" in result.notes[0]


def test_no_board(make_nano: Make) -> None:
    bench = make_nano()
    bench.board.power_off()
    with pytest.raises(PortError, match="no Nano 33") as error:
        bench.flash()
    assert "twice" in error.value.hint


def test_a_port_that_is_not_there(make_nano: Make) -> None:
    with pytest.raises(PortError, match="no port /dev/ttyACM7") as error:
        make_nano().flash("/dev/ttyACM7")
    assert "/dev/ttyACM0" in error.value.hint


def test_a_port_of_something_else(make_nano: Make) -> None:
    bench = make_nano()
    assert bench.board.port
    bench.board.port = replace(bench.board.port, vendor_id=0x0403, product_id=0x6001)
    with pytest.raises(PortError, match="0403:6001"):
        bench.flash("/dev/ttyACM0")


def _two_boards() -> tuple[MemoryPorts, Nano, Nano, bytes]:
    time = Timeline()
    old = sample_image(5_000, samba.APPLICATION, 0x20040000, 3)
    new = sample_image(9_000, samba.APPLICATION, 0x20040000, 5)
    first = Nano(time, firmware=Firmware(old), serial_number="AAAA000011112222")
    names = ("/dev/ttyACM5", "/dev/ttyACM6")
    second = Nano(time, firmware=Firmware(old), serial_number="BBBB000011112222", names=names)
    for board in (first, second):
        board.runs = [old, new]
        board.power_on()
    ports = MemoryPorts(time, [first, second])
    ports.sleep(3.0)
    return ports, first, second, new


def test_several_boards_need_a_choice() -> None:
    ports, _, _, new = _two_boards()
    with pytest.raises(PortError, match=r"2 boards .*AAAA.*BBBB"):
        flash.flash(new, boards.load("nano33"), ports=ports)


@pytest.mark.parametrize(
    "choice", [{"serial_number": "bbbb000011112222"}, {"port": "/dev/ttyACM5"}]
)
def test_only_the_chosen_board_is_flashed(choice: dict[str, str]) -> None:
    ports, first, second, new = _two_boards()
    before = bytes(first.flash.content)
    result = flash.flash(new, boards.load("nano33"), ports=ports, **choice)  # type: ignore[arg-type]
    assert result.port == "/dev/ttyACM5"
    assert second.flash.content.startswith(new, samba.APPLICATION)
    assert bytes(first.flash.content) == before


def test_an_unknown_serial_number_names_the_known_ones() -> None:
    ports, _, _, new = _two_boards()
    with pytest.raises(PortError, match="AAAA000011112222"):
        flash.flash(new, boards.load("nano33"), ports=ports, serial_number="CCCC")


def test_an_unknown_bootloader_version_is_left_alone(make_nano: Make) -> None:
    bench = make_nano()
    assert isinstance(bench.board, Nano)
    bench.board.bootloader_version = "Arduino Bootloader (SAM-BA extended) 3.0 [Arduino:XYZ]"
    _expect_untouched(bench, "3.0")


def test_an_unknown_bootloader_build_is_left_alone(make_nano: Make) -> None:
    bench = make_nano()
    bench.board.flash.content[100] ^= 1
    _expect_untouched(bench, "neither known version")


def _expect_untouched(bench: Bench, words: str) -> None:
    before = bytes(bench.board.flash.content)
    with pytest.raises(FlashStoppedError, match=words) as stopped:
        bench.flash()
    assert stopped.value.state is State.UNTOUCHED
    assert bytes(bench.board.flash.content) == before
    bench.ports.sleep(3.0)
    assert bench.board.mode == "application"


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (b"", "no vector table"),
        (sample_image(0xD0004, 0x10000, 0x20040000, 1), "851,968"),
        (sample_image(100, 0x10000, 0x10060000, 1), "stack pointer"),
        (sample_image(900, 0xC000, 0x20040000, 1), "reset vector"),
        (b"\xff" * 100, "stack pointer"),
    ],
)
def test_an_image_for_another_place_is_refused(make_nano: Make, image: bytes, words: str) -> None:
    bench = make_nano()
    bench.new = image
    _expect_untouched(bench, words)


def test_an_elf_or_missing_file_is_refused(make_nano: Make, tmp_path: Path) -> None:
    ports, elf = make_nano().ports, tmp_path / "firmware.elf"
    elf.write_bytes(b"\x7fELF" + bytes(100))
    for path in (elf, tmp_path / "none.bin"):
        with pytest.raises(FlashError):
            flash.flash(path, boards.load("nano33"), ports=ports)


@pytest.mark.parametrize(
    "offset", [-4096, 100, 0xD0000, 0xEF000, 0xF0000, 0xFFFF0000, 0xFFFFF000, 1 << 32]
)
def test_no_offset_outside_the_window_can_be_written(make_nano: Make, offset: int) -> None:
    client, bench = _client(make_nano(variant=samba.SOFTDEVICE))
    assert client.identify() is samba.SOFTDEVICE
    with pytest.raises(ValueError, match="not a page of the application"):
        client.write_page(offset, bytes(4096))
    assert bench.board.flash.operations == 0


def test_nothing_can_be_written_before_the_bootloader_is_known(make_nano: Make) -> None:
    client, bench = _client(make_nano())
    with pytest.raises(ValueError, match="not a page of the application"):
        client.write_page(0, bytes(4096))
    assert bench.board.flash.operations == 0


def _client(bench: Bench) -> tuple[samba.SambaClient, Bench]:
    target = usb.find(bench.ports, boards.load("nano33"), "", "")
    client = samba_port.enter_bootloader(bench.ports, target, print, enter.Patience())
    assert client
    return client, bench


def test_the_simulated_bootloader_can_be_overwritten_and_counts_it(make_nano: Make) -> None:
    """What the bounds are for: the wrap-around (docs/boards/nano33.md, 8), sent past them."""
    _, bench = _client(make_nano())
    line = bench.ports.open("/dev/ttyACM1", 9600)
    line.write(b"S00000000,00001000#" + bytes(4096) + b"Y00000000,0#YFFFF0000,00001000#")
    assert bench.board.flash.guarded_touches == 2
    assert bench.board.flash.content[:4096] == bytes(4096)


def test_the_version_answer_has_its_two_stray_bytes(make_nano: Make) -> None:
    _, bench = _client(make_nano())
    channel = Channel(bench.ports.open("/dev/ttyACM1", 9600), bench.ports)
    channel.write(b"V#")
    answer = channel.drain(0.1)
    assert len(answer) == 60
    assert answer.endswith(b"\n\r\0n")


def test_a_session_that_was_cut_off_within_a_page_is_taken_over(make_nano: Make) -> None:
    _, bench = _client(make_nano())
    bench.ports.open("/dev/ttyACM1", 9600).write(b"S00000000,00001000#" + bytes(1000))
    bench.flash()
    assert bench.content() == bench.new


@pytest.mark.parametrize("variant", samba.BOOTLOADERS, ids=lambda loader: loader.name)
def test_until_all_is_written_a_board_that_loses_power_waits_in_its_bootloader(
    make_nano: Make, variant: samba.Bootloader
) -> None:
    pages = 24
    for operation in range(5, 2 * pages - 2):  # after the start page is blank, before it is back
        bench = make_nano(pages * 4096, variant)
        bench.board.flash.fail_at = operation
        with pytest.raises(FlashStoppedError) as stopped:
            bench.flash()
        assert stopped.value.state is State.NO_APPLICATION
        bench.board.power_on()
        bench.ports.sleep(2.0)
        assert bench.board.mode == "bootloader"
        assert bench.ports.list()[0].product_id == 0x005A


def test_flash_that_stays_wrong_is_told(make_nano: Make) -> None:
    bench = make_nano()
    bench.board.refuse_at, bench.board.refuse_on = 3, True
    with pytest.raises(FlashStoppedError, match="still differs at 0x12000"):
        bench.flash()


def test_describe_bootloader(make_nano: Make) -> None:
    _, bench = _client(make_nano(variant=samba.SOFTDEVICE))
    text = samba_port.describe_bootloader(bench.ports, "/dev/ttyACM1")
    assert text == f"{samba.VERSION}, SoftDevice capable"


def test_unknown_tools_and_boards_without_one() -> None:
    with pytest.raises(UsageError) as error:
        flash.flash(b"", boards.load("nano33"), tool="stlink")
    assert "bossac" in error.value.hint
    with pytest.raises(UsageError, match="not flashed"):
        flash.flash(b"", boards.load("host"))


def test_tools_are_found_by_their_files() -> None:
    assert flash.tools() == [
        *("ambiq", "bossac", "bossac_cli", "nrf_dfu", "pyocd", "svl", "uf2"),
    ]
