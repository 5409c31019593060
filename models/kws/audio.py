"""Recordings in files: WAV, FLAC and whatever else libsndfile reads, of any rate, mono or not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tinydeploy.errors import ModelFileError, SetupError

from .speech import SAMPLE_RATE_HZ, Waveform

SUFFIXES = (".wav", ".flac")


@dataclass(frozen=True)
class Recording:
    """Sound, and how it was in its file.

    Attributes:
        waveform: int16 [n] at 16 kHz, the mean of the channels.
    """

    waveform: Waveform
    rate_hz: int
    channels: int


def recordings_in(folder: Path) -> list[Path]:
    """The files of a folder that are recordings by their names, sorted."""
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)


def read(path: Path) -> Recording:
    """A recording, mono at 16 kHz.

    Raises:
        ModelFileError: the file is no recording.
    """
    soundfile = _soundfile()
    try:
        samples, rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelFileError(
            f"{path} cannot be read: {error}", "recordings are WAV or FLAC files"
        ) from error
    heard = samples.mean(axis=1) * 32768
    if rate_hz != SAMPLE_RATE_HZ:
        heard = _resampled(heard, rate_hz)
    waveform = np.asarray(np.clip(np.round(heard), -32768, 32767), np.int16)
    return Recording(waveform, rate_hz, samples.shape[1])


def _soundfile() -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: without the library that it wraps
        raise SetupError(
            f"soundfile cannot be imported: {error}", "recordings need it: pip install soundfile"
        ) from error
    return soundfile


def _resampled(samples: npt.NDArray[np.float64], rate_hz: int) -> npt.NDArray[Any]:
    from scipy.signal import resample_poly

    common = int(np.gcd(SAMPLE_RATE_HZ, rate_hz))
    resampled: npt.NDArray[Any] = resample_poly(
        samples, SAMPLE_RATE_HZ // common, rate_hz // common
    )
    return resampled
