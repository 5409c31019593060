"""Power cuts after every flash operation of every kind of swap: does a whole model run then?

    tinydeploy power-cuts --boards nano33

A swap is run once and its flash operations are noted. From them follows the content of the flash
after each operation, and within it: some bits changed, or anything at all in its place. Each of
these contents is put into the simulated chip's flash and the chip is powered on: it must say that
it runs the old model or the new one, and answer as TFLM does with that model.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tinydeploy import boards, sources
from tinydeploy.abi import slot_protocol
from tinydeploy.boards import Board
from tinydeploy.errors import TinyDeployError
from tinydeploy.push import targets
from tinydeploy.push.swap_bench import Swap, SwapBench
from tinydeploy.simulate.flash_operations import FlashOperation
from tinydeploy.ui import Ui

Progress = Callable[[int, int], None]
DECISIVE = 16  # last operations of a swap, the header's end and the mark: cut at any rate
REPEATED_EVERY = 200  # operations: after such a cut the swap is done again
KINDS = 3  # contents that a cut may leave: see `_contents`
MODEL = "sine"

ERASE, PAYLOAD, HEADER, MARK = "page erase", "model and self-test", "header", "mark"
PHASES = (ERASE, PAYLOAD, HEADER, MARK)


@dataclass
class PowerCutRow:
    """A phase of a kind of swap on a board, and what the cuts within it left.

    Attributes:
        operations: page erases or word writes.
        old, new: cuts after which the old or the new model ran.
        repeated: pushes done again after a cut, all of which came to the new model.
        resumed: those of them that found pages they could keep.
        cut_again: cuts at a seeded place of those, which are among `cuts`.
        lost: cuts after which neither ran, or it answered wrongly, or the push done again failed.
    """

    board: str
    swap: str
    phase: str
    operations: int = 0
    cuts: int = 0
    old: int = 0
    new: int = 0
    repeated: int = 0
    resumed: int = 0
    cut_again: int = 0
    lost: list[str] = field(default_factory=list)


def measure(board_ids: Sequence[str], toolchain: str, every: int, ui: Ui) -> list[PowerCutRow]:
    """Build the firmware for each board and cut the power in all swaps on it."""
    rows = []
    source = sources.resolve(MODEL, None, False, None, ui)
    for board in map(boards.load, board_ids):
        elf = targets.image(board, MODEL, toolchain, ui).elf
        with ui.stage("cut") as stage, ui.progress(f"power cuts, {board.id}") as progress:
            found = run(board, elf, source.data, every=every, progress=progress)
            stage.detail = f"{board.id}: {sum(row.cuts for row in found):,} cuts"
        rows += found
    return rows


def run(
    board: Board, elf: Path, built_in: bytes, *, every: int = 1, progress: Progress | None = None
) -> list[PowerCutRow]:
    """Cut every swap after every `every`th of its flash operations, and after the last ones.

    The swaps follow one another on one device, so that each meets what the ones before left.
    """
    bench = SwapBench(board, elf, built_in)
    return [row for swap in swaps(bench) for row in _Cutter(bench, swap, every).run(progress)]


def swaps(bench: SwapBench) -> tuple[Swap, ...]:
    """Every kind of swap, each in the state that the one before leaves."""
    first, second = bench.first, bench.second
    return (
        Swap("push into empty slots", first),
        Swap("roll back to the image's own model"),
        Swap("push while a slot is retired", second),
        Swap("push over the retired slot", first),
        Swap("roll back to the other slot"),
        Swap("push over the slot rolled back from", first),
        Swap("push over the older slot", second),
        Swap("deploy: run the image's own model", to_built_in=True),
        Swap("roll back the deployment"),
        Swap("push of a long model", bench.long),
    )


class _Cutter:
    """Cuts one swap."""

    def __init__(self, bench: SwapBench, swap: Swap, every: int) -> None:
        self._bench, self._swap, self._every = bench, swap, every
        self._rows = {phase: PowerCutRow(bench.board.id, swap.name, phase) for phase in PHASES}
        self._old = bench.check()
        self._operations = bench.record(lambda: bench.carry_out(swap))
        self._new = bench.check()

    def run(self, progress: Progress | None) -> list[PowerCutRow]:
        """All cuts; afterwards the swap is done. Rows of phases that the swap has."""
        operations, bench = self._operations, self._bench
        bench.undo(operations)
        for index, operation in enumerate(operations):
            row = self._rows[phase_of(operation, bench)]
            row.operations += 1
            if index % self._every == 0 or index >= len(operations) - DECISIVE:
                self._cut(row, index, operation)
            bench.put(operation.address, operation.after)
            if progress is not None:
                progress(index + 1, len(operations))
        return [row for row in self._rows.values() if row.operations]

    def _cut(self, row: PowerCutRow, index: int, operation: FlashOperation) -> None:
        repetition, rest = divmod(index, REPEATED_EVERY)
        for number, (kind, left) in enumerate(_contents(operation, index)):
            self._bench.put(operation.address, left)
            where = f"{row.board}, {row.swap}, {kind} operation {index}"
            self._judge(row, where)
            if rest == 0 and number == repetition % KINDS and self._swap.model is not None:
                self._repeat(row, where, operation, random.Random(index))

    def _judge(self, row: PowerCutRow, where: str) -> None:
        row.cuts += 1
        try:
            found = self._bench.check()
        except TinyDeployError as error:
            row.lost.append(f"{where}: {error.message}")
            return
        row.old += found == self._old
        row.new += found == self._new
        if found not in (self._old, self._new):
            row.lost.append(f"{where}: runs neither the old nor the new model")

    def _repeat(
        self,
        row: PowerCutRow,
        where: str,
        cut: FlashOperation,
        chance: random.Random,
        last: bool = False,
    ) -> None:
        """Push again from where the cut left off; cut that, too, and push a last time.

        The page of a cut must be erased again, however it reads: its cells may not last. Afterwards
        the flash is as it was.
        """
        bench = self._bench
        operations = bench.record(lambda: bench.carry_out(self._swap))
        row.repeated += 1
        row.resumed += _erases(operations) < _erases(self._operations)
        if bench.check() != self._new:
            row.lost.append(f"{where}: did not come to the new model when done again")
        if phase_of(cut, bench) != MARK and not _erased(operations, cut.address):
            row.lost.append(f"{where}: the page that was cut is not erased when done again")
        at = len(operations) if last else chance.randrange(len(operations))
        bench.undo(operations[at:])
        if not last:
            self._cut_again(row, f"{where}, and in operation {at} when done again", operations[at])
        bench.undo(operations[:at])

    def _cut_again(self, row: PowerCutRow, where: str, cut: FlashOperation) -> None:
        seed = cut.address
        self._bench.put(cut.address, cut.garbage(seed))
        row.cut_again += 1
        self._judge(row, where)
        self._repeat(row, where, cut, random.Random(seed), last=True)
        self._bench.put(cut.address, cut.before)


def phase_of(operation: FlashOperation, bench: SwapBench) -> str:
    """What part of a slot the operation changes."""
    if operation.is_erase:
        return ERASE
    offset = (operation.address - bench.board.slots_origin) % bench.board.slot_bytes
    if offset < slot_protocol.SLOT_MARKS_OFFSET:
        return HEADER
    return MARK if offset < bench.page_bytes else PAYLOAD


def _erases(operations: Sequence[FlashOperation]) -> int:
    return sum(operation.is_erase for operation in operations)


def _erased(operations: Sequence[FlashOperation], address: int) -> bool:
    """Whether the page of `address` was erased."""
    erases = (operation for operation in operations if operation.is_erase)
    return any(0 <= address - page.address < len(page.after) for page in erases)


def _contents(operation: FlashOperation, seed: int) -> Iterator[tuple[str, bytes]]:
    yield "halfway through", operation.partial(seed)
    yield "garbage from", operation.garbage(seed)
    yield "after", operation.after
