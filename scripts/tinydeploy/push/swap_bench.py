"""A simulated board for swaps whose power can fail: its flash can be noted, set and put back."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydeploy import push, simulate
from tinydeploy.abi import protocol
from tinydeploy.boards import Board
from tinydeploy.errors import DeviceError
from tinydeploy.graph import read_tflite, write_tflite
from tinydeploy.graph.ir import Model
from tinydeploy.judge import Judge
from tinydeploy.link import slots
from tinydeploy.link.client import Device
from tinydeploy.simulate.flash_operations import FlashOperation
from tinydeploy.stages import input_spec
from tinydeploy.stages import vectors as vectors_stage
from tinydeploy.stages.vectors import Vectors

SELF_TEST_VECTORS = 2
SEED = 2  # vectors whose answers tell the models apart
LONG_PAGES = 2.8  # two of them are written again after a cut, so this is one to keep


@dataclass(frozen=True)
class Candidate:
    """A model that may run, with what TFLM makes of the self-test."""

    name: str
    tflite: bytes
    model: Model
    vectors: Vectors

    @property
    def sha256(self) -> str:
        """Hash of the .tflite."""
        return hashlib.sha256(self.tflite).hexdigest()

    def answers(self) -> list[list[bytes]]:
        """For each vector the bytes of each output."""
        judge = Judge(self.tflite)
        inputs = (self.vectors.at(index) for index in range(self.vectors.count))
        return [[output.tobytes() for output in judge.run(values)] for values in inputs]


@dataclass(frozen=True)
class Swap:
    """A kind of swap, and what carries it out."""

    name: str
    model: Candidate | None = None  # None: no push
    to_built_in: bool = False  # where there is no model; else a rollback


class SwapBench:
    """A simulated board with firmware for hot swap, switched on.

    Args:
        built_in: the model in the image `elf`.
    """

    def __init__(self, board: Board, elf: Path, built_in: bytes) -> None:
        self.board = board
        self.built_in = candidate("built-in", built_in)
        self.first = candidate("first", variant(built_in, -1.0))
        self.second = candidate("second", variant(built_in, 0.5))
        self.simulated: Any = simulate.open(board, elf)
        self.device = Device(self.simulated)
        self.device.hello()
        self.page_bytes = slots.read(self.device).page_bytes
        rest_bytes = int(LONG_PAGES * self.page_bytes) - len(built_in)
        self.long = candidate("long", lengthened(variant(built_in, 0.25), rest_bytes))
        candidates = (self.built_in, self.first, self.second, self.long)
        self._models = {c.sha256: c for c in candidates}
        self._answers = {key: c.answers()[0] for key, c in self._models.items()}
        assert len({b"".join(answer) for answer in self._answers.values()}) == len(self._models)

    def boot(self) -> str:
        """Switch off and on; the hash of the model that runs then."""
        self.simulated.reset("power-on")
        return self.device.hello().model_hash

    def check(self) -> str:
        """Switch off and on and let the model answer a vector that tells it apart; its hash.

        Raises:
            TinyDeployError: it answers something else, or not at all.
        """
        found = self.boot()
        if found not in self._models:
            raise DeviceError(f"runs a model nobody gave it: {found[:12]}")
        if self._answer(self._models[found]) != self._answers[found]:
            raise DeviceError(f"the {self._models[found].name} model answers wrongly")
        return found

    def _answer(self, model: Candidate) -> list[bytes]:
        for position, value in enumerate(model.vectors.at(0)):
            self.device.load_input(position, value.tobytes())
        self.device.invoke()
        outputs = enumerate(model.model.main.outputs)
        kind = protocol.TensorKind.OUTPUT
        return [self.device.read(kind, i, output.nbytes) for i, output in outputs]

    def record(self, act: Callable[[], object]) -> list[FlashOperation]:
        """What `act` does to the flash."""
        log: list[FlashOperation] = self.simulated.machine.flash.log
        log.clear()
        act()
        done = list(log)
        log.clear()
        return done

    def put(self, address: int, data: bytes) -> None:
        """Set flash as it is after a cut."""
        self.simulated.machine.write(address, data)

    def carry_out(self, swap: Swap) -> None:
        """Push or go back, starting with a greeting."""
        push.connect(self.device)
        if swap.model is not None:
            push.push(self.device, swap.model.tflite, swap.model.model, swap.model.vectors)
        elif swap.to_built_in:
            slots.activate(self.device, slots.BUILT_IN)
        else:
            push.rollback(self.device)

    def undo(self, operations: Sequence[FlashOperation]) -> None:
        """Set the flash back to what it was before."""
        for operation in reversed(operations):
            self.simulated.machine.flash.undo(operation)


def variant(tflite: bytes, factor: float) -> bytes:
    """The model with the weights of its last operator multiplied: as large, other answers."""
    model = read_tflite.load(tflite)
    weights = model.main.ops[-1].operands[1]
    assert weights.data is not None
    weights.data = (weights.data * factor).astype(weights.data.dtype)
    return write_tflite.dump(model)


def lengthened(tflite: bytes, size_bytes: int) -> bytes:
    """The model with so many trailing bytes that mean nothing: answers as before, and as soon."""
    return tflite + random.Random(size_bytes).randbytes(size_bytes)


def candidate(name: str, tflite: bytes) -> Candidate:
    """A model with seeded vectors."""
    model = read_tflite.load(tflite)
    specs = input_spec.input_specs(model)
    vectors = vectors_stage.random(specs, SELF_TEST_VECTORS, SEED)
    return Candidate(name, tflite, model, vectors)
