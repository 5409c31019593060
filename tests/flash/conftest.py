"""Simulated boards, their images, and a person at the buttons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

import pytest
from tinydeploy import boards, flash
from tinydeploy.flash import samba
from tinydeploy.flash.base import FlashResult, Observer, Progress, silent
from tinydeploy.flash.simulated.board import Firmware, SimulatedBoard
from tinydeploy.flash.simulated.edge import Edge
from tinydeploy.flash.simulated.memory import MemoryPorts
from tinydeploy.flash.simulated.nano import Nano
from tinydeploy.flash.simulated.scenarios import sample_image
from tinydeploy.flash.simulated.timeline import Timeline
from tinydeploy.flash.simulated.xiao import Xiao

NANO_RAM_TOP = 0x20040000
EDGE_RAM_TOP = 0x10060000


@dataclass
class Bench:
    """A board in memory, with its old image running, and the image to flash."""

    board: SimulatedBoard
    ports: MemoryPorts
    board_id: str
    old: bytes
    new: bytes
    origin: int
    tool: str | None = None
    person: bool = True
    said: list[str] = field(default_factory=list)

    def flash(self, port: str | None = None, progress: Progress = silent) -> FlashResult:
        return flash.flash(
            self.new,
            boards.load(self.board_id),
            port,
            tool=self.tool,
            ports=self.ports,
            observer=Observer(progress, self._say),
        )

    def content(self, size: int | None = None) -> bytes:
        size = len(self.new) if size is None else size
        return bytes(self.board.flash.content[self.origin : self.origin + size])

    def _say(self, text: str) -> None:
        self.said.append(text)
        if self.person:
            self.ports.time.after(1.0, self.board.press_for_bootloader)


@pytest.fixture
def make_nano() -> Callable[..., Bench]:
    def make(size: int = 20_000, variant: samba.Bootloader = samba.FACTORY, **how: object) -> Bench:
        origin = samba.APPLICATION
        old = sample_image(5_000, origin, NANO_RAM_TOP, 3)
        new = sample_image(size, origin, NANO_RAM_TOP, 5)
        time = Timeline()
        board = Nano(time, variant, **_on_board(old, how))
        return _running(Bench(board, MemoryPorts(time, [board]), "nano33", old, new, origin))

    return make


@pytest.fixture
def make_xiao() -> Callable[..., Bench]:
    def make(size: int = 20_000, *, tool: str | None = None, **how: object) -> Bench:
        origin = 0x27000
        old = sample_image(5_000, origin, NANO_RAM_TOP, 3)
        new = sample_image(size, origin, NANO_RAM_TOP, 5)
        time = Timeline()
        board = Xiao(time, **_on_board(old, how))
        ports = MemoryPorts(time, [board])
        return _running(Bench(board, ports, "xiao_nrf52840", old, new, origin, tool))

    return make


@pytest.fixture
def make_edge() -> Callable[..., Bench]:
    def make(size: int = 20_001, *, svl: bool = False, **how: object) -> Bench:
        origin = 0x10000 if svl else 0xC000
        old = sample_image(5_000, origin, EDGE_RAM_TOP, 3)
        new = sample_image(size, origin, EDGE_RAM_TOP, 5)
        time = Timeline()
        board = Edge(time, svl=svl, **_on_board(old, how))
        tool = "svl" if svl else None
        ports = MemoryPorts(time, [board])
        return _running(Bench(board, ports, "sparkfun_edge", old, new, origin, tool))

    return make


def _on_board(image: bytes, how: dict[str, object]) -> dict[str, Any]:
    """Arguments of a simulated board: what is said of its firmware together."""
    names = {each.name for each in fields(Firmware)}
    firmware = {name: value for name, value in how.items() if name in names}
    others = {name: value for name, value in how.items() if name not in names}
    return {"firmware": Firmware(**{"image": image, **firmware}), **others}  # type: ignore[arg-type]


def _running(bench: Bench) -> Bench:
    bench.board.runs = [bench.old, bench.new]
    bench.board.power_on()
    bench.ports.sleep(3.0)
    return bench
