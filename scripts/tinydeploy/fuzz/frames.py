"""Millions of frames at the door of a device: sound ones, damaged ones, odd ones, noise.

In rounds: each switches the device on, with models in its slots, and sends it ROUND frames in
bursts, so that some come while it is at work. After every batch of a few dozen the device must be
as it was at first, whatever has failed before.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tinydeploy.fuzz import device, rot
from tinydeploy.fuzz.device import Counted, Device, Finding
from tinydeploy.fuzz.runner import RunnerCrashError

ROUND = 1000


def run(
    frames: int,
    seed: int,
    folder: Path,
    *,
    first: int = 0,
    program: Path | None = None,
    progress: Callable[[Counted], None] = lambda found: None,
) -> Counted:
    """Send at least so many frames, in whole rounds, each made from seed and number.

    Args:
        folder: of findings.
        first: number of the first round.
        program: another build of the device.

    Raises:
        SetupError: there is no g++ for the sanitizers.
    """
    known, images = device.pushed(seed)
    powered, found = Device([device.built_in(), *known], program), Counted()

    def attempt(number: int) -> Finding | None:
        rng = rot.generator(seed, number)
        flash = rot.sound(rng, images)
        problem = _try(powered, int(rng.integers(1 << 63)), bytes(flash), found)
        if not problem:
            return None
        again = f"tinydeploy fuzz frames {ROUND} --seed {seed} --first {number}"
        file = folder / f"frames_seed{seed}_round{number}.txt"
        return Finding(file, f"{again}\n{problem}\n", problem)

    rounds = range(first, first - (-frames // ROUND))
    device.campaign(rounds, attempt, found, lambda: progress(found))
    powered.close()
    return found


def _try(powered: Device, draws: int, flash: bytes, found: Counted) -> str:
    """What goes wrong, "" if nothing does."""
    try:
        found.add(powered.run(draws, ROUND, flash))
    except RunnerCrashError as error:
        return error.message
    return ""
