"""Synthetic speech: nobody is in two splits, and a seed gives the same sound again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tinydeploy.errors import TrainingError
from tinydeploy.models import ModelSpec, no_progress


@pytest.mark.parametrize("part", [0, 1])
def test_no_accent_and_no_voice_is_in_two_splits(
    speech: ModuleType, synthetic: ModuleType, part: int
) -> None:
    heard = [
        {
            synthetic.family(voice.variant) if part else voice.accent
            for voice in synthetic.speakers(split)
        }
        for split in speech.SPLITS
    ]
    assert all(heard)
    assert sum(len(names) for names in heard) == len(set.union(*heard))


def test_alike_voices_are_one_family(synthetic: ModuleType) -> None:
    assert synthetic.family("m1") == synthetic.family("m8")
    assert synthetic.family("anikaRobot") == synthetic.family("anika")


def test_every_split_has_many_voices(speech: ModuleType, synthetic: ModuleType) -> None:
    counts = {split: len(synthetic.speakers(split)) for split in speech.SPLITS}
    assert counts["train"] > 300
    assert min(counts.values()) >= 10


def test_same_request_same_sound(
    kws: ModelSpec, synthetic: ModuleType, request_for: Callable[..., Any]
) -> None:
    source = synthetic.SyntheticSpeech(kws.data)
    first, second = (list(source.clips(request_for(3), no_progress)) for _ in range(2))
    assert len(first) == 3 * 3 * 3  # splits, words, clips
    assert all(np.array_equal(a.waveform, b.waveform) for a, b in zip(first, second, strict=True))


def test_test_clips_do_not_depend_on_how_much_is_trained_on(
    kws: ModelSpec, synthetic: ModuleType, request_for: Callable[..., Any]
) -> None:
    request = request_for(2)
    other = dataclasses.replace(request, counts={**request.counts, "train": {"yes": 1}})
    source = synthetic.SyntheticSpeech(kws.data)
    first, second = (
        [clip.waveform for clip in source.clips(asked, no_progress) if clip.split == "test"]
        for asked in (request, other)
    )
    assert np.array_equal(first, second)


def test_held_out_words_are_not_trained_on(
    kws: ModelSpec, synthetic: ModuleType, request_for: Callable[..., Any]
) -> None:
    options = {"unknown_words": ["tree", "bed"], "held_out_words": ["bed"]}
    clips = list(synthetic.SyntheticSpeech(options).clips(request_for(4), no_progress))
    said = {split: {c.word for c in clips if c.split == split} for split in ("train", "test")}
    assert said == {"train": {"yes", "no", "tree"}, "test": {"yes", "no", "tree", "bed"}}


def test_recipe_holds_out_words_that_it_has(kws: ModelSpec) -> None:
    words, held_out = kws.data["unknown_words"], kws.data["held_out_words"]
    assert len(set(words)) == len(words) > 80
    assert set(held_out) < set(words)
    assert not {"yes", "no"} & set(words)


def test_speech_is_heard(kws: ModelSpec, synthetic: ModuleType) -> None:
    """A second with speech of some tenths of a second in it, well above silence."""
    engine = kws.module("espeak").Espeak()
    for seed in range(10):
        voices = synthetic.speakers("train")
        generator = np.random.default_rng(seed)
        voice = voices[int(generator.integers(len(voices)))]
        loud = np.abs(synthetic.speak(engine, "yes", voice, generator)) > 500
        assert loud.sum() > 1600
        assert loud.size == 16000


def test_unknown_voice(kws: ModelSpec, synthetic: ModuleType) -> None:
    engine = kws.module("espeak").Espeak()
    with pytest.raises(TrainingError, match="no voice"):
        engine.say("x", accent="nowhere", variant="m1", rate_wpm=150, pitch=50, intonation=50)
