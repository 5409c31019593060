"""From clips to what is heard in training, validation and test: how often each, beside what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .augment import with_peak
from .glued import glued
from .noise import Generator, Noises
from .speech import OTHER, SILENCE, Clip, Waveform
from .stream import Sound

_SILENCE_DBFS = (-66, -3)


@dataclass(frozen=True)
class Gathered:
    """A clip and where it came from."""

    clip: Clip
    source: int
    is_made: bool


def of_clips(
    gathered: Sequence[Gathered], keywords: Sequence[str], data: Mapping[str, Any]
) -> Iterator[Sound]:
    """Each clip as often as the recipe wants; recordings to be measured by once, as they are."""
    for each in gathered:
        clip = each.clip
        is_ready = clip.word == SILENCE or (clip.split != "train" and not each.is_made)
        sound = Sound(clip.word, each.source, _always(clip.waveform), is_ready)
        is_once = is_ready or clip.split != "train"
        yield from [sound] * (1 if is_once else _copies(each, keywords, data))


def _copies(each: Gathered, keywords: Sequence[str], data: Mapping[str, Any]) -> int:
    copies = data["copies"]
    if each.is_made:
        return int(copies["synthetic"])
    if each.clip.word in keywords:
        return int(copies["keywords"])
    return int(copies["unknown"] * data["more_copies"].get(each.clip.word, 1))


def of_glued(gathered: Sequence[Gathered], count: int) -> Iterator[Sound]:
    """Talk made of the other words among what is trained on."""
    words = [each.clip.waveform for each in gathered]
    for _ in range(count if words else 0):
        yield Sound(OTHER, gathered[0].source, lambda generator: glued(words, generator))


def of_silence(source: int, count: int, noises: Noises) -> Iterator[Sound]:
    """Noise of any kind and loudness, and now and then nothing."""

    def make(generator: Generator) -> Waveform:
        return with_peak(noises.silence(generator), generator.uniform(*_SILENCE_DBFS))

    for _ in range(count):
        yield Sound(SILENCE, source, make, is_ready=True)


def _always(waveform: Waveform) -> Callable[[Generator], Waveform]:
    return lambda _: waveform


def shuffled(sounds: Sequence[Sound], seed: tuple[int, ...]) -> list[Sound]:
    """In a random order: what comes before a sound is context for it."""
    return [sounds[at] for at in np.random.default_rng(seed).permutation(len(sounds))]
