"""What the fault table tries: both bootloaders of the Nano 33, both of the Edges, the XIAO's."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from tinydeploy import boards
from tinydeploy.boards import Board
from tinydeploy.flash import ambiq_messages, nrf_dfu_messages, samba, svl
from tinydeploy.flash.nrf_dfu_messages import Kind
from tinydeploy.flash.simulated.board import Firmware, SimulatedBoard
from tinydeploy.flash.simulated.edge import Edge
from tinydeploy.flash.simulated.nano import Nano
from tinydeploy.flash.simulated.timeline import Timeline
from tinydeploy.flash.simulated.xiao import Xiao


@dataclass(frozen=True)
class Scenario:
    """A protocol, a board that speaks it, and an image to write.

    Attributes:
        name_packet: the step that a packet from the host belongs to.
    """

    name: str
    board: Board
    tool: str
    old: bytes
    new: bytes
    origin: int
    make: Callable[[Timeline, bytes], SimulatedBoard]
    set_version: Callable[[SimulatedBoard], None]
    name_packet: Callable[[bytes], str]


def scenarios() -> list[Scenario]:
    """All of them; the sizes give several pages, messages and parts."""
    return [
        _nano("SAM-BA, factory", samba.FACTORY, 3 * samba.PAGE_BYTES - 100),
        _nano("SAM-BA, SoftDevice", samba.SOFTDEVICE, 0x16000 + 2 * samba.PAGE_BYTES - 100),
        _ambiq("Ambiq", 20_001),
        _ambiq("Ambiq, two parts", 0x48000 + 5_000),
        _svl(9_001),
        _dfu(3 * 4096 + 2),
    ]


def _nano(name: str, variant: samba.Bootloader, size: int) -> Scenario:
    def make(time: Timeline, old: bytes) -> SimulatedBoard:
        return Nano(time, variant, firmware=Firmware(old))

    def set_version(board: SimulatedBoard) -> None:
        assert isinstance(board, Nano)
        board.bootloader_version = "Arduino Bootloader (SAM-BA extended) 3.0 [Arduino:XYZ]"

    def step(packet: bytes) -> str:
        text = packet.lstrip(b"#")[:1].decode("ascii", "replace") or "#"
        return "Y, source" if packet.endswith(b",0#") else text

    origin, top = samba.APPLICATION, 0x20040000
    old, new = sample_image(6_000, origin, top, 3), sample_image(size, origin, top, 5)
    board = boards.load("nano33")
    return Scenario(name, board, "bossac", old, new, origin, make, set_version, step)


def _ambiq(name: str, size: int) -> Scenario:
    def make(time: Timeline, old: bytes) -> SimulatedBoard:
        return Edge(time, firmware=Firmware(old))

    def step(packet: bytes) -> str:
        return ambiq_messages.Type(packet[4]).name

    origin, top = ambiq_messages.LOAD_ADDRESS, 0x10060000
    old, new = sample_image(6_000, origin, top, 3), sample_image(size, origin, top, 5)
    board = boards.load("sparkfun_edge")
    return Scenario(name, board, "ambiq", old, new, origin, make, lambda board: None, step)


def _svl(size: int) -> Scenario:
    def make(time: Timeline, old: bytes) -> SimulatedBoard:
        return Edge(time, firmware=Firmware(old), svl=True)

    def set_version(board: SimulatedBoard) -> None:
        assert isinstance(board, Edge)
        board.svl_version = 9

    def step(packet: bytes) -> str:
        return svl.Command(packet[2]).name if len(packet) > 2 else "auto-baud"

    top = 0x10060000
    old, new = sample_image(6_000, svl.ORIGIN, top, 3), sample_image(size, svl.ORIGIN, top, 5)
    board = boards.load("sparkfun_edge")
    return Scenario("SVL", board, "svl", old, new, svl.ORIGIN, make, set_version, step)


def _dfu(size: int) -> Scenario:
    def make(time: Timeline, old: bytes) -> SimulatedBoard:
        return Xiao(time, firmware=Firmware(old))

    def step(packet: bytes) -> str:
        start = packet[1:15]  # whole escapes of what was kept
        body = nrf_dfu_messages.unslip(start) or nrf_dfu_messages.unslip(start[:-1])
        return Kind(body[4]).name if body else ""

    board = boards.load("xiao_nrf52840")
    origin, top = board.flash_origin, 0x20040000
    old, new = sample_image(6_000, origin, top, 3), sample_image(size, origin, top, 5)
    return Scenario("DFU", board, "nrf_dfu", old, new, origin, make, lambda board: None, step)


def sample_image(size: int, origin: int, ram_top: int, seed: int) -> bytes:
    """Bytes that a bootloader takes for an application at `origin`."""
    vectors = struct.pack("<II", ram_top, origin + 0x41)
    return vectors + bytes((index * seed + index // 251) & 0xFF for index in range(size - 8))
