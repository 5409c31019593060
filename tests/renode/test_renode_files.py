"""The files for Renode, which is not here: form, addresses, and the Robot tests' conversations."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from renode_files import read_repl, read_robot
from tinydeploy import boards
from tinydeploy.boards import Board
from tinydeploy.config import ROOT

CHIPS = ("nano33", "sparkfun_edge")
MODELS = {
    *("CPU.CortexM", "IRQControllers.NVIC", "Memory.MappedMemory", "Memory.ArrayMemory"),
    *("Miscellaneous.DWT", "UART.PL011"),
}
COMMANDS = re.compile(
    r"^(:name: .+|:description: .+|using sysbus|mach create \"\w+\"|runMacro \$reset|"
    r"machine LoadPlatformDescription \$ORIGIN/[\w.]+|sysbus LoadELF \$elf|macro reset|\"\"\"|"
    r"machine PyDevFromFile \$ORIGIN/[\w.]+ 0x[0-9A-F]+ 0x[0-9A-F]+ True \"\w+\"|"
    r"cpu VectorTableOffset 0x[0-9A-F]+)$"
)
KEYWORDS = {
    *("Execute Command", "${image}=", "${script}=", "Create Terminal Tester", "Start Emulation"),
    *("Write To Uart", "Wait For Line On Uart"),
}


@pytest.fixture(params=CHIPS)
def chip(request: pytest.FixtureRequest) -> Board:
    return boards.load(request.param)


def registers(board: Board, name: str) -> int:
    """An address that the firmware uses, from its register header."""
    header = ROOT / "firmware" / "chips" / board.chip / "registers.h"
    found = re.search(rf"{name}\((0x[0-9A-Fa-f]+)\)|{name} = (0x[0-9A-Fa-f]+)", header.read_text())
    assert found, name
    return int(found.group(1) or found.group(2), 16)


def test_platform_uses_known_models_that_do_not_overlap(chip: Board) -> None:
    _, entries = read_repl(chip.folder / f"{chip.id}.repl")
    ends = -1
    placed = sorted((e.address, e) for e in entries.values() if e.address is not None)
    for address, entry in placed:
        assert entry.type in MODELS
        assert address >= ends, f"{address:#x} overlaps"
        ends = address + int(entry.properties.get("size", "0x1000"), 0)
    assert int(entries["dwt"].properties["frequency"]) == chip.cpu_hz
    assert entries["dwt"].address == 0xE0001000


def test_nano_builds_on_renode_s_platform() -> None:
    used, entries = read_repl(boards.load("nano33").folder / "nano33.repl")
    assert used == ["platforms/cpus/nrf52840.repl"]
    assert "uart0" not in entries  # the platform's own, at 0x40002000


def test_edge_has_what_the_firmware_touches() -> None:
    board = boards.load("sparkfun_edge")
    used, entries = read_repl(board.folder / "sparkfun_edge.repl")
    assert not used
    assert entries["ram"].address == board.ram_origin
    assert int(entries["ram"].properties["size"], 0) == board.ram_size
    flash_end = int(entries["flash"].properties["size"], 0)
    assert flash_end >= board.flash_origin + board.flash_size
    assert entries["uart0"].address == registers(board, "kData")
    assert entries["uart0"].connections == [("nvic", 15)]
    helper = registers(board, "kWriteWord") & ~1
    assert helper - (entries["bootrom"].address or 0) in entries["bootrom"].words
    places = [(e.address, int(e.properties.get("size", "0x1000"), 0)) for e in entries.values()]
    places += [(0x40021000, 0x1000)]  # the power control, in the .resc
    header = (ROOT / "firmware/chips/apollo3/registers.h").read_text()
    for text in re.findall(r"0x[45][0-9A-F]{7}", header):
        address = int(text, 16)
        assert any(at is not None and at <= address < at + size for at, size in places), text


def test_script_loads_the_image_behind_the_bootloader(chip: Board) -> None:
    text = (chip.folder / f"{chip.id}.resc").read_text()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    assert [line for line in lines if not COMMANDS.match(line)] == []
    assert f"cpu VectorTableOffset {chip.flash_origin:#X}".replace("0X", "0x") in lines
    for name in re.findall(r"\$ORIGIN/([\w.]+)", text):
        assert (chip.folder / name).is_file()


def test_flash_controller_is_ready() -> None:
    """The firmware waits for it, though not for ever."""
    _, entries = read_repl(boards.load("nano33").folder / "nano33.repl")
    nvmc = entries["nvmc"]
    assert nvmc.address is not None
    header = (ROOT / "firmware/chips/nrf52840/registers.h").read_text()
    ready = re.search(r"namespace nvmc \{\nconstexpr Register kReady\((0x\w+)\)", header)
    assert ready
    assert nvmc.words == {int(ready.group(1), 16) - nvmc.address: 1}


@pytest.mark.parametrize("capital", [True, False], ids=["1.16.1", "1.15.3"])
def test_power_status_follows_the_enable_bits(capital: bool) -> None:
    source = (boards.load("sparkfun_edge").folder / "renode_pwrctrl.py").read_text()
    state: dict[str, Any] = {}

    def access(kind: str, offset: int = 0, value: int = 0) -> int:
        fields = {"IsInit": False, "IsRead": False, "IsWrite": False, f"Is{kind}": True}
        fields |= {"Offset": offset, "Value": value}
        if not capital:
            fields = {name[0].lower() + name[1:]: field for name, field in fields.items()}
        state["request"] = request = SimpleNamespace(**fields)
        exec(compile(source, "renode_pwrctrl.py", "exec"), state)
        return int(request.Value if capital else request.value)

    access("Init")
    assert access("Read", 0x18) == 0
    access("Write", 0x08, 1 << 7)
    assert (access("Read", 0x08), access("Read", 0x18)) == (1 << 7, 1 << 2)


def test_robot_tests_use_known_keywords(chip: Board) -> None:
    steps = read_robot(chip.folder / f"{chip.id}.robot")
    assert {keyword for keyword, _ in steps} <= KEYWORDS
    commands = [arguments for keyword, arguments in steps if keyword == "Execute Command"]
    assert commands == [["$elf=@${image}"], ["include @${script}"]]
    # Robot takes one backslash for itself, and Renode's monitor wants one before each space.
    escaped = [step[1] for keyword, step in steps if keyword in ("${image}=", "${script}=")]
    assert all(text.endswith('.replace(" ", "\\\\ ")') for text in escaped), escaped
    assert len(escaped) == 2
    assert (
        f"${{BOARD}}                {chip.id}\n"
        in Path(chip.folder / f"{chip.id}.robot").read_text()
    )


class TestConversation:
    """In our simulator, with the image that the Robot tests load."""

    @pytest.fixture
    def firmware_mode(self) -> str:
        return "mlperf"

    def test_it_holds(self, board: str, dut: Any) -> None:
        robot = boards.load(board).folder / f"{board}.robot"
        if not robot.is_file():
            pytest.skip(f"{board} has no model in Renode")
        for keyword, arguments in read_robot(robot):
            if keyword == "Write To Uart":
                dut.write(arguments[0])
            elif keyword == "Wait For Line On Uart":
                dut.expect_exact(f"{arguments[0]}\r\n", timeout=2)
