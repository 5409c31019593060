"""What rooms, microphones and people add to a clean recording.

All of it is drawn from one generator: the same generator state gives the same clip.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .noise import Floats, Generator, Noises
from .speech import CLIP_SAMPLES, SAMPLE_RATE_HZ, Waveform

_FFT = 2 * CLIP_SAMPLES  # long enough that reverberation of a second does not wrap around
_FREQUENCIES_HZ = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE_HZ).astype(np.float32)

Range = tuple[float, float]


@dataclass(frozen=True)
class Augmentation:
    """How much of each; ranges are (least, most), drawn uniformly.

    Attributes:
        speed: how much faster, which is higher too.
        shift_ms: later (positive) or earlier.
        level_dbfs: of the loudest sample, in one room.
        level_spread_db: up and down from that, of what is said in the room.
        snr_db: energy of the speech over that of the noise.
        equalizer_db: gain of each octave, up and down.
        reverb_s: time in which the reverberation fades by 60 dB.
        reverb_gain: of the reverberation, relative to the direct sound.
        *_share: of clips that get it at all.
    """

    speed: Range
    speed_share: float
    shift_ms: float
    level_dbfs: Range
    level_spread_db: float
    snr_db: Range
    noise_share: float
    equalizer_db: float
    equalizer_share: float
    band_limit_share: float
    reverb_s: Range
    reverb_gain: Range
    reverb_share: float

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Augmentation:
        """From a recipe's table."""
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in options.items()})

    def room_dbfs(self, generator: Generator) -> float:
        """How loud it is in one room."""
        return float(generator.uniform(*self.level_dbfs))

    def apply(
        self, waveform: Waveform, generator: Generator, noises: Noises, room_dbfs: float
    ) -> Waveform:
        """Another second of the same speech, int16 [16000]."""
        speech = self.said_elsewhere(waveform, generator)
        if generator.random() < self.noise_share:
            noise = noises.background(generator)
            speech = speech + noise * level_of_noise(speech, generator.uniform(*self.snr_db))
        return self.in_room(speech, generator, room_dbfs)

    def in_room(self, sound: Floats, generator: Generator, room_dbfs: float) -> Waveform:
        """As loud as one thing that is said there, int16."""
        near_db = generator.uniform(-self.level_spread_db, self.level_spread_db)
        return with_peak(sound, min(room_dbfs + near_db, 0))

    def said_elsewhere(self, waveform: Waveform, generator: Generator) -> Floats:
        """The speech in another room, at another speed and time, without noise; [16000]."""
        speech = waveform.astype(np.float32)
        if generator.random() < self.speed_share:
            speech = _faster(speech, generator.uniform(*self.speed))
        spectrum = np.fft.rfft(self._shifted(speech, generator), _FFT)
        if generator.random() < self.equalizer_share:
            spectrum *= self._equalizer(generator)
        if generator.random() < self.reverb_share:
            spectrum *= np.fft.rfft(self._room(generator), _FFT)
        if generator.random() < self.band_limit_share:
            spectrum *= _band(generator)
        return np.fft.irfft(spectrum, _FFT)[:CLIP_SAMPLES]

    def _shifted(self, speech: Floats, generator: Generator) -> Floats:
        most = int(self.shift_ms * SAMPLE_RATE_HZ / 1000)
        shift = int(generator.integers(-most, most + 1))
        moved = np.zeros_like(speech)
        if shift >= 0:
            moved[shift:] = speech[: len(speech) - shift]
        else:
            moved[:shift] = speech[-shift:]
        return moved

    def _equalizer(self, generator: Generator) -> Floats:
        """Gains that are random at octaves and straight lines (in dB over octaves) between."""
        octaves = np.log2(62.5 * 2.0 ** np.arange(8))
        gains_db = generator.uniform(-self.equalizer_db, self.equalizer_db, len(octaves))
        at = np.log2(np.maximum(_FREQUENCIES_HZ, 1))
        return np.asarray(10 ** (np.interp(at, octaves, gains_db) / 20), np.float32)

    def _room(self, generator: Generator) -> Floats:
        """An impulse response: the direct sound, then noise that fades."""
        fade_s = generator.uniform(*self.reverb_s)
        length = int(fade_s * SAMPLE_RATE_HZ)
        fading = 10 ** (-3 * np.arange(length) / length)  # 60 dB
        tail = generator.standard_normal(length) * fading
        tail *= generator.uniform(*self.reverb_gain) / np.sqrt(np.sum(tail**2))
        tail[0] += 1
        return tail.astype(np.float32)


def level_of_noise(speech: Floats, snr_db: float) -> float:
    """The RMS of noise so far below the loud parts of the speech."""
    loud = np.abs(speech) > 0.05 * np.max(np.abs(speech), initial=1e-9)
    power = float(np.mean(speech[loud] ** 2)) if loud.any() else 1.0
    return float(np.sqrt(power * 10 ** (-snr_db / 10)))


def unclipped(sound: Floats) -> Waveform:
    """As int16; all of it quieter where some would be too loud for that."""
    peak = float(np.max(np.abs(sound)))
    return (sound * min(1, 32767 / max(peak, 1))).astype(np.int16)


def with_peak(sound: Floats, level_dbfs: float) -> Waveform:
    """As int16 with that level of the loudest sample; nothing stays nothing."""
    peak = max(float(np.max(np.abs(sound))), 1e-9)
    scaled = sound * (32767 * 10 ** (level_dbfs / 20) / peak)
    return np.clip(np.round(scaled), -32768, 32767).astype(np.int16)


def _faster(speech: Floats, factor: float) -> Floats:
    """Around its middle, which stays where it is."""
    middle = len(speech) / 2
    at = (np.arange(len(speech)) - middle) * factor + middle
    return np.interp(at, np.arange(len(speech)), speech, left=0, right=0).astype(np.float32)


def _band(generator: Generator) -> Floats:
    """A telephone, a cheap microphone: second-order slopes at both ends."""
    low_hz, high_hz = generator.uniform(50, 400), 3000 * 2 ** generator.uniform(0, 1.4)
    frequencies = np.maximum(_FREQUENCIES_HZ, 1)
    return np.asarray(
        1 / np.sqrt((1 + (low_hz / frequencies) ** 4) * (1 + (frequencies / high_hz) ** 8)),
        np.float32,
    )
