"""Words spoken by espeak-ng in many voices, accents, speeds, pitches and sizes of the throat."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from tinydeploy.models import Progress

from .espeak import ACCENTS, Espeak
from .speech import CLIP_SAMPLES, OTHER, SPLITS, Clip, Request, Waveform

# Accents, like families of voices, are heard in one split only; training has all the others.
ACCENTS_OF = {
    "validation": frozenset({"en-gb-x-gbclan"}),
    "test": frozenset({"en-gb-x-gbcwmd", "en-us-nyc"}),
}
FAMILIES_OF = {
    "validation": frozenset(
        {"andy", "benjamin", "diogo", "grandpa", "john", "marco", "mr serious", "reed", "steph"}
    ),
    "test": frozenset(
        {"andrea", "anika", "belinda", "denis", "grandma", "jacky", "marcelo", "mike", "quincy"}
        | {"shelby", "zac"}
    ),
}

# The breath noise of these comes out of memory that espeak-ng never sets: no two are the same.
_BREATHY = frozenset({"Alicia", "Demonic", "f2", "f3", "f5", "sandro", "victor"})
_WHISPERS = frozenset({"whisper", "whisperf"})  # no vowels to hear in any noise
_ALIKE = {"anikarobot": "anika", "anxiousandy": "andy"}
_TRIM = 0.02  # of the loudest sample: what is quieter at both ends is no speech


@dataclass(frozen=True)
class Speaker:
    """A voice in an accent; the resampling makes the same voice larger or smaller."""

    accent: str
    variant: str

    @property
    def name(self) -> str:
        """As in espeak-ng: "en-us+female2"."""
        return f"{self.accent}+{self.variant}"


class SyntheticSpeech:
    """Speaks any words.

    Args:
        options: `unknown_words`, what to say for OTHER, and `held_out_words`, which of them
            are heard in validation and test only.
    """

    is_clean = True

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._other_words = tuple(options["unknown_words"])
        self._held_out = frozenset(options["held_out_words"])

    @property
    def description(self) -> str:
        """One line for reports."""
        counts = {split: len(speakers(split)) for split in SPLITS}
        return (
            f"synthetic speech (espeak-ng): {counts['train']} voices and accents in training, "
            f"{counts['validation']} others in validation, {counts['test']} others in the test"
        )

    def offers(self, request: Request) -> dict[str, set[str]]:
        """Any word can be spoken."""
        return {split: {*request.keywords, OTHER} for split in SPLITS}

    def noises(self) -> list[Waveform]:
        """None: nothing is recorded."""
        return []

    def clips(self, request: Request, progress: Progress) -> Iterator[Clip]:
        """As many clips as are wanted of each word but SILENCE, splits one after another."""
        for split in SPLITS:
            engine, voices = Espeak(), speakers(split)
            words = [*self._words(request, split)]
            for number, word in enumerate(words):
                progress(f"speaking, {split}", number, len(words))
                generator = np.random.default_rng((request.seed, SPLITS.index(split), number))
                speaker = voices[int(generator.integers(len(voices)))]
                yield Clip(speak(engine, word, speaker, generator), word, speaker.name, split)
            progress(f"speaking, {split}", len(words), len(words))

    def _words(self, request: Request, split: str) -> Iterator[str]:
        """What to say for a split, in order."""
        others = request.other_words or self._other_words
        others = [word for word in others if word not in request.keywords]
        heard = [word for word in others if split != "train" or word not in self._held_out]
        for key in (*request.keywords, OTHER):
            for index in range(request.counts[split].get(key, 0)):
                yield heard[index % len(heard)] if key == OTHER else key


def speakers(split: str) -> list[Speaker]:
    """The voices of a split; no voice, no family of voices and no accent is in two of them."""
    variants = [v for v in _variants() if v not in _BREATHY | _WHISPERS]
    return [
        Speaker(accent, variant)
        for variant in variants
        for accent in ACCENTS
        if _split_of(accent, ACCENTS_OF) == split
        if _split_of(family(variant), FAMILIES_OF) == split
    ]


def _split_of(name: str, named: Mapping[str, Collection[str]]) -> str:
    return next((split for split, names in named.items() if name in names), "train")


@cache
def _variants() -> list[str]:
    return Espeak().variants()


def family(variant: str) -> str:
    """Voices that differ by a number, such as m1 to m8, are alike; so are some others."""
    name = variant.rstrip("0123456789").lower()
    return _ALIKE.get(name, name)


def speak(engine: Espeak, word: str, speaker: Speaker, generator: np.random.Generator) -> Waveform:
    """A clean second, int16 [16000], with `word` somewhere in it."""
    said = engine.say(
        word,
        accent=speaker.accent,
        variant=speaker.variant,
        rate_wpm=int(generator.integers(110, 240)),
        pitch=int(generator.integers(20, 80)),
        intonation=int(generator.integers(10, 95)),
    )
    size = generator.uniform(0.87, 1.15)  # of the throat: shifts all formants, and the pitch
    samples = _trimmed(_resampled(said, engine.sample_rate_hz * size))
    return _placed(samples, generator)


def _resampled(samples: Waveform, rate_hz: float) -> npt.NDArray[np.float64]:
    from scipy.signal import resample_poly

    down = round(rate_hz / 50)  # to 16 kHz in steps of 50 Hz: 0.3 % is not heard
    result: npt.NDArray[np.float64] = resample_poly(samples.astype(np.float64), 320, down)
    return result


def _trimmed(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    loud = np.flatnonzero(np.abs(samples) > _TRIM * np.max(np.abs(samples), initial=1))
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]


def _placed(samples: npt.NDArray[np.float64], generator: np.random.Generator) -> Waveform:
    """Within the second, nearer to its middle than to its ends; too long words lose their ends."""
    room = CLIP_SAMPLES - len(samples)
    clip = np.zeros(CLIP_SAMPLES)
    if room >= 0:
        start = int(room * generator.beta(2, 2))
        clip[start : start + len(samples)] = samples
    else:
        clip[:] = samples[-room // 2 : -room // 2 + CLIP_SAMPLES]
    return np.clip(np.round(clip), -32768, 32767).astype(np.int16)
