"""Rotten model slots: the device is switched on with any flash, and runs what it must.

Flash as swaps leave it, in which bits have turned, pages are half written, or a stranger has
written headers and marks with sums that are right. What runs must be what docs/hot_swap.md says,
and answer as TFLM does; then come requests about the slots, a check-up, a restart, a check-up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tinydeploy.fuzz import device, rot
from tinydeploy.fuzz.device import Counted, Device, Finding
from tinydeploy.fuzz.runner import RunnerCrashError, RunnerTimeoutError

FORGED = 0.1  # of them hold a damaged model with all its hashes


@dataclass
class Slots(Counted):
    """What became of the slots.

    Attributes:
        cases: contents of the flash that were tried.
        from_slot: that made a slot's model run, not the image's own.
        forged: with a model that had all its hashes though it never passed; of them `endless`
            had loops without end.
    """

    cases: int = 0
    from_slot: int = 0
    forged: int = 0
    endless: int = 0


def run(
    cases: int,
    seed: int,
    folder: Path,
    *,
    first: int = 0,
    program: Path | None = None,
    progress: Callable[[Slots], None] = lambda found: None,
) -> Slots:
    """Try `cases` contents of the flash, each made from seed and number.

    Args:
        folder: of findings: the flash as it was.
        first: number of the first one.
        program: another build of the device.

    Raises:
        SetupError: there is no g++ for the sanitizers.
    """
    own = device.built_in()
    known, images = device.pushed(seed)
    powered, found = Device([own, *known], program), Slots()

    def attempt(number: int) -> Finding | None:
        rng = rot.generator(seed, number)
        flash = rot.sound(rng, images)
        rot.rotten(rng, flash)
        forged = rng.random() < FORGED and rot.forge(rng, flash)
        found.cases += 1
        found.forged += forged
        expected = None if forged else rot.runs(bytes(flash)) or own.hash
        found.from_slot += expected not in (None, own.hash)
        problem = _try(powered, int(rng.integers(1 << 63)), bytes(flash), expected, found)
        file = folder / f"slots_seed{seed}_case{number}.bin"
        return Finding(file, bytes(flash), problem) if problem else None

    device.campaign(range(first, first + cases), attempt, found, lambda: progress(found))
    powered.close()
    return found


def _try(powered: Device, draws: int, flash: bytes, expected: bytes | None, found: Slots) -> str:
    """What goes wrong, "" if nothing does."""
    try:
        result = powered.run(draws, 0, flash, forged=expected is None)
    except RunnerTimeoutError as error:
        found.endless += expected is None
        return "" if expected is None else error.message
    except RunnerCrashError as error:
        return error.message
    found.add(result)
    if expected is None or result.hash == expected:
        return ""
    return f"model {result.hash.hex()[:12]} runs instead of {expected.hex()[:12]}"
