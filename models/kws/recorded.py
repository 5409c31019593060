"""Recordings in a folder, one folder for each word, to measure a model by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from tinydeploy import interrupts
from tinydeploy.errors import ModelFileError, UsageError
from tinydeploy.models import Listening, ModelSpec, Progress, Recorded

from .audio import Recording, read
from .augment import level_of_noise, unclipped
from .data import UNKNOWN_LABEL, label_of
from .features import seconds, to_model
from .folder import FolderSource
from .noise import Noises
from .speech import CLIP_SAMPLES, SAMPLE_RATE_HZ, Waveform, centred

_WORDS_BEFORE = 3
_HINT = "put them there as word/speaker_number.wav or .flac"


@dataclass(frozen=True)
class _Said:
    """A second of a recording."""

    word: str
    clip: Waveform
    label: int


def load(spec: ModelSpec, folder: Path, how: Listening, progress: Progress) -> Recorded:
    """Features of all recordings `folder/WORD/*.wav|flac`.

    A word that is no label is `unknown`; recordings in `_silence_` are `silence`. Minutes of
    noise in `_background_noise_` are what noise is drawn from.

    Raises:
        UsageError: there is no such folder, or nothing in it.
        ModelFileError: a recording cannot be read, or is empty.
    """
    if not folder.is_dir():
        raise UsageError(f"no folder of recordings at {folder}", _HINT)
    source, notes = FolderSource(folder), _Notes()
    paths = source.recordings(how.split)
    if not paths:
        raise UsageError(f"{folder} has no recordings{_of_split(how)}", _HINT)
    said = []
    for number, path in enumerate(paths):
        interrupts.check()
        progress("reading", number, len(paths))
        clip = notes.second_of(path, read(path))
        said.append(_Said(path.parent.name, clip, label_of(spec, path.parent.name)))
    heard = _Ears(said, how, _noises(source, how), spec.labels.index(UNKNOWN_LABEL))
    x = [heard.features(at) for at in _told(len(said), progress)]
    return Recorded(
        to_model(np.stack(x))[..., np.newaxis],
        np.array([each.label for each in said], np.int64),
        tuple(each.word for each in said),
        notes.words(),
    )


def _of_split(how: Listening) -> str:
    return f" of the {how.split} speakers" if how.split else ""


def _told(count: int, progress: Progress) -> Iterator[int]:
    for number in range(count):
        interrupts.check()
        progress("hearing", number, count)
        yield number


def _noises(source: FolderSource, how: Listening) -> Noises:
    """Of the split's part of the folder's noise; made noise where there is none."""
    if how.noise_db is None:
        return Noises()
    return Noises(source.noises(how.split or "test"), recorded_share=1.0)


@dataclass(frozen=True)
class _Ears:
    """How one recording after another is heard; what is random depends on its number alone."""

    said: Sequence[_Said]
    how: Listening
    noises: Noises
    unknown: int

    def features(self, at: int) -> np.ndarray:
        """int8 [49, 40] of a recording."""
        generator = np.random.default_rng((self.how.seed, at))
        clip = self.said[at].clip.astype(np.float32)
        sound = np.concatenate([*self._before(at, generator), clip])
        if self.how.noise_db is not None:
            noise = self.noises.background(generator, len(sound))
            sound = sound + noise * level_of_noise(clip, self.how.noise_db)
        return np.asarray(seconds(unclipped(sound))[-1])

    def _before(self, at: int, generator: np.random.Generator) -> list[np.ndarray]:
        """Seconds of speech, of other words than keywords if there are any."""
        if not self.how.after_speech:
            return []
        others = self._others or [other for other in range(len(self.said)) if other != at]
        if not others:
            raise UsageError("a single recording has nothing before it", "give more recordings")
        return [
            self.said[int(other)].clip.astype(np.float32)
            for other in generator.choice(others, _WORDS_BEFORE)
        ]

    @cached_property
    def _others(self) -> list[int]:
        return [at for at, each in enumerate(self.said) if each.label == self.unknown]


class _Notes:
    """What had to be done to recordings."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def second_of(self, path: Path, recording: Recording) -> Waveform:
        """One second of it."""
        if not len(recording.waveform):
            raise ModelFileError(f"{path} is empty", "delete it, or record it again")
        if recording.rate_hz != SAMPLE_RATE_HZ:
            self._counts[f"of {recording.rate_hz:,} Hz resampled to {SAMPLE_RATE_HZ:,} Hz"] += 1
        if recording.channels > 1:
            self._counts[f"of {recording.channels} channels: their mean is heard"] += 1
        if len(recording.waveform) < CLIP_SAMPLES:
            self._counts["shorter than a second: silence is put around them"] += 1
        if len(recording.waveform) > CLIP_SAMPLES:
            self._counts["longer than a second: the loudest second of each is heard"] += 1
        return centred(recording.waveform)

    def words(self) -> tuple[str, ...]:
        """One sentence for each thing, the commonest first."""
        return tuple(f"{count:,} recordings {what}" for what, count in self._counts.most_common())
