"""What a source of speech gives, and the ways to name one.

A source is written "synthetic", "speech_commands", or as the path of a folder `word/*.wav|flac`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from tinydeploy.models import Progress

Waveform = npt.NDArray[np.int16]

SAMPLE_RATE_HZ = 16_000
CLIP_SAMPLES = SAMPLE_RATE_HZ  # 1 s
SPLITS = ("train", "validation", "test")
OTHER, SILENCE = "_unknown_", "_silence_"  # any other word; none at all


@dataclass(frozen=True)
class Clip:
    """One second of sound.

    Attributes:
        waveform: int16 [16000] at 16 kHz.
        word: what is said, SILENCE if nothing.
        speaker: who says it; unless there are few, no speaker is in more than one split.
    """

    waveform: Waveform
    word: str
    speaker: str
    split: str


@dataclass(frozen=True)
class Request:
    """What training wants of a source.

    Attributes:
        keywords: words to tell apart.
        counts: for each split, how many clips of each keyword, of OTHER words and of SILENCE.
            A source gives at most as many.
        other_words: what may stand for OTHER; () for all that the source has.
        seed: of every random choice.
    """

    keywords: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]
    other_words: tuple[str, ...] = ()
    seed: int = 1


class SpeechSource(Protocol):
    """Where clips come from."""

    is_clean: bool  # studio quality: even validation and test need noise to mean something

    @property
    def description(self) -> str:
        """One line for reports."""

    def offers(self, request: Request) -> Mapping[str, set[str]]:
        """For each split, which keywords it has, and OTHER: without reading or making any."""

    def noises(self) -> list[Waveform]:
        """Recordings without speech for training, int16 of any length; to be called after clips."""

    def clips(self, request: Request, progress: Progress) -> Iterator[Clip]:
        """The clips, the same ones in the same order for the same request."""


def split_of(speaker: str) -> str:
    """The split of a speaker, as Speech Commands' authors defined it: 10 % validation, 10 % test.

    It depends on nothing but the name, so that nobody moves when recordings are added.
    """
    most = 2**27 - 1
    number = int(hashlib.sha1(speaker.encode()).hexdigest(), 16) % (most + 1)
    percent = number * 100.0 / most
    return "validation" if percent < 10 else "test" if percent < 20 else "train"


def centred(samples: Waveform) -> Waveform:
    """One second: the loudest part of a longer recording, silence around a shorter one."""
    if len(samples) < CLIP_SAMPLES:
        before = (CLIP_SAMPLES - len(samples)) // 2
        return np.pad(samples, (before, CLIP_SAMPLES - len(samples) - before))
    energy = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    start = int(np.argmax(energy[CLIP_SAMPLES:] - energy[:-CLIP_SAMPLES]))
    return samples[start : start + CLIP_SAMPLES]
