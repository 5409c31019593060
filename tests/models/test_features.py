"""Features: the mapping by hand, the front end on sounds whose features one knows."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from tinydeploy.models import ModelSpec


@pytest.fixture
def features(kws: ModelSpec) -> ModuleType:
    return kws.module("features")


def test_mapping_by_hand(features: ModuleType) -> None:
    values = np.array([0, 1, 2, 333, 666, 670, 65535], np.uint16)
    # (v * 256 + 333) // 666 - 128, where 589 // 666 = 0, 845 // 666 = 1 and 85581 // 666 = 128
    assert features.to_int8(values).tolist() == [-128, -128, -127, 0, 127, 127, 127]


def test_model_input_by_hand(features: ModuleType) -> None:
    assert features.to_model(np.array([-128, 0, 127], np.int8)).tolist() == [0, 0.5, 255 / 256]


@pytest.mark.train
def test_nothing_is_silence(features: ModuleType) -> None:
    pytest.importorskip("tensorflow")
    heard = features.features(np.zeros(16000, np.int16))
    assert heard.shape == (49, 40)
    assert (heard == -128).all()


@pytest.mark.train
def test_higher_tones_are_in_higher_bands(features: ModuleType) -> None:
    pytest.importorskip("tensorflow")
    time_s = np.arange(16000) / 16000
    bands = []
    for frequency_hz in (300, 1000, 4000):
        tone = (8000 * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.int16)
        bands.append(int(features.features(tone)[0].argmax()))
    assert bands == sorted(set(bands))
