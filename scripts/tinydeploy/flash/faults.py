"""The fault table: every step of every protocol, with every fault, and what came of it.

    python -m tinydeploy.flash.faults

For each packet of a flash run in either direction, and for each flash operation inside the board,
one fault is made to happen in a run of its own, on simulated boards and simulated time. A run
either completes, with the board running the new image, or stops with a statement about the board
that is then checked against the board. Afterwards the board is unplugged, plugged in and flashed
again, which has to work. Deterministic; no hardware was involved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from enum import Enum

from tinydeploy import flash
from tinydeploy.errors import PortError, TinyDeployError
from tinydeploy.flash.base import FlashResult, FlashStoppedError, State
from tinydeploy.flash.simulated.board import SimulatedBoard
from tinydeploy.flash.simulated.memory import GoodWire, MemoryPorts
from tinydeploy.flash.simulated.scenarios import Scenario, scenarios
from tinydeploy.flash.simulated.timeline import Timeline

START_S = 3.0
SETTLE_S = 3.0
PERSON_S = 1.0
LOADER_WAIT_S = 25.0


class Fault(Enum):
    """What goes wrong."""

    LOST = "packet lost"
    SHORT = "byte lost"
    FLIPPED = "bit flipped"
    ANSWER_LOST = "answer lost"
    ANSWER_SHORT = "answer byte lost"
    ANSWER_FLIPPED = "answer bit flipped"
    PULLED = "cable pulled before"
    PULLED_WITHIN = "cable pulled within"
    POWER = "power lost in flash operation"
    WORN = "flash operation without effect"
    REFUSED = "refused once"
    REFUSED_ON = "refused from here on"
    VERSION = "unknown version"


ON_PACKETS = (Fault.LOST, Fault.SHORT, Fault.FLIPPED, Fault.PULLED, Fault.PULLED_WITHIN)
ON_ANSWERS = (Fault.ANSWER_LOST, Fault.ANSWER_SHORT, Fault.ANSWER_FLIPPED)
ON_OPERATIONS = (Fault.POWER, Fault.WORN)
ON_MESSAGES = (Fault.REFUSED, Fault.REFUSED_ON)


@dataclass(frozen=True)
class FlashFaultRow:
    """Runs with one fault at one step.

    Attributes:
        completed: the board runs the new image.
        stopped: a clear stop whose statement about the board is true.
        unanswered: the tool took it for done, as loaders without read-back make it, but the
            firmware's answer to HELLO, which `deploy` asks for, would be missing or an old one.
        wrong: anything else; must be 0.
        bootloader_touched: runs in which the bootloader's flash was written; must be 0.
        flashed_again: runs after which the board could be flashed; must be all.
    """

    protocol: str
    step: str
    fault: str
    tried: int = 0
    completed: int = 0
    stopped: int = 0
    unanswered: int = 0
    wrong: int = 0
    bootloader_touched: int = 0
    flashed_again: int = 0

    def __add__(self, other: FlashFaultRow) -> FlashFaultRow:
        """Sum of the counts."""
        mine, others = astuple(self)[3:], astuple(other)[3:]
        sums = (a + b for a, b in zip(mine, others, strict=True))
        return FlashFaultRow(self.protocol, self.step, self.fault, *sums)


class FaultyWire(GoodWire):
    """A wire on which one fault happens to packet or answer number `at`, from 0."""

    def __init__(self, fault: Fault, at: int) -> None:
        super().__init__()
        self._fault = fault
        self._at = at
        self._answers = 0

    def to_board(self, board: SimulatedBoard, data: bytes) -> bytes:
        """What arrives of a packet from the host."""
        number = len(self.sent)
        super().to_board(board, data)
        if number != self._at or self._fault not in ON_PACKETS:
            return data
        if self._fault is Fault.PULLED_WITHIN:
            board.receive(data[: len(data) // 2])
        if self._fault in (Fault.PULLED, Fault.PULLED_WITHIN):
            board.power_off()
            return b""
        return _spoiled(data, self._fault.value, number)

    def to_host(self, board: SimulatedBoard, data: bytes) -> bytes:
        """What arrives of a packet from the board."""
        self._answers += 1
        if self._answers - 1 != self._at or self._fault not in ON_ANSWERS:
            return data
        return _spoiled(data, self._fault.value, self._at)


def _spoiled(data: bytes, how: str, number: int) -> bytes:
    """`data` with a fault at a place that varies from packet to packet."""
    place = (7 * number + 3) % len(data)
    if how.endswith("byte lost"):
        return data[:place] + data[place + 1 :]
    if how.endswith("bit flipped"):
        return data[:place] + bytes([data[place] ^ 1 << number % 8]) + data[place + 1 :]
    return b""


def fault_table(chosen: list[Scenario] | None = None) -> list[FlashFaultRow]:
    """Try every fault at every step; one row for each kind of step and fault."""
    rows: dict[tuple[str, str, str], FlashFaultRow] = {}
    for scenario in chosen if chosen is not None else scenarios():
        for fault, at, step in _cases(scenario):
            row = _try(scenario, fault, at, step)
            key = (row.protocol, row.step, row.fault)
            rows[key] = rows[key] + row if key in rows else row
    return list(rows.values())


def _cases(scenario: Scenario) -> Iterator[tuple[Fault, int, str]]:
    """Fault, number of the packet, answer, operation or message, and the name of the step."""
    wire = GoodWire()
    board, ports = _world(scenario, wire)
    answers = _CountedAnswers()
    ports.wire = answers
    _flash(scenario, board, ports)
    for fault in ON_PACKETS:
        for at, packet in enumerate(answers.sent):
            yield fault, at, scenario.name_packet(packet)
    for fault in ON_ANSWERS:
        for at, packet in enumerate(answers.after):
            yield fault, at, scenario.name_packet(packet)
    for fault in ON_OPERATIONS:
        for at in range(board.flash.operations):
            yield fault, at + 1, "in the board"
    for fault in ON_MESSAGES:
        for at in range(len(answers.sent)):
            yield fault, at + 1, "in the board"
    yield Fault.VERSION, 0, "in the board"


class _CountedAnswers(GoodWire):
    """Notes for each answer the packet that it follows."""

    def __init__(self) -> None:
        super().__init__()
        self.after: list[bytes] = []

    def to_host(self, board: SimulatedBoard, data: bytes) -> bytes:
        self.after.append(self.sent[-1])
        return data


def _try(scenario: Scenario, fault: Fault, at: int, step: str) -> FlashFaultRow:
    """One run with one fault, the check of what it said, and the run that repairs."""
    board, ports = _world(scenario, FaultyWire(fault, at))
    _arm(scenario, board, fault, at)
    outcome = _outcome(scenario, board, ports)
    again = _flash_again(scenario, board, ports)
    return FlashFaultRow(
        scenario.name,
        step,
        fault.value,
        tried=1,
        completed=int(outcome == "completed"),
        stopped=int(outcome == "stopped"),
        unanswered=int(outcome == "unanswered"),
        wrong=int(outcome == "wrong"),
        bootloader_touched=int(board.flash.guarded_touches > 0),
        flashed_again=int(again),
    )


def _outcome(scenario: Scenario, board: SimulatedBoard, ports: MemoryPorts) -> str:
    """Name of the column of `FlashFaultRow` that a run belongs to."""
    before = bytes(board.flash.content)
    try:
        result = _flash(scenario, board, ports)
    except FlashStoppedError as error:
        return "stopped" if _is_true(error.state, scenario, board, ports, before) else "wrong"
    except PortError:
        return "stopped" if bytes(board.flash.content) == before else "wrong"
    ports.sleep(SETTLE_S)
    if _runs_new(scenario, board, ports):
        return "completed"
    return "wrong" if "read back" in result.verified else "unanswered"


def _world(scenario: Scenario, wire: GoodWire) -> tuple[SimulatedBoard, MemoryPorts]:
    """A board that has been running its old firmware for a while."""
    time = Timeline()
    board = scenario.make(time, scenario.old)
    board.runs = [scenario.old, scenario.new]
    board.power_on()
    ports = MemoryPorts(time, [board], wire)
    ports.sleep(START_S)
    return board, ports


def _arm(scenario: Scenario, board: SimulatedBoard, fault: Fault, at: int) -> None:
    if fault is Fault.POWER:
        board.flash.fail_at = at
    elif fault is Fault.WORN:
        board.flash.weak_at = at
    elif fault in ON_MESSAGES:
        board.refuse_at = at
        board.refuse_on = fault is Fault.REFUSED_ON
    elif fault is Fault.VERSION:
        scenario.set_version(board)


def _flash(scenario: Scenario, board: SimulatedBoard, ports: MemoryPorts) -> FlashResult:
    """Flash, with a person at hand who presses buttons when asked to."""

    def person(_: str) -> None:
        ports.time.after(PERSON_S, board.press_for_bootloader)

    observer = flash.Observer(say=person)
    return flash.flash(
        scenario.new, scenario.board, tool=scenario.tool, observer=observer, ports=ports
    )


def _has_new(scenario: Scenario, board: SimulatedBoard) -> bool:
    return board.flash.content.startswith(scenario.new, scenario.origin)


def _runs_new(scenario: Scenario, board: SimulatedBoard, ports: MemoryPorts) -> bool:
    """Whether the board runs the new image, if need be after it was plugged in again."""
    if board.mode != "application":
        _plug_in_again(board, ports)
    return board.mode == "application" and _has_new(scenario, board)


def _plug_in_again(board: SimulatedBoard, ports: MemoryPorts) -> None:
    board.power_off()
    ports.sleep(SETTLE_S)
    board.power_on()
    ports.sleep(LOADER_WAIT_S)


def _is_true(
    state: State, scenario: Scenario, board: SimulatedBoard, ports: MemoryPorts, before: bytes
) -> bool:
    """Whether what the message says about the board is so."""
    now = bytes(board.flash.content)
    end = scenario.origin + len(scenario.old)
    if state in (State.UNTOUCHED, State.IN_BOOTLOADER):
        return now == before
    if state is State.STAGING:
        return now[:end] == before[:end]
    if state is State.NO_APPLICATION:
        _plug_in_again(board, ports)
        return board.mode == "bootloader"
    if state is State.WRITTEN:
        return _has_new(scenario, board)
    if state is State.INSTALLING:
        return _runs_new(scenario, board, ports)
    return True  # PARTLY_WRITTEN claims nothing but an intact bootloader, which has its own column


def _flash_again(scenario: Scenario, board: SimulatedBoard, ports: MemoryPorts) -> bool:
    """Plug in again, with everything in order, and flash."""
    board.flash.fail_at = board.flash.weak_at = board.refuse_at = None
    healthy = scenario.make(Timeline(), scenario.old)
    for name in ("bootloader_version", "svl_version"):
        if hasattr(board, name):
            setattr(board, name, getattr(healthy, name))
    ports.wire = GoodWire()
    _plug_in_again(board, ports)
    if not ports.list() or board.mode == "crashed":
        board.press_for_bootloader()  # as every message about an incomplete firmware advises
        ports.sleep(SETTLE_S)
    try:
        _flash(scenario, board, ports)
    except TinyDeployError:
        return False
    ports.sleep(SETTLE_S)
    return board.mode == "application" and _has_new(scenario, board)


def total(rows: list[FlashFaultRow]) -> FlashFaultRow:
    """The sum of all rows."""
    return sum(rows, FlashFaultRow("all", "", ""))


def render(rows: list[FlashFaultRow]) -> str:
    """The table as text."""
    heads = [field.name.replace("_", " ") for field in fields(FlashFaultRow)]
    lines = [heads, *([str(cell) for cell in astuple(row)] for row in [*rows, total(rows)])]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_aligned(line, widths) for line in lines)


def _aligned(cells: list[str], widths: list[int]) -> str:
    """Names to the left, counts to the right."""
    names = [cell.ljust(width) for cell, width in zip(cells[:3], widths[:3], strict=True)]
    counts = [cell.rjust(width) for cell, width in zip(cells[3:], widths[3:], strict=True)]
    return "  ".join(names + counts)


if __name__ == "__main__":
    print(render(fault_table()))
