"""Features of keywords, of other words and of silence, from one source of speech or several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tinydeploy.errors import TrainingError, UsageError
from tinydeploy.models import Dataset, ModelSpec, Progress, Split

from . import augment
from .features import Features, features, to_model
from .folder import FolderSource
from .speech import OTHER, SILENCE, SPLITS, Clip, Request, SpeechSource, Waveform
from .speech_commands import SpeechCommands
from .synthetic import SyntheticSpeech

Labelled = list[tuple[Features, int, int]]  # with the label and the source

SILENCE_LABEL, UNKNOWN_LABEL = "silence", "unknown"
MORE_RECORDINGS = "give more recordings, three of each word at least, or add the source `synthetic`"


def load(spec: ModelSpec, *, seed: int, sources: Sequence[str], progress: Progress) -> Dataset:
    """Collect clips, add what rooms and microphones add, and compute features.

    Args:
        sources: "synthetic", "speech_commands", paths of folders; () for the recipe's. Each gives
            as many clips as the recipe wants.

    Returns:
        A data set with x [n, 49, 40, 1] in [0, 255 / 256] and class indices y [n].

    Raises:
        UsageError: there is no such source.
        TrainingError: the sources have nothing of some class.
    """
    opened = [open_source(name, spec.data) for name in sources or spec.data["sources"]]
    request = make_request(spec, seed)
    _require_all_words(opened, request)
    found: dict[str, Labelled] = {split: [] for split in SPLITS}
    for number, source in enumerate(opened):
        generators = _generators(seed, number)
        for clip in source.clips(request, progress):
            copies = spec.data["copies"] if clip.split == "train" else 1
            for heard in _heard(clip, source, next(generators), copies):
                found[clip.split].append((features(heard), _label(spec, clip), number))
    _add_silence(spec, request, found, len(opened), progress)
    splits = [_split(spec, name, found[name], seed) for name in SPLITS]
    train, validation, test = splits
    names = (*(source.description for source in opened), "silence")
    return Dataset(train, validation, test, _describe(names, splits, seed), names)


def open_source(name: str, options: Mapping[str, Any]) -> SpeechSource:
    """The source that `name` stands for.

    Raises:
        UsageError: it stands for nothing.
    """
    if name == "synthetic":
        return SyntheticSpeech(options)
    if name == "speech_commands":
        return SpeechCommands()
    if Path(name).is_dir():
        return FolderSource(Path(name))
    raise UsageError(
        f"no source of speech {name!r}",
        "give synthetic, speech_commands, or a folder with one folder of .wav files for each word",
    )


def _require_all_words(opened: Sequence[SpeechSource], request: Request) -> None:
    """Raises TrainingError for words that no source has, before minutes go into the others."""
    offers = [source.offers(request) for source in opened]
    for split in SPLITS:
        there = set().union(*(offer[split] for offer in offers))
        missing = [
            UNKNOWN_LABEL if key == OTHER else key
            for key in (OTHER, *request.keywords)
            if key not in there and request.counts[split].get(key, 0)
        ]
        if missing:
            raise TrainingError(
                f"no clips of {', '.join(missing)} in the {split} set", MORE_RECORDINGS
            )


def _heard(
    clip: Clip, source: SpeechSource, generator: np.random.Generator, copies: int
) -> Iterator[Waveform]:
    """The clip as microphones may hear it; recordings to be measured by stay as they are."""
    if clip.word == SILENCE or (clip.split != "train" and not source.is_clean):
        yield clip.waveform
        return
    for _ in range(copies):
        yield augment.Augmentation().apply(clip.waveform, generator)


def make_request(spec: ModelSpec, seed: int) -> Request:
    """The counts of `model.toml`, where each keyword is worth one share."""
    shares = {OTHER: spec.data["unknown_shares"], SILENCE: spec.data["silence_shares"]}
    keywords = tuple(x for x in spec.labels if x not in (SILENCE_LABEL, UNKNOWN_LABEL))
    counts = {
        split: {word: int(spec.data[split] * shares.get(word, 1)) for word in (*keywords, *shares)}
        for split in SPLITS
    }
    return Request(keywords, counts, seed=seed)


def extremes() -> npt.NDArray[np.float32]:
    """Features at both ends of their range, [2, 49, 40, 1]."""
    ends = np.array([-128, 127], np.int8).reshape(2, 1, 1, 1)
    return to_model(np.broadcast_to(ends, (2, 49, 40, 1)))


def _label(spec: ModelSpec, clip: Clip) -> int:
    if clip.word == SILENCE:
        return spec.labels.index(SILENCE_LABEL)
    return spec.labels.index(clip.word if clip.word in spec.labels else UNKNOWN_LABEL)


def _generators(seed: int, source: int) -> Iterator[np.random.Generator]:
    """One for each clip, so that a change to one clip's augmentation leaves the others alone."""
    number = 0
    while True:
        yield np.random.default_rng((seed, 1000 + source, number))
        number += 1


def _add_silence(
    spec: ModelSpec, request: Request, found: dict[str, Labelled], source: int, progress: Progress
) -> None:
    """Noise, as much as is missing after what the sources had."""
    label = spec.labels.index(SILENCE_LABEL)
    for number, split in enumerate(SPLITS):
        there = sum(known == label for _, known, _ in found[split])
        missing = max(0, request.counts[split][SILENCE] - there)
        for index in range(missing):
            progress("silence", index, missing)
            generator = np.random.default_rng((request.seed, 2000 + number, index))
            found[split].append((features(augment.silence(generator)), label, source))
        progress("silence", missing, missing)


def _split(spec: ModelSpec, name: str, labelled: Labelled, seed: int) -> Split:
    """Shuffled arrays."""
    missing = set(range(len(spec.labels))) - {label for _, label, _ in labelled}
    if missing:
        raise TrainingError(
            f"no clips of {', '.join(spec.labels[label] for label in missing)} in the {name} set",
            MORE_RECORDINGS,
        )
    order = np.random.default_rng((seed, 3000)).permutation(len(labelled))
    x = to_model(np.stack([labelled[i][0] for i in order]))[..., np.newaxis]
    y, origin = (np.array([labelled[i][at] for i in order], np.int64) for at in (1, 2))
    return Split(x, y, origin)


def _describe(names: Sequence[str], splits: Sequence[Split], seed: int) -> str:
    """The sources, and where there are several how much of the test set is from each."""
    sizes = ", ".join(f"{len(split.x)} {name}" for name, split in zip(SPLITS, splits, strict=True))
    sources = list(names[:-1])
    if len(sources) > 1:
        counts = np.bincount(splits[-1].source, minlength=len(names)).tolist()
        sources = [f"{name}, {counts[at]} of the test set" for at, name in enumerate(sources)]
    return f"{'; '.join(sources)}; clips: {sizes}; seed {seed}"
