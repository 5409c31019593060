"""Seconds one after another: what the front end remembers, glued words, copies, what is stored."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tinydeploy.models import ModelSpec

GENERATOR = np.random.default_rng(0)
CLIPS = [GENERATOR.integers(-3000, 3000, 16000).astype(np.int16) for _ in range(5)]


@pytest.fixture
def stream(kws: ModelSpec) -> ModuleType:
    return kws.module("stream")


def sounds_of(stream: ModuleType, *, is_ready: bool) -> list[Any]:
    return [stream.Sound("yes", 0, lambda _, clip=clip: clip, is_ready=is_ready) for clip in CLIPS]


def hearing(kws: ModelSpec, stream: ModuleType, steady_share: float = 0.5, length: int = 2) -> Any:
    augmentation = kws.module("augment").Augmentation.of(kws.data["augmentation"])
    return stream.Hearing(augmentation, kws.module("noise").Noises(), steady_share, length)


@pytest.mark.train
def test_a_second_is_heard_after_those_before_it(kws: ModelSpec) -> None:
    pytest.importorskip("tensorflow")
    features = kws.module("features")
    both = features.seconds(np.concatenate(CLIPS[:2]))
    assert both.shape == (2, 49, 40)
    assert np.array_equal(both[0], features.features(CLIPS[0]))
    assert not np.array_equal(both[1], features.features(CLIPS[1]))
    assert np.array_equal(
        both[1], features.to_int8(features.energies(np.concatenate(CLIPS[:2]))[50:])
    )


@pytest.mark.train
def test_features_in_the_order_of_the_sounds(kws: ModelSpec, stream: ModuleType) -> None:
    pytest.importorskip("tensorflow")
    seconds, told = kws.module("features").seconds, []
    found = hearing(kws, stream).features(sounds_of(stream, is_ready=True), (1,), told.append)
    pairs = [seconds(np.concatenate(CLIPS[at : at + 2])) for at in (0, 2, 4)]
    assert np.array_equal(np.stack(found), np.concatenate(pairs))
    assert told == [2, 4, 5]
    noisy, again = (
        hearing(kws, stream).features(sounds_of(stream, is_ready=False), (1,), told.append)
        for _ in range(2)
    )
    assert np.array_equal(noisy, again)
    assert not np.array_equal(noisy, found)


@pytest.mark.parametrize("steady_share", [0, 1])
def test_form_of_a_stream(kws: ModelSpec, stream: ModuleType, steady_share: float) -> None:
    heard = hearing(kws, stream, steady_share)
    made = heard.stream(sounds_of(stream, is_ready=False), np.random.default_rng(0))
    assert (made.shape, made.dtype) == ((5 * 16000,), np.int16)
    assert np.abs(made.astype(int)).max() > 300


def test_one_noise_runs_through_a_steady_stream(kws: ModelSpec, stream: ModuleType) -> None:
    """Between two clicks there is nothing but it, and it is as loud in each second."""
    click = np.zeros(16000, np.int16)
    click[8000] = 20000
    sounds = [stream.Sound("yes", 0, lambda _: click)] * 4
    augmentation = kws.module("augment").Augmentation.of(
        {**kws.data["augmentation"], "snr_db": (20, 20), "reverb_share": 0}
    )
    white = kws.module("noise").Noises([GENERATOR.integers(-99, 99, 99999).astype(np.int16)], 1.0)
    heard = stream.Hearing(augmentation, white, 1, 4)
    made = heard.stream(sounds, np.random.default_rng(1)).reshape(4, 16000)[:, :4000].astype(float)
    levels = np.sqrt((made**2).mean(axis=1))
    assert levels.min() > 1
    assert levels.max() < 1.1 * levels.min()


def test_glued_talk_is_made_of_the_words(kws: ModelSpec) -> None:
    glued = kws.module("glued").glued
    one, two = np.zeros((2, 16000), np.int16)
    one[6000:9000], two[6000:9000] = 1000, -1000
    for seed in range(20):
        first, again = (glued([one, two], np.random.default_rng(seed)) for _ in range(2))
        assert (first.shape, first.dtype) == ((16000,), np.int16)
        assert np.array_equal(first, again)
        loud = np.abs(first[first != 0].astype(int))
        assert len(loud) > 3000
        assert loud.min() >= 2999  # 6,000, at half the level at least
        assert loud.max() <= 6000


def test_nothing_to_glue_but_silence(kws: ModelSpec) -> None:
    silent = kws.module("glued").glued([np.zeros(16000, np.int16)], np.random.default_rng(0))
    assert not silent.any()


def test_copies_by_the_recipe(kws: ModelSpec) -> None:
    sounds, speech = kws.module("sounds"), kws.module("speech")
    data = {
        "copies": {"keywords": 4, "unknown": 3, "synthetic": 2},
        "more_copies": {"go": 2, "left": 1.5},
    }

    def count(word: str, split: str = "train", *, is_made: bool = False) -> int:
        clip = speech.Clip(CLIPS[0], word, "anna", split)
        gathered = sounds.Gathered(clip, 0, is_made)
        return len([*sounds.of_clips([gathered], ("yes", "no"), data)])

    assert [count(word) for word in ("yes", "tree", "go", "left")] == [4, 3, 6, 4]
    assert [count(word, is_made=True) for word in ("yes", "go")] == [2, 2]
    assert [count("yes", split) for split in ("validation", "test")] == [1, 1]
    assert count(speech.SILENCE) == 1
