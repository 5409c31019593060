"""A folder of recordings, one folder for each word: `yes/anna_01.wav`, `no/ben_01.wav`, ..."""

from __future__ import annotations

import wave
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tinydeploy.errors import ModelFileError, UsageError
from tinydeploy.models import Progress

from .speech import (
    CLIP_SAMPLES,
    OTHER,
    SAMPLE_RATE_HZ,
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


class FolderSource:
    """`word/*.wav` of any rate, 8 to 32 bits, mono or not.

    What stands before the first `_` of a file's name is the speaker; a name without `_` is a
    speaker of its own.

    Args:
        has_split: the set has its authors' own split, by a hash of the speakers' names; else
            `split.assigned` finds one.
    """

    is_clean = False

    def __init__(self, root: Path, *, has_split: bool = False) -> None:
        self.root = root
        self._has_split = has_split
        self._how = ""

    @property
    def description(self) -> str:
        """One line for reports."""
        return f"recordings in {self.root.name}{f' ({self._how})' if self._how else ''}"

    def words(self) -> list[str]:
        """The words that there are recordings of, sorted."""
        found = {path.parent.name for path in self.root.glob("*/*.wav")}
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
            yield Clip(centred(read_wav(path)), path.parent.name, speaker_of(path), split)
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
            by_key[key] += sorted((self.root / word).glob("*.wav"))
        split = self._split(by_key)
        groups: dict[tuple[str, str], list[Path]] = defaultdict(list)
        for key, paths in by_key.items():
            for path in paths:
                groups[split[path], key].append(path)
        return groups

    def _split(self, by_key: dict[str, list[Path]]) -> dict[Path, str]:
        if self._has_split:
            return {path: split_of(speaker_of(path)) for paths in by_key.values() for path in paths}
        found, self._how = assigned(by_key, speaker_of)
        return found

    def _noise(self, request: Request) -> Iterator[Clip]:
        """Seconds of the recordings in NOISE_FOLDER: three of five for training, in thirds.

        No more in all than are wanted, and of one recording no more than a tenth of that.
        """
        generator = np.random.default_rng(request.seed)
        paths = sorted((self.root / NOISE_FOLDER).glob("*.wav"))
        left = {split: request.counts[split].get(SILENCE, 0) for split in SPLITS}
        for number, path in enumerate(paths):
            samples = read_wav(path)
            borders = [0, len(samples) * 3 // 5, len(samples) * 4 // 5, len(samples)]
            for split, start, end in zip(SPLITS, borders, borders[1:], strict=False):
                room = end - start - CLIP_SAMPLES
                share = -(-left[split] // (len(paths) - number))
                most = request.counts[split].get(SILENCE, 0) // 10
                count = min(share, most, max(room, 0) // 1000)
                left[split] -= count
                for at in generator.integers(start, start + max(room, 1), count):
                    yield Clip(samples[at : at + CLIP_SAMPLES], SILENCE, path.stem, split)


def speaker_of(path: Path) -> str:
    """What stands before the first `_` of the file's name."""
    return path.stem.split("_", 1)[0]


def read_wav(path: Path) -> Waveform:
    """Samples of a PCM WAV file, mono at 16 kHz.

    Raises:
        ModelFileError: it is not one.
    """
    try:
        with wave.open(str(path), "rb") as file:
            frames = file.readframes(file.getnframes())
            width, channels, rate_hz = file.getsampwidth(), file.getnchannels(), file.getframerate()
        samples = _decode(frames, width).reshape(-1, channels).mean(axis=1)
    except (OSError, EOFError, ValueError, wave.Error) as error:
        raise ModelFileError(
            f"{path} cannot be read: {error}", "recordings must be WAV files with PCM samples"
        ) from error
    if rate_hz != SAMPLE_RATE_HZ:
        samples = _resample(samples, rate_hz)
    return np.asarray(np.clip(np.round(samples), -32768, 32767), np.int16)


def _decode(frames: bytes, width: int) -> npt.NDArray[np.float64]:
    """To floats on the scale of int16."""
    if width == 1:
        return (np.frombuffer(frames, np.uint8).astype(np.float64) - 128) * 256
    if width == 3:
        raw = np.frombuffer(frames, np.uint8).reshape(-1, 3)
        padded = np.zeros((len(raw), 4), np.uint8)
        padded[:, 1:] = raw
        return padded.view("<i4")[:, 0] / 65536.0
    scale = {2: 1.0, 4: 65536.0}[width]
    return np.frombuffer(frames, f"<i{width}").astype(np.float64) / scale


def _resample(samples: npt.NDArray[np.float64], rate_hz: int) -> npt.NDArray[Any]:
    from scipy.signal import resample_poly

    common = int(np.gcd(SAMPLE_RATE_HZ, rate_hz))
    resampled: npt.NDArray[Any] = resample_poly(
        samples, SAMPLE_RATE_HZ // common, rate_hz // common
    )
    return resampled
