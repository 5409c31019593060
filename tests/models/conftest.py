from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tinydeploy import models
from tinydeploy.models import ModelSpec


@pytest.fixture(scope="session")
def kws() -> ModelSpec:
    return models.load("kws")


@pytest.fixture(scope="session")
def speech(kws: ModelSpec) -> ModuleType:
    return kws.module("speech")


@pytest.fixture(scope="session")
def synthetic(kws: ModelSpec) -> ModuleType:
    pytest.importorskip("espeakng_loader", reason="synthetic speech needs espeakng-loader")
    return kws.module("synthetic")


@pytest.fixture
def request_for(speech: ModuleType) -> Callable[..., Any]:
    """A request for the same number of clips of everything in every split."""

    def make(count: int, **options: Any) -> Any:
        words = ("yes", "no", speech.OTHER, speech.SILENCE)
        counts = {split: dict.fromkeys(words, count) for split in speech.SPLITS}
        return speech.Request(("yes", "no"), counts, **options)

    return make


@pytest.fixture
def write_wav() -> Callable[..., Path]:
    """Write raw frames as a WAV file."""
    import wave

    def write(path: Path, frames: np.ndarray, *, rate_hz: int = 16000, channels: int = 1) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(frames.dtype.itemsize)
            file.setframerate(rate_hz)
            file.writeframes(frames.tobytes())
        return path

    return write
