"""Faults on the link during a parity run: every inference right, or a clear stop; none wrong.

    tinydeploy bench link-faults 1000
    tinydeploy bench link-faults 1000 --usb

One fault for each inference, at a seeded place in either direction. The device is the simulated
board with the firmware that is flashed; what it must answer comes from TFLM.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tinydeploy import boards, images, pipeline, programs, simulate, sources
from tinydeploy.abi import protocol
from tinydeploy.errors import DeviceError, PortError
from tinydeploy.judge import Judge
from tinydeploy.link.client import Device
from tinydeploy.link.patience import Patience
from tinydeploy.pipeline import Job
from tinydeploy.simulate.device import SimulatedDevice
from tinydeploy.sources import Source
from tinydeploy.stages.build_options import DEFAULT
from tinydeploy.ui import Ui

KINDS = ("drop", "flip", "duplicate", "delay", "reset", "unplug")
PATIENCE = Patience(reply_s=0.1, invoke_s=1.0, wedged_s=2.0, tries=6)
LONGEST_DELAY_S = 0.25  # beyond the patience for an answer
RIGHT, REPEATED, STOPPED, WRONG = "right", "right after repetition", "clear stop", "wrong"
SEED = 1
OUTCOMES = (RIGHT, REPEATED, STOPPED, WRONG)

Progress = Callable[[int, int], None]


class FaultyWire:
    """A simulated board on a cable on which one thing goes wrong whenever `arm` says so."""

    kinds: Sequence[str] = KINDS
    interruptions: Sequence[str] = ("reset", "unplug")  # something happens to board or cable
    lossless: Sequence[str] = ()  # those of them that no byte is lost in

    def __init__(self, board: SimulatedDevice, chance: random.Random) -> None:
        self.description = board.description
        self.transfers = 0  # writes, and reads that brought something
        self.struck = False
        self._board = board
        self._chance = chance
        self._kind = ""
        self._at = 0
        self._late = b""
        self._unplugged = False

    def arm(self, kind: str, after: int) -> None:
        """Let `kind` happen to the transfer that comes after `after` others."""
        self._kind, self._at = kind, self.transfers + after
        self.struck = False

    def replug(self) -> None:
        """Put the cable back: the board, powered by it, restarts."""
        self._unplugged, self._kind, self._late = False, "", b""
        self._board.reset("power-on")

    def write(self, data: bytes) -> None:
        """Send `data`, or what the fault leaves of it."""
        self._require_cable()
        if not self._strikes():
            return self._board.write(data)
        at = self._chance.randrange(1, len(data))
        if self._kind in self.interruptions:
            self._board.write(data[:at])
            self._board.run(self._moment_s())
            self._interrupt()
            return self._board.write(data[at:]) if self._kind in self.lossless else None
        if self._kind == "delay":
            self._board.write(data[:at])
            self._board.run(self._chance.uniform(0, LONGEST_DELAY_S))
            return self._board.write(data[at:])
        return self._board.write(self._spoiled(data))

    def read(self, timeout_s: float) -> bytes:
        """What the board sends, or what the fault leaves of it."""
        self._require_cable()
        data, self._late = self._late, b""
        data = data or self._board.read(timeout_s)
        if not data or not self._strikes():
            return data
        if self._kind in self.interruptions:
            self._interrupt()
            if self._kind in self.lossless:
                return data
            return data[: self._chance.randrange(len(data))]
        if self._kind == "delay":
            at = self._chance.randrange(len(data))
            self._late = data[at:]
            return data[:at]
        return self._spoiled(data)

    def close(self) -> None:
        """End the simulation."""
        self._board.close()

    def _strikes(self) -> bool:
        self.transfers += 1
        if not self._kind or self.struck or self.transfers <= self._at:
            return False
        self.struck = True
        return True

    def _moment_s(self) -> float:
        """How much later than a part of what is sent it happens."""
        return 1e-3

    def _interrupt(self) -> None:
        if self._kind == "reset":
            self._board.reset("pin")
        else:
            self._unplugged = True

    def _require_cable(self) -> None:
        if self._unplugged:
            raise PortError(f"{self.description} is gone", "plug the board in again")

    def _spoiled(self, data: bytes) -> bytes:
        at = self._chance.randrange(len(data))
        end = at + self._chance.choice((1, 1, 2, 5))
        if self._kind == "drop":
            return data[:at] + data[end:]
        if self._kind == "duplicate":
            return data[:end] + data[at:]
        flipped = data[at] ^ 1 << self._chance.randrange(8)
        return data[:at] + bytes([flipped]) + data[at + 1 :]


@dataclass
class Tally:
    """How many inferences ended how, for each kind of fault."""

    counts: dict[str, dict[str, int]]
    stops: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, kinds: Sequence[str]) -> Tally:
        """An empty one."""
        return cls({kind: dict.fromkeys(OUTCOMES, 0) for kind in kinds})

    @property
    def faults(self) -> int:
        """Faults tried."""
        return sum(sum(row.values()) for row in self.counts.values())

    def total(self, outcome: str) -> int:
        """Inferences that ended so."""
        return sum(row[outcome] for row in self.counts.values())

    def table(self) -> str:
        """For people."""
        lines = [f"{'fault':<16}{'tried':>7}" + "".join(f"{name:>24}" for name in OUTCOMES)]
        rows = [*self.counts.items(), ("all", {name: self.total(name) for name in OUTCOMES})]
        for kind, row in rows:
            cells = "".join(f"{row[name]:>24}" for name in OUTCOMES)
            lines.append(f"{kind:<16}{sum(row.values()):>7}{cells}")
        lines += [f"stopped with {name}: {count}" for name, count in sorted(self.stops.items())]
        return "\n".join(lines)


@dataclass(frozen=True)
class Case:
    """An input of the model and the output that TFLM gives, bytes."""

    input: bytes
    output: bytes


def try_faults(
    board: SimulatedDevice,
    cases: Sequence[Case],
    count: int,
    seed: int,
    progress: Progress = lambda done, total: None,
    wire_type: type[FaultyWire] = FaultyWire,
) -> Tally:
    """Run `count` inferences, each with a fault.

    Raises:
        DeviceError: the board cannot be used after a fault, even when plugged in again.
    """
    chance = random.Random(seed)
    wire, tally = wire_type(board, chance), Tally.of(wire_type.kinds)
    kinds = wire.kinds
    device = _greeted(wire)
    before = wire.transfers
    _infer(device, cases[0])
    longest = wire.transfers - before
    for number in range(count):
        kind, case = kinds[number % len(kinds)], chance.choice(cases)
        wire.arm(kind, chance.randrange(longest))
        retries = device.stats.retries
        try:
            right = _infer(device, case)
            while not wire.struck:  # this inference needed fewer transfers than the longest
                right = _infer(device, case) and right
        except DeviceError as error:
            outcome, name = STOPPED, type(error).__name__
            tally.stops[name] = tally.stops.get(name, 0) + 1
            wire.replug()
            device = _greeted(wire)
        else:
            repeated = REPEATED if device.stats.retries > retries else RIGHT
            outcome = repeated if right else WRONG
        tally.counts[kind][outcome] += 1
        if number % len(kinds) == len(kinds) - 1:
            device.hello()
        progress(number + 1, count)
    return tally


@dataclass(frozen=True)
class Run:
    """The faults of one model on one simulated board."""

    model: str
    board: str
    link: str
    tally: Tally

    @property
    def wrong(self) -> int:
        """Inferences that were."""
        return self.tally.total(WRONG)

    def figures(self) -> dict[str, object]:
        """For machines."""
        named = {"model": self.model, "board": self.board, "link": self.link, "seed": SEED}
        return {**named, "faults": self.tally.counts, "stops": self.tally.stops}

    def __str__(self) -> str:
        """For people."""
        where = f"{self.model} on {self.board} over {self.link}, seed {SEED}"
        return f"{where}:\n{self.tally.table()}"


def run(
    model_names: Sequence[str] | None,
    board_ids: Sequence[str] | None,
    count: int,
    ui: Ui,
    *,
    wire_type: type[FaultyWire] = FaultyWire,
    usb: bool = False,
) -> list[Run]:
    """Try the faults on each model on each simulated board."""
    found = []
    for name in model_names or ("sine",):
        source = sources.resolve(name, None, False, None, ui)
        for board in map(boards.load, board_ids or boards.of_each_chip(with_usb=True)):
            with programs.held(source, board, ui):
                _, image = images.make_image(source, board, DEFAULT, ui)
                device = simulate.open(board, image.elf, simulate.Options(usb=usb))
            cases = cases_of(source, 8, SEED)
            with ui.progress("link faults") as progress:
                tally = try_faults(device, cases, count, SEED, progress, wire_type)
            found.append(Run(name, device.description, "USB" if usb else "UART", tally))
    return found


def cases_of(source: Source, count: int, seed: int) -> list[Case]:
    """Inputs of a model's test set, or noise, with what TFLM makes of them."""
    vectors = pipeline.choose_vectors(source, Job("", source.name, vectors=count, seed=seed))
    tflm = Judge(source.data)
    chosen = [vectors.at(index) for index in range(vectors.count)]
    return [Case(one[0].tobytes(), tflm.run(one)[0].tobytes()) for one in chosen]


def _greeted(wire: FaultyWire) -> Device:
    device = Device(wire, patience=PATIENCE)
    device.hello()
    return device


def _infer(device: Device, case: Case) -> bool:
    device.load_input(0, case.input)
    device.invoke()
    return device.read(protocol.TensorKind.OUTPUT, 0, len(case.output)) == case.output
