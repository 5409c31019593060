"""Power cuts within a swap: the table's machinery, a coarse table on both chips, the whole one."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from tinydeploy import boards
from tinydeploy.config import ROOT
from tinydeploy.push import power_cuts, power_cuts_page, writing
from tinydeploy.push.power_cuts import PHASES, PowerCutRow
from tinydeploy.push.swap_bench import Swap, SwapBench
from tinydeploy.simulate.flash_operations import FlashOperation, FlashOperations, PowerCutError
from tinydeploy.stages.build import Image

MakeImage = Callable[[str], Image]
CHIPS = ("nano33", "sparkfun_edge")
DOCS = ROOT / "docs"


@pytest.fixture
def bench(hot_swap_image: MakeImage, sine: bytes) -> SwapBench:
    """The simulated Nano."""
    return SwapBench(boards.load("nano33"), hot_swap_image("nano33").elf, sine)


@pytest.mark.parametrize("board_id", CHIPS)
def test_no_model_is_lost(hot_swap_image: MakeImage, sine: bytes, board_id: str) -> None:
    rows = power_cuts.run(boards.load(board_id), hot_swap_image(board_id).elf, sine, every=800)
    assert [line for row in rows for line in row.lost] == []
    assert {row.phase for row in rows} == set(PHASES)
    for row in rows:
        assert row.old + row.new == row.cuts
        assert row.new == (row.phase == "mark")  # from its last word on
    pushed_again = sum(row.repeated for row in rows)
    assert pushed_again == 2 * sum(row.cut_again for row in rows) > 0
    assert sum(row.resumed for row in rows) > 0


def test_page_that_was_cut_and_is_kept_is_noticed(
    bench: SwapBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A push that trusts the last page that reads right: the power may have failed within it."""
    cutter = power_cuts._Cutter(bench, Swap("long", bench.long), 1)
    bench.undo(cutter._operations)
    last_of_page_2 = next(
        index
        for index, operation in enumerate(cutter._operations)
        if operation.address == bench.board.slots_origin + 3 * bench.page_bytes - 4
    )
    for operation in cutter._operations[: last_of_page_2 + 1]:
        bench.put(operation.address, operation.after)
    cut, row = cutter._operations[last_of_page_2], PowerCutRow("nano33", "long", power_cuts.PAYLOAD)
    bench.boot()
    cutter._repeat(row, "here", cut, random.Random(1), True)
    assert (row.repeated, row.resumed, row.lost) == (1, 1, [])
    bench.boot()
    monkeypatch.setattr(writing, "first_page", lambda *_: 3)
    cutter._repeat(row, "here", cut, random.Random(1), True)
    assert row.lost == ["here: the page that was cut is not erased when done again"]


@pytest.mark.parametrize("at", [0, 1, 2, 500, 815, 816, 817, 818])
def test_derived_content_is_what_a_real_cut_leaves(bench: SwapBench, at: int) -> None:
    """The hook in the flash controller's model cuts a swap that really runs."""
    old = bench.boot()
    swap = Swap("", bench.first)
    operations = bench.record(lambda: bench.carry_out(swap))
    bench.undo(operations)
    bench.boot()
    flash = bench.simulated.machine.flash
    flash.log.clear()
    flash.cut_at, flash.seed = at, 7
    with pytest.raises(PowerCutError):
        bench.carry_out(swap)
    assert flash.log == operations[: at + 1]
    cut = operations[at]
    assert bench.simulated.memory(cut.address, len(cut.after)) == cut.partial(7)
    assert bench.check() == old


def test_a_lost_model_is_noticed(bench: SwapBench) -> None:
    """A mark that is whole too early: the checker must see what the firmware then runs."""
    cutter = power_cuts._Cutter(bench, Swap("none", bench.first), 1)
    bench.carry_out(Swap("", bench.second))
    row = PowerCutRow("nano33", "none", "mark")
    cutter._judge(row, "here")
    assert row.lost == ["here: runs neither the old nor the new model"]
    assert (row.cuts, row.old, row.new) == (1, 0, 0)


def test_operation_contents_by_hand() -> None:
    word = FlashOperation(0, b"\xff\xff\xff\xff", b"\x00\xff\x0f\xff")
    assert not word.is_erase
    left = word.partial(1)
    assert left[1] == left[3] == 0xFF
    assert left[2] & 0x0F == 0x0F
    erase = FlashOperation(0, bytes(4096), b"\xff" * 4096)
    assert erase.is_erase
    assert 0 < erase.partial(1).count(0xFF) < 4096
    assert erase.garbage(1) != erase.garbage(2)


class Memory:
    """A page of flash, and the rules that were broken."""

    def __init__(self) -> None:
        self.content = bytearray(b"\xff" * 16)
        self.broken: list[str] = []

    def read(self, address: int, size: int) -> bytes:
        return bytes(self.content[address : address + size])

    def write(self, address: int, data: bytes) -> None:
        self.content[address : address + len(data)] = data

    def fail(self, error: Exception) -> None:
        raise error

    def violate(self, where: str, rule: str) -> None:
        self.broken.append(f"{where}: {rule}")


def test_bits_only_fall_and_words_take_two_writes() -> None:
    memory = Memory()
    flash = FlashOperations(memory)
    flash.writes_per_word = 2
    flash.write_word(4, b"\x0f\xff\xff\xff")
    flash.write_word(4, b"\xf0\xff\xff\x00")
    assert memory.read(4, 4) == b"\x00\xff\xff\x00"
    assert not memory.broken
    flash.write_word(4, b"\x00\xff\xff\x00")
    assert memory.broken == [
        "flash: 0x4 is written 3 times without an erase, the chip allows 2",
    ]
    flash.erase(0, 16)
    flash.write_word(4, b"\x00\xff\xff\x00")
    assert len(memory.broken) == 1


def test_table_adds_up(tmp_path: Path) -> None:
    rows = [
        PowerCutRow("x", "push", "mark", 10, 30, 20, 10),
        PowerCutRow("y", "push", "mark", 5, 16, 9, 5, 2, 1, 1, ["gone"]),
    ]
    last = power_cuts_page.table(rows).splitlines()[-1]
    assert last.split() == ["all", "15", "46", "29", "15", "2", "1", "1", "1"]
    power_cuts_page.save(rows, tmp_path / "rows.json")
    assert power_cuts_page.load(tmp_path / "rows.json") == rows
    assert "cut 46 times on 2 boards; models lost: 1." in power_cuts_page.page(rows)


def test_committed_table_is_of_its_figures() -> None:
    rows = power_cuts_page.load(DOCS / "power_cuts.json")
    assert power_cuts_page.page(rows) == (DOCS / "power_cuts.md").read_text(encoding="utf-8")
    assert {row.board for row in rows} == set(CHIPS)
    for row in rows:
        assert row.cuts >= 3 * row.operations
        assert (row.old + row.new, row.lost) == (row.cuts, [])
