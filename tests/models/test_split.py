"""Whose recordings are measured by: some of everyone's own, and which way they were split."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tinydeploy.errors import TrainingError
from tinydeploy.models import ModelSpec, Split, no_progress
from tinydeploy.stages import train_evaluate

Groups = dict[str, list[Path]]


@pytest.fixture(scope="module")
def split(kws: ModelSpec) -> ModuleType:
    return kws.module("split")


def recordings(speakers: int, each: int = 2, words: tuple[str, ...] = ("yes", "no")) -> Groups:
    return {
        word: [Path(f"{word}/s{who}_{n}.wav") for who in range(speakers) for n in range(each)]
        for word in words
    }


def speaker(path: Path) -> str:
    return path.stem.split("_")[0]


def counts(found: dict[Path, str], word: str) -> Counter[str]:
    return Counter(name for path, name in found.items() if path.parent.name == word)


@pytest.mark.parametrize("speakers", [1, 2, 4])
def test_few_speakers_are_split_by_recording(split: ModuleType, speakers: int) -> None:
    found, how = split.assigned(recordings(speakers, each=20 // speakers), speaker)
    assert counts(found, "yes") == {"train": 16, "validation": 2, "test": 2}
    assert how.startswith(f"split by recording, as {speakers} speaker")


@pytest.mark.parametrize("speakers", [5, 10, 40])
def test_speakers_are_kept_apart(split: ModuleType, speakers: int) -> None:
    found, how = split.assigned(recordings(speakers), speaker)
    assert how == f"split by speaker, {speakers} of them"
    voices = {name: {speaker(p) for p in found if found[p] == name} for name in set(found.values())}
    held_out = max(1, round(speakers / 10))
    assert {name: len(each) for name, each in voices.items()} == {
        "train": speakers - 2 * held_out, "validation": held_out, "test": held_out,
    }  # fmt: skip
    assert sum(map(len, voices.values())) == speakers


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, {"test": 1}),
        (2, {"test": 1, "train": 1}),
        (3, {"test": 1, "train": 1, "validation": 1}),
        (4, {"test": 1, "train": 2, "validation": 1}),
    ],
)
def test_what_is_brought_is_in_the_test_set_first(
    split: ModuleType, number: int, expected: dict[str, int]
) -> None:
    found, _ = split.assigned(recordings(1, each=number), speaker)
    assert counts(found, "yes") == expected


def test_speakers_who_did_not_say_all(split: ModuleType) -> None:
    """Six say one word and six the other: each split needs one of both."""
    groups = {
        "yes": [Path(f"yes/a{who}_0.wav") for who in range(6)],
        "no": [Path(f"no/b{who}_0.wav") for who in range(6)],
    }
    found, how = split.assigned(groups, speaker)
    assert how == "split by speaker, 12 of them"
    assert all(set(counts(found, word)) == {"train", "validation", "test"} for word in groups)
    groups["no"] = groups["no"][:2]
    found, how = split.assigned(groups, speaker)
    assert "split by recording" in how
    assert set(counts(found, "no")) == {"train", "test"}


def test_names_alone_decide(split: ModuleType) -> None:
    groups = recordings(7)
    again = {word: paths[::-1] for word, paths in reversed(groups.items())}
    assert split.assigned(groups, speaker)[0] == split.assigned(again, speaker)[0]


@pytest.mark.parametrize("files", [1, 3, 16, 40])
def test_no_more_silence_than_wanted(
    kws: ModelSpec, write_wav: Callable[..., Path], tmp_path: Path, files: int
) -> None:
    """However many recordings of noise there are; of one at most a tenth."""
    folder, speech = kws.module("folder"), kws.module("speech")
    noise = np.random.default_rng(0).integers(-900, 900, 20 * 16000).astype("<i2")
    for number in range(files):
        write_wav(tmp_path / "_background_noise_" / f"rain{number}.wav", noise)
    wanted = {"train": 50, "validation": 10, "test": 20}
    request = speech.Request(("yes",), {name: {speech.SILENCE: n} for name, n in wanted.items()})
    clips = list(folder.FolderSource(tmp_path)._noise(request))
    found = Counter(clip.split for clip in clips)
    assert found == {name: min(n, files * (n // 10)) for name, n in wanted.items()}


def own_recordings(write_wav: Callable[..., Path], folder: Path, words: tuple[str, ...]) -> Path:
    generator = np.random.default_rng(0)
    for word in words:
        for number in range(10):
            frames = generator.integers(-9000, 9000, 8000).astype("<i2")
            write_wav(folder / word / f"anna_{number}.wav", frames)
    return folder


def small(kws: ModelSpec) -> ModelSpec:
    copies = dict.fromkeys(kws.data["copies"], 1)
    counts = dict.fromkeys(("train", "validation", "test"), 4)
    data = {**kws.data, **counts, "copies": copies, "silence_shares": 1.0}
    return dataclasses.replace(kws, data=data)


def test_one_speakers_own_words_are_measured(
    kws: ModelSpec, write_wav: Callable[..., Path], tmp_path: Path
) -> None:
    folder = own_recordings(write_wav, tmp_path / "mine", ("yes", "no", "tree"))
    found = kws.module("data").load(small(kws), seed=1, sources=[str(folder)], progress=no_progress)
    assert np.bincount(found.test.y[found.test.source == 0], minlength=4).tolist() == [0, 1, 1, 1]
    assert found.sources[0] == (
        "recordings in mine (split by recording, as 1 speaker is too few to keep some apart)"
    )
    assert found.sources[0] in found.description


def test_sources_are_counted_apart(
    kws: ModelSpec, write_wav: Callable[..., Path], tmp_path: Path
) -> None:
    paths = [own_recordings(write_wav, tmp_path / name, ("yes", "no", "up")) for name in ("a", "b")]
    found = kws.module("data").load(
        small(kws), seed=1, sources=[str(path) for path in paths], progress=no_progress
    )
    assert np.bincount(found.test.source).tolist() == [3, 3, 4]
    assert "keep some apart), 3 of the test set; recordings in b" in found.description


def test_missing_words_are_told_before_anything_is_spoken(
    kws: ModelSpec, write_wav: Callable[..., Path], tmp_path: Path
) -> None:
    folder = own_recordings(write_wav, tmp_path / "mine", ("yes",))
    said: list[str] = []
    with pytest.raises(TrainingError, match="no clips of unknown, no in the train set"):
        kws.module("data").load(
            small(kws), seed=1, sources=[str(folder)], progress=lambda what, *_: said.append(what)
        )
    assert said == []
    spec = dataclasses.replace(small(kws), labels=("silence", "unknown", "yes", "halt"))
    with pytest.raises(TrainingError, match="no clips of halt in the train set"):
        kws.module("data").load(
            spec, seed=1, sources=["speech_commands", str(folder)], progress=no_progress
        )


def test_small_sources_are_in_the_stored_test_set() -> None:
    """Of 100 samples a class, 10 are one's own: half of the ten that are stored."""
    labels, origin = np.array([0] * 100 + [1] * 100), np.array(([0] * 90 + [1] * 10) * 2)
    chosen = train_evaluate.balanced(Split(np.arange(200), labels, origin), 20, seed=0)
    assert np.bincount(chosen.y).tolist() == [10, 10]
    assert np.bincount(chosen.source).tolist() == [10, 10]


def any_data(x: Any = None, y: Any = None) -> Any:
    from tinydeploy.models import Dataset

    good = Split(np.zeros((4, 2), np.float32), np.array([0, 1, 0, 1]))
    bad = Split(good.x if x is None else x, good.y if y is None else y)
    return Dataset(bad, good, good, "")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"y": np.array([0, 1, 0, 2])}, "label 2, the recipe 2 labels: rest, shake"),
        ({"y": np.array([0, 0, 0, 0])}, "the train set has nothing of shake"),
        ({"y": np.array([0.0, 1, 0, 1])}, "float64"),
        ({"x": np.full((4, 2), np.nan)}, "NaN"),
        ({"x": np.zeros((0, 2))}, "0 inputs and 4 labels"),
    ],
)
def test_data_that_do_not_fit_the_recipe(
    kws: ModelSpec, data: dict[str, Any], message: str
) -> None:
    from tinydeploy.stages import train_check

    spec = dataclasses.replace(kws, labels=("rest", "shake"))
    train_check.check_dataset(spec, any_data())
    with pytest.raises(TrainingError, match=message):
        train_check.check_dataset(spec, any_data(**data))
