"""Features of keywords, of other words and of silence, from one source of speech or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tinydeploy.errors import TrainingError, UsageError
from tinydeploy.models import Dataset, ModelSpec, Progress, Split

from . import sounds
from .augment import Augmentation
from .features import to_model
from .folder import FolderSource
from .noise import Noises
from .sounds import Gathered
from .speech import OTHER, SILENCE, SPLITS, Request, SpeechSource
from .speech_commands import SpeechCommands
from .stream import Hearing, Sound
from .synthetic import SyntheticSpeech

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
    gathered = _gathered(spec, opened, request, progress)
    noises = Noises(
        [noise for source in opened for noise in source.noises()], spec.data["recorded_noise_share"]
    )
    made = {number for number, source in enumerate(opened) if source.is_clean} | {len(opened)}
    splits = []
    for number, name in enumerate(SPLITS):
        wanted = _sounds(spec, request, gathered, name, noises if name == "train" else Noises())
        heard = _Heard(spec, name, noises, made, (seed, number))
        splits.append(heard.split(wanted, progress))
    names = (*(source.description for source in opened), "silence")
    described = _describe(names, splits, seed)
    return Dataset(*splits, described, names, _to_store(spec, splits[-1], made))


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
        "give synthetic, speech_commands, or a folder with one folder of .wav or .flac files for "
        "each word",
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


def _gathered(
    spec: ModelSpec, opened: Sequence[SpeechSource], request: Request, progress: Progress
) -> list[Gathered]:
    """The clips of all sources; made ones are an addition where there are recordings."""
    is_mixed = not all(source.is_clean for source in opened)
    found = []
    for number, source in enumerate(opened):
        wanted = request
        if source.is_clean and is_mixed:
            wanted = _with_fewer(request, spec.data["synthetic_share"])
        clips = source.clips(wanted, progress)
        found += [Gathered(clip, number, source.is_clean) for clip in clips]
    return found


def _with_fewer(request: Request, share: float) -> Request:
    """A part of what is wanted for training."""
    fewer = {word: max(1, int(count * share)) for word, count in request.counts["train"].items()}
    return replace(request, counts={**request.counts, "train": fewer})


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


def _sounds(
    spec: ModelSpec, request: Request, gathered: Sequence[Gathered], split: str, noises: Noises
) -> list[Sound]:
    """What is heard in a split: its clips, for training glued words, and the silence missing."""
    here = [each for each in gathered if each.clip.split == split]
    found = [*sounds.of_clips(here, request.keywords, spec.data)]
    if split == "train":
        others = [e for e in here if e.clip.word not in (*request.keywords, SILENCE)]
        recorded = [each for each in others if not each.is_made]
        count = int(spec.data["train"] * spec.data["glued_shares"])
        found += sounds.of_glued(recorded or others, count)
    wanted, there = request.counts[split][SILENCE], sum(sound.word == SILENCE for sound in found)
    missing = max(-(-wanted // 2), wanted - there)  # half at least is not of a few recordings
    source = 1 + max(each.source for each in gathered)
    return [*found, *sounds.of_silence(source, missing, noises)]


@dataclass(frozen=True)
class _Heard:
    """How a split is heard.

    Attributes:
        made: numbers of the sources that are no recordings. In validation and test they are not
            heard beside recordings, nor in recorded noise, so that what is stored is made.
    """

    spec: ModelSpec
    name: str
    noises: Noises
    made: set[int]
    seed: tuple[int, ...]

    def split(self, wanted: Sequence[Sound], progress: Progress) -> Split:
        """Its features, shuffled."""
        self._require_all_classes(wanted)
        is_training = self.name == "train"
        groups = [wanted] if is_training else [self._of(wanted, True), self._of(wanted, False)]
        order, heard = [], []
        for number, group in enumerate(groups):
            order += sounds.shuffled(group, (*self.seed, number))

            def tell(done: int, before: int = len(heard)) -> None:
                progress(f"hearing, {self.name}", before + done, len(wanted))

            heard += self._hearing(number).features(order[len(heard) :], (*self.seed, number), tell)
        x = to_model(np.stack(heard))[..., np.newaxis]
        y = np.array([label_of(self.spec, sound.word) for sound in order], np.int64)
        hidden = np.array([_hidden(self.spec, sound.word) for sound in order], np.int64)
        return Split(x, y, np.array([sound.source for sound in order], np.int64), hidden)

    def _of(self, wanted: Sequence[Sound], is_made: bool) -> list[Sound]:
        return [sound for sound in wanted if (sound.source in self.made) == is_made]

    def _hearing(self, group: int) -> Hearing:
        data, is_training = self.spec.data, self.name == "train"
        options = data["augmentation"] | ({} if is_training else data["test_augmentation"])
        noises = self.noises if is_training else Noises()
        return Hearing(
            Augmentation.of(options), noises, data["steady_noise_share"], data["stream_seconds"]
        )

    def _require_all_classes(self, wanted: Sequence[Sound]) -> None:
        there = {label_of(self.spec, sound.word) for sound in wanted}
        missing = [label for at, label in enumerate(self.spec.labels) if at not in there]
        if missing:
            raise TrainingError(
                f"no clips of {', '.join(missing)} in the {self.name} set", MORE_RECORDINGS
            )


def label_of(spec: ModelSpec, word: str) -> int:
    """The class of a word: its own, `unknown`, or `silence` of SILENCE."""
    if word == SILENCE:
        return spec.labels.index(SILENCE_LABEL)
    return spec.labels.index(word if word in spec.labels else UNKNOWN_LABEL)


def hidden_words(spec: ModelSpec) -> list[str]:
    """Words that are classes of their own while it is trained, and `unknown` afterwards."""
    return [word for word in spec.data["hidden_words"] if word not in spec.labels]


def _hidden(spec: ModelSpec, word: str) -> int:
    words = hidden_words(spec)
    return len(spec.labels) + words.index(word) if word in words else label_of(spec, word)


def _to_store(spec: ModelSpec, test: Split, made: set[int]) -> Split | None:
    """What of the test set may be given away with the model: nobody's voice, if that suffices."""
    chosen = np.isin(test.source, list(made))
    is_enough = set(test.y[chosen].tolist()) == set(range(len(spec.labels)))
    return test.at(np.flatnonzero(chosen)) if is_enough else None


def _describe(names: Sequence[str], splits: Sequence[Split], seed: int) -> str:
    """The sources, and where there are several how much of the test set is from each."""
    sizes = ", ".join(f"{len(split.x)} {name}" for name, split in zip(SPLITS, splits, strict=True))
    sources = list(names[:-1])
    if len(sources) > 1:
        counts = np.bincount(splits[-1].source, minlength=len(names)).tolist()
        sources = [f"{name}, {counts[at]} of the test set" for at, name in enumerate(sources)]
    return f"{'; '.join(sources)}; clips: {sizes}; seed {seed}"
