"""What a chip's flash controller does, one operation after the other, and power cuts between them.

An operation is a page erase or a word write. The log of a run tells the content of the flash after
each operation; `cut_at` makes the power fail within one.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from tinydeploy.errors import DeviceError

WORD_BYTES = 4
ERASED_WORD = b"\xff" * WORD_BYTES


class PowerCutError(DeviceError):
    """The power failed within a flash operation, as asked for; reset the device to go on."""


@dataclass(frozen=True)
class FlashOperation:
    """A page erase or a word write: bytes before and after."""

    address: int
    before: bytes
    after: bytes

    @property
    def is_erase(self) -> bool:
        """Whether it erased a page."""
        return len(self.after) > WORD_BYTES

    def partial(self, seed: int) -> bytes:
        """What is left if only some of the bits got to their new value."""
        moved = random.Random(seed).randbytes(len(self.after))
        return bytes(
            old & ~mask | new & mask
            for old, new, mask in zip(self.before, self.after, moved, strict=True)
        )

    def garbage(self, seed: int) -> bytes:
        """What is left at worst: anything."""
        return random.Random(seed).randbytes(len(self.after))


class FlashMachine(Protocol):
    """What carries an operation out: the machine."""

    def violate(self, where: str, rule: str) -> None:
        """Note a broken rule of the chip."""

    def read(self, address: int, size: int) -> bytes:
        """Bytes of flash."""

    def write(self, address: int, data: bytes) -> None:
        """Change flash."""

    def fail(self, error: DeviceError) -> None:
        """End the simulation."""


class FlashOperations:
    """Carries out, logs and counts flash operations.

    Attributes:
        log: what was done since power-on or since it was emptied.
        cut_at: index in the log of the operation within which the power fails, or None.
        seed: of the damage that this leaves.
        writes_per_word: how often the chip lets a word be written between erases, or None.
    """

    def __init__(self, target: FlashMachine) -> None:
        self.log: list[FlashOperation] = []
        self.writes_per_word: int | None = None
        self._written: Counter[int] = Counter()  # words, since the erase of their page
        self.cut_at: int | None = None
        self.seed = 0
        self._target = target

    def erase(self, address: int, page_bytes: int) -> None:
        """Set all bits of a page."""
        for word in range(address, address + page_bytes, WORD_BYTES):
            self._written.pop(word, None)
        self._carry_out(address, b"\xff" * page_bytes)

    def write_word(self, address: int, word: bytes) -> None:
        """Clear the bits of a word that are 0 in `word`."""
        self._written[address] += 1
        if self.writes_per_word is not None and self._written[address] > self.writes_per_word:
            self._target.violate(
                "flash",
                f"{address:#x} is written {self._written[address]} times without an erase, the "
                f"chip allows {self.writes_per_word}",
            )
        old = self._target.read(address, WORD_BYTES)
        self._carry_out(address, bytes(a & b for a, b in zip(old, word, strict=True)))

    def undo(self, operation: FlashOperation) -> None:
        """Set the flash back to what it was before the operation, the last one not yet undone.

        What a page that was erased had in it counts as written once.
        """
        address, before = operation.address, operation.before
        if operation.is_erase:
            words = range(0, len(before), WORD_BYTES)
            held = (word for word in words if before[word : word + WORD_BYTES] != ERASED_WORD)
            self._written.update({address + word: 1 for word in held})
        else:
            self._written[address] -= 1
        self._target.write(address, before)

    def _carry_out(self, address: int, after: bytes) -> None:
        operation = FlashOperation(address, self._target.read(address, len(after)), after)
        is_cut = self.cut_at == len(self.log)
        self._target.write(address, operation.partial(self.seed) if is_cut else after)
        self.log.append(operation)
        if is_cut:
            self.cut_at = None
            self._target.fail(PowerCutError(f"power cut while flash {address:#x} was changed"))
