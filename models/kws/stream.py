"""Seconds one after another, as a device that never stops hears them.

The front end's estimate of the noise goes on from one second to the next. A net that is trained on
seconds alone, each from a fresh front end, hears a sixth less of what follows speech on a device.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from tinydeploy import interrupts

from .augment import Augmentation, level_of_noise, unclipped
from .features import Features, front_end_of_tensorflow, seconds
from .noise import Floats, Generator, Noises
from .speech import Waveform


@dataclass(frozen=True)
class Sound:
    """A second that is to be heard.

    Attributes:
        word: what is said, SILENCE if nothing.
        source: the number of its source.
        make: the second, int16 [16000].
        is_ready: it is heard as it is; else in a room and in noise.
    """

    word: str
    source: int
    make: Callable[[Generator], Waveform]
    is_ready: bool = False


@dataclass(frozen=True)
class Hearing:
    """How sounds are heard.

    Attributes:
        steady_share: of the streams that have one noise through all of them; in the others each
            second has its own.
        length: seconds in a stream, of which the first meets a front end that just began.
    """

    augmentation: Augmentation
    noises: Noises
    steady_share: float
    length: int

    def features(
        self, sounds: Sequence[Sound], seed: tuple[int, ...], tell: Callable[[int], None]
    ) -> list[Features]:
        """int8 [49, 40] of each sound, heard after those before it.

        Args:
            seed: of all that is random; each stream has numbers of its own.
            tell: is told how many are done.
        """
        front_end_of_tensorflow()
        streams = [sounds[at : at + self.length] for at in range(0, len(sounds), self.length)]
        found: list[Features] = []
        for heard in _in_threads(lambda at: self._features(streams[at], (*seed, at)), len(streams)):
            found += heard
            tell(len(found))
        return found

    def _features(self, sounds: Sequence[Sound], seed: tuple[int, ...]) -> list[Features]:
        return [*seconds(self.stream(sounds, np.random.default_rng(seed)))]

    def stream(self, sounds: Sequence[Sound], generator: Generator) -> Waveform:
        """The sounds one after another, int16 [16000 * n]."""
        room_dbfs = self.augmentation.room_dbfs(generator)
        if generator.random() < self.steady_share and not all(each.is_ready for each in sounds):
            return self._in_one_noise(sounds, generator, room_dbfs)
        heard = [
            each.make(generator)
            if each.is_ready
            else self.augmentation.apply(each.make(generator), generator, self.noises, room_dbfs)
            for each in sounds
        ]
        return np.concatenate(heard)

    def _in_one_noise(
        self, sounds: Sequence[Sound], generator: Generator, room_dbfs: float
    ) -> Waveform:
        said = [self._in_room(each, generator, room_dbfs) for each in sounds]
        speech = np.concatenate(
            [s for s, each in zip(said, sounds, strict=True) if not each.is_ready]
        )
        level = level_of_noise(speech, generator.uniform(*self.augmentation.snr_db))
        together = np.concatenate(said)
        together += self.noises.background(generator, len(together)) * np.float32(level)
        return unclipped(together)

    def _in_room(self, sound: Sound, generator: Generator, room_dbfs: float) -> Floats:
        made = sound.make(generator)
        if not sound.is_ready:
            said = self.augmentation.said_elsewhere(made, generator)
            made = self.augmentation.in_room(said, generator, room_dbfs)
        return made.astype(np.float32)


def _in_threads(work: Callable[[int], list[Features]], count: int) -> Iterator[list[Features]]:
    """The results in order; what fills the time lets other threads run."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for done in pool.map(work, range(count)):
                interrupts.check()
                yield done
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
