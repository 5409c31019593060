"""Augmentation keeps the form of a clip, repeats itself, and does what it says."""

from __future__ import annotations

import dataclasses
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tinydeploy.models import ModelSpec

TONE = (8000 * np.sin(2 * np.pi * 500 * np.arange(16000) / 16000)).astype(np.int16)
NOTHING = {
    "speed_share": 0,
    "shift_ms": 0,
    "noise_share": 0,
    "equalizer_share": 0,
    "band_limit_share": 0,
    "reverb_share": 0,
}


@pytest.fixture
def augment(kws: ModelSpec) -> ModuleType:
    return kws.module("augment")


@pytest.fixture
def noise(kws: ModelSpec) -> ModuleType:
    return kws.module("noise")


@pytest.fixture
def heard(kws: ModelSpec, augment: ModuleType, noise: ModuleType) -> Any:
    """A clip as the recipe's augmentation makes it, but for some options."""
    recipe = augment.Augmentation.of(kws.data["augmentation"])

    def apply(clip: np.ndarray, seed: int, **options: Any) -> np.ndarray:
        changed = dataclasses.replace(recipe, **options)
        generator = np.random.default_rng(seed)
        return changed.apply(clip, generator, noise.Noises(), changed.room_dbfs(generator))

    return apply


def test_form_and_repetition(heard: Any) -> None:
    first, second = (heard(TONE, 7) for _ in range(2))
    assert first.shape == (16000,)
    assert first.dtype == np.int16
    assert np.array_equal(first, second)
    assert not np.array_equal(first, heard(TONE, 8))


def test_level(heard: Any) -> None:
    quiet = heard(TONE, 0, level_dbfs=(-20, -20), level_spread_db=0)
    assert np.max(np.abs(quiet)) == pytest.approx(3277, abs=1)  # 32767 / 10


def test_shift(heard: Any) -> None:
    click = np.zeros(16000, np.int16)
    click[8000] = 30000
    options = {**NOTHING, "shift_ms": 100}
    at = [int(np.argmax(heard(click, seed, **options))) for seed in range(20)]
    assert 8000 - 1600 <= min(at) < 8000 < max(at) <= 8000 + 1600


@pytest.mark.parametrize(("speed", "frequency_hz"), [(1.2, 600), (0.9, 450)])
def test_speed_raises_the_pitch_too(heard: Any, speed: float, frequency_hz: int) -> None:
    faster = heard(TONE, 0, **{**NOTHING, "speed_share": 1, "speed": (speed, speed)})
    middle = faster[4000:12000].astype(float)
    assert 2 * np.argmax(np.abs(np.fft.rfft(middle))) == frequency_hz


@pytest.mark.parametrize("snr_db", [0, 20])
def test_noise_has_the_wanted_energy(heard: Any, snr_db: float) -> None:
    options = {**NOTHING, "noise_share": 1, "snr_db": (snr_db, snr_db), "level_dbfs": (-6, -6)}
    noisy = heard(TONE, 3, **options).astype(float)
    tone = TONE.astype(float)
    scale = noisy @ tone / (tone @ tone)  # of the tone in the mix
    noise = noisy - scale * tone
    measured_db = 10 * np.log10(np.mean((scale * tone) ** 2) / np.mean(noise**2))
    assert measured_db == pytest.approx(snr_db, abs=1.5)


def test_kinds_of_silence(noise: ModuleType) -> None:
    sounds = [noise.Noises().silence(np.random.default_rng(seed)) for seed in range(100)]
    levels = np.array([np.max(np.abs(sound)) for sound in sounds])
    assert (levels == 0).any()
    assert levels.max() > 1
    assert len({sound.tobytes() for sound in sounds[:20]}) >= 19


@pytest.mark.parametrize("samples", [16000, 40000])
def test_background_is_as_long_as_wanted_and_of_one_level(noise: ModuleType, samples: int) -> None:
    """A recording that is too short is heard again and again."""
    recorded = noise.Noises([np.arange(-900, 900, dtype=np.int16)], 0.5)
    for seed in range(30):
        sound = recorded.background(np.random.default_rng(seed), samples)
        assert sound.shape == (samples,)
        assert noise.rms(sound) == pytest.approx(1, abs=1e-3)


def test_recorded_noise_is_heard(noise: ModuleType) -> None:
    step = np.repeat(np.array([-500, 500], np.int16), 40000)
    recorded = noise.Noises([step], 1.0)
    values = [
        set(np.abs(recorded._one(np.random.default_rng(seed), 16000)).round(3).tolist())
        for seed in range(5)
    ]
    assert values == [{1.0}] * 5
