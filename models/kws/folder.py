"""A folder of recordings, one folder for each word: `yes/anna_01.wav`, `no/ben_01.flac`, ..."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tinydeploy.errors import UsageError
from tinydeploy.models import Progress

from .audio import read, recordings_in
from .speech import (
    CLIP_SAMPLES,
    OTHER,
    SILENCE,
    SPLITS,
    Clip,
    Request,
    Waveform,
    centred,
    split_of,
)
from .split import assigned

NOISE_FOLDER = "_background_noise_"  # Speech Commands keeps minutes of noise here
_OFFICIAL = "_nohash_"  # so Speech Commands names its recordings


class FolderSource:
    """`word/*.wav` or `.flac`, as `audio.read` takes them.

    What stands before the first `_` of a file's name is the speaker; a name without `_` is a
    speaker of its own. Where all files are named as in Speech Commands, they are split as its
    authors did, by a hash of the speaker's name; else `split.assigned` finds a split.
    """

    is_clean = False

    def __init__(self, root: Path) -> None:
        self.root = root
        self._how = ""

    @property
    def description(self) -> str:
        """One line for reports."""
        return f"recordings in {self.root.name}{f' ({self._how})' if self._how else ''}"

    def words(self) -> list[str]:
        """The words that there are recordings of, sorted."""
        folders = (path for path in self.root.glob("*") if path.is_dir())
        found = {folder.name for folder in folders if recordings_in(folder)}
        return sorted(found - {NOISE_FOLDER})

    def offers(self, request: Request) -> dict[str, set[str]]:
        """For each split, the keywords and OTHER that there are recordings of.

        Raises:
            UsageError: there are no recordings.
        """
        groups = self._groups(request)
        return {split: {key for at, key in groups if at == split} for split in SPLITS}

    def clips(self, request: Request, progress: Progress) -> Iterator[Clip]:
        """A seeded choice of the recordings, and of seconds of noise.

        Raises:
            UsageError: there are no recordings.
            ModelFileError: one of them cannot be read.
        """
        chosen = [*self._chosen(request)]
        for number, (path, split) in enumerate(chosen):
            progress(f"reading {self.root.name}", number, len(chosen))
            yield Clip(centred(read(path).waveform), path.parent.name, speaker_of(path), split)
        progress(f"reading {self.root.name}", len(chosen), len(chosen))
        yield from self._noise(request)

    def _chosen(self, request: Request) -> Iterator[tuple[Path, str]]:
        groups = self._groups(request)
        generator = np.random.default_rng(request.seed)
        for split in SPLITS:
            for key in (*request.keywords, OTHER):
                paths = groups.get((split, key), [])
                order = generator.permutation(len(paths))
                count = request.counts[split].get(key, 0)
                yield from ((paths[i], split) for i in order[:count])

    def _groups(self, request: Request) -> dict[tuple[str, str], list[Path]]:
        """The recordings of each split and keyword, or OTHER."""
        if not self.words():
            raise UsageError(
                f"{self.root} has no recordings", "put them there as word/speaker_number.wav"
            )
        by_key: dict[str, list[Path]] = defaultdict(list)
        for word in self.words():
            key = word if word in request.keywords else OTHER
            if key == OTHER and request.other_words and word not in request.other_words:
                continue
            by_key[key] += recordings_in(self.root / word)
        split = self._split(by_key)
        groups: dict[tuple[str, str], list[Path]] = defaultdict(list)
        for key, paths in by_key.items():
            for path in paths:
                groups[split[path], key].append(path)
        return groups

    def _split(self, by_key: dict[str, list[Path]]) -> dict[Path, str]:
        every = [path for paths in by_key.values() for path in paths]
        if all(_OFFICIAL in path.stem for path in every):
            self._how = "split by speaker as in Speech Commands"
            return {path: split_of(speaker_of(path)) for path in every}
        found, self._how = assigned(by_key, speaker_of)
        return found

    def recordings(self, split: str | None = None) -> list[Path]:
        """All recordings of words, or those of a split."""
        by_word = {word: recordings_in(self.root / word) for word in self.words()}
        every = [path for paths in by_word.values() for path in paths]
        if split is None or not every:
            return every
        of = self._split(by_word)
        return [path for path in every if of[path] == split]

    def noises(self, split: str = "train") -> list[Waveform]:
        """What may be laid under speech: that split's part of each recording of NOISE_FOLDER."""
        return [parts[split] for _, parts in self._noise_parts()]

    def _noise(self, request: Request) -> Iterator[Clip]:
        """Seconds of the recordings in NOISE_FOLDER, for each split from its part of them.

        No more in all than are wanted, and of one recording no more than a tenth of that.
        """
        generator = np.random.default_rng(request.seed)
        recorded = self._noise_parts()
        left = {split: request.counts[split].get(SILENCE, 0) for split in SPLITS}
        for number, (name, parts) in enumerate(recorded):
            for split, samples in parts.items():
                room = max(0, len(samples) - CLIP_SAMPLES)
                share = -(-left[split] // (len(recorded) - number))
                most = request.counts[split].get(SILENCE, 0) // 10
                count = min(share, most, room // 1000)
                left[split] -= count
                for at in generator.integers(0, max(room, 1), count):
                    yield Clip(samples[at : at + CLIP_SAMPLES], SILENCE, name, split)

    def _noise_parts(self) -> list[tuple[str, dict[str, Waveform]]]:
        """Each recording of noise, cut: three fifths for training, a fifth for each other split."""
        found = []
        for path in recordings_in(self.root / NOISE_FOLDER):
            samples = read(path).waveform
            borders = [0, len(samples) * 3 // 5, len(samples) * 4 // 5, len(samples)]
            cut = zip(SPLITS, borders, borders[1:], strict=False)
            found.append((path.stem, {split: samples[at:end] for split, at, end in cut}))
        return found


def speaker_of(path: Path) -> str:
    """What stands before the first `_` of the file's name."""
    return path.stem.split("_", 1)[0]
