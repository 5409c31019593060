"""Augmentation keeps the form of a clip, repeats itself, and does what it says."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from tinydeploy.models import ModelSpec

TONE = (8000 * np.sin(2 * np.pi * 500 * np.arange(16000) / 16000)).astype(np.int16)
NOTHING = {"equalizer_share": 0, "band_limit_share": 0, "reverb_share": 0}


@pytest.fixture
def augment(kws: ModelSpec) -> ModuleType:
    return kws.module("augment")


def test_form_and_repetition(augment: ModuleType) -> None:
    first, second = (augment.Augmentation().apply(TONE, np.random.default_rng(7)) for _ in range(2))
    assert first.shape == (16000,)
    assert first.dtype == np.int16
    assert np.array_equal(first, second)
    assert not np.array_equal(first, augment.Augmentation().apply(TONE, np.random.default_rng(8)))


def test_level(augment: ModuleType) -> None:
    quiet = augment.Augmentation(level_dbfs=(-20, -20)).apply(TONE, np.random.default_rng(0))
    assert np.max(np.abs(quiet)) == pytest.approx(3277, abs=1)  # 32767 / 10


def test_shift(augment: ModuleType) -> None:
    click = np.zeros(16000, np.int16)
    click[8000] = 30000
    options = {**NOTHING, "shift_ms": 100, "snr_db": (200, 200)}
    at = [
        int(np.argmax(augment.Augmentation(**options).apply(click, np.random.default_rng(seed))))
        for seed in range(20)
    ]
    assert 8000 - 1600 <= min(at) < 8000 < max(at) <= 8000 + 1600


@pytest.mark.parametrize("snr_db", [0, 20])
def test_noise_has_the_wanted_energy(augment: ModuleType, snr_db: float) -> None:
    options = {**NOTHING, "shift_ms": 0, "snr_db": (snr_db, snr_db), "level_dbfs": (-6, -6)}
    noisy = augment.Augmentation(**options).apply(TONE, np.random.default_rng(3)).astype(float)
    tone = TONE.astype(float)
    scale = noisy @ tone / (tone @ tone)  # of the tone in the mix
    noise = noisy - scale * tone
    measured_db = 10 * np.log10(np.mean((scale * tone) ** 2) / np.mean(noise**2))
    assert measured_db == pytest.approx(snr_db, abs=1.5)


def test_kinds_of_silence(augment: ModuleType) -> None:
    clips = [augment.silence(np.random.default_rng(seed)) for seed in range(100)]
    levels = np.array([np.max(np.abs(clip.astype(int))) for clip in clips])
    assert (levels == 0).any()
    assert levels.max() > 10000
    assert len({clip.tobytes() for clip in clips[:20]}) >= 19
