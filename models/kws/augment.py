"""What rooms, microphones and people add to a clean recording.

All of it is drawn from one generator: the same generator state gives the same clip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .speech import CLIP_SAMPLES, SAMPLE_RATE_HZ, Waveform

Floats = npt.NDArray[np.float64]
Generator = np.random.Generator

_FFT = 2 * CLIP_SAMPLES  # long enough that reverberation of a second does not wrap around
_FREQUENCIES_HZ = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE_HZ)
_CLIP_FREQUENCIES_HZ = np.fft.rfftfreq(CLIP_SAMPLES, 1 / SAMPLE_RATE_HZ)


@dataclass(frozen=True)
class Augmentation:
    """How much of each; ranges are (least, most), drawn uniformly.

    Attributes:
        shift_ms: later (positive) or earlier.
        level_dbfs: of the loudest sample.
        snr_db: energy of the speech over that of the noise.
        equalizer_db: gain of each octave, up and down.
        reverb_s: time in which the reverberation fades by 60 dB.
        *_share: of clips that get it at all.
    """

    shift_ms: float = 100
    level_dbfs: tuple[float, float] = (-30, -2)
    snr_db: tuple[float, float] = (8, 40)
    equalizer_db: float = 8
    equalizer_share: float = 0.7
    band_limit_share: float = 0.3
    reverb_s: tuple[float, float] = (0.1, 0.4)
    reverb_share: float = 0.4

    def apply(self, waveform: Waveform, generator: Generator) -> Waveform:
        """Another second of the same speech, int16 [16000]."""
        speech = self._shifted(waveform.astype(np.float64), generator)
        spectrum = np.fft.rfft(speech, _FFT)
        if generator.random() < self.equalizer_share:
            spectrum *= self._equalizer(generator)
        if generator.random() < self.reverb_share:
            spectrum *= np.fft.rfft(self._room(generator), _FFT)
        band = _band(generator) if generator.random() < self.band_limit_share else None
        if band is not None:
            spectrum *= band
        speech = np.fft.irfft(spectrum, _FFT)[:CLIP_SAMPLES]
        mixed = speech + self._noise_for(speech, generator)
        return _scaled(mixed, generator.uniform(*self.level_dbfs))

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
        return np.asarray(10 ** (np.interp(at, octaves, gains_db) / 20))

    def _room(self, generator: Generator) -> Floats:
        """An impulse response: the direct sound, then noise that fades."""
        fade_s = generator.uniform(*self.reverb_s)
        length = int(fade_s * SAMPLE_RATE_HZ)
        fading = 10 ** (-3 * np.arange(length) / length)  # 60 dB
        tail = generator.standard_normal(length) * fading
        tail *= generator.uniform(0.2, 0.7) / np.sqrt(np.sum(tail**2))
        tail[0] += 1
        return np.asarray(tail)

    def _noise_for(self, speech: Floats, generator: Generator) -> Floats:
        noise = background(generator)
        snr_db = generator.uniform(*self.snr_db)
        loud = np.abs(speech) > 0.05 * np.max(np.abs(speech), initial=1e-9)
        power = np.mean(speech[loud] ** 2) if loud.any() else 1.0
        wanted = np.sqrt(power * 10 ** (-snr_db / 10))
        return np.asarray(noise * (wanted / max(_rms(noise), 1e-9)))


def silence(generator: Generator) -> Waveform:
    """A second without speech, of any kind and loudness; now and then nothing at all."""
    if generator.random() < 0.05:
        return np.zeros(CLIP_SAMPLES, np.int16)
    sound = background(generator)
    if generator.random() < 0.3:
        sound = sound / max(_rms(sound), 1e-9) + 0.7 * _clicks(generator)
    return _scaled(sound, generator.uniform(-66, -3))


def background(generator: Generator) -> Floats:
    """One kind of noise, or two."""
    first = _any_noise(generator)
    if generator.random() < 0.6:
        return first
    second = _any_noise(generator)
    return first / max(_rms(first), 1e-9) + second / max(_rms(second), 1e-9) * generator.random()


def _any_noise(generator: Generator) -> Floats:
    kinds: tuple[Callable[[Generator], Floats], ...] = (_coloured, _coloured, _gusts, _hum, _tones)
    return kinds[int(generator.integers(len(kinds)))](generator)


def _coloured(generator: Generator) -> Floats:
    """From violet (+6 dB an octave) over white to brown (-6) and beyond."""
    slope = generator.uniform(-1.5, 1)
    spectrum = np.fft.rfft(generator.standard_normal(CLIP_SAMPLES))
    shaped = spectrum * np.maximum(_CLIP_FREQUENCIES_HZ, 20) ** slope
    return np.asarray(np.fft.irfft(shaped, CLIP_SAMPLES))


def _gusts(generator: Generator) -> Floats:
    """Wind, cars, cloth: coloured noise that swells."""
    knots = generator.uniform(0, 1, int(generator.integers(3, 12))) ** 2
    envelope = np.interp(np.linspace(0, 1, CLIP_SAMPLES), np.linspace(0, 1, len(knots)), knots)
    return np.asarray(_coloured(generator) * envelope)


def _hum(generator: Generator) -> Floats:
    """Mains or a motor: a tone with harmonics, on a little noise."""
    time_s = np.arange(CLIP_SAMPLES) / SAMPLE_RATE_HZ
    base_hz = generator.choice([50.0, 60.0, generator.uniform(40, 400)])
    hum = np.zeros(CLIP_SAMPLES)
    for harmonic in range(1, int(generator.integers(2, 16))):
        phase = generator.uniform(0, 2 * np.pi)
        hum += np.sin(2 * np.pi * base_hz * harmonic * time_s + phase) / harmonic
    noise = _coloured(generator)
    return np.asarray(hum + 0.1 * noise / max(_rms(noise), 1e-9))


def _tones(generator: Generator) -> Floats:
    """Beeps and music: tones that come and go, gliding or not, on a little noise."""
    time_s = np.arange(CLIP_SAMPLES) / SAMPLE_RATE_HZ
    sound = np.zeros(CLIP_SAMPLES)
    for _ in range(int(generator.integers(1, 5))):
        start_hz = 100 * 2 ** generator.uniform(0, 5)
        end_hz = start_hz * generator.choice([1.0, 1.0, generator.uniform(0.5, 2)])
        phase = np.cumsum(np.linspace(start_hz, end_hz, CLIP_SAMPLES)) / SAMPLE_RATE_HZ
        begin, length = generator.uniform(-0.2, 0.9), generator.uniform(0.05, 1)
        envelope = np.clip(np.minimum(time_s - begin, begin + length - time_s) * 50, 0, 1)
        sound += envelope * np.sin(2 * np.pi * phase)
    noise = _coloured(generator)
    return np.asarray(sound + 0.1 * noise / max(_rms(noise), 1e-9))


def _clicks(generator: Generator) -> Floats:
    """Keys, knocks, claps: short bursts that fade."""
    sound = np.zeros(CLIP_SAMPLES)
    for _ in range(int(generator.integers(1, 6))):
        start, length = (
            int(generator.integers(CLIP_SAMPLES - 1600)),
            int(generator.integers(40, 1600)),
        )
        burst = generator.standard_normal(length) * 10 ** (-2 * np.arange(length) / length)
        sound[start : start + length] += generator.uniform(1, 8) * burst
    return sound


def _band(generator: Generator) -> Floats:
    """A telephone, a cheap microphone: second-order slopes at both ends."""
    low_hz, high_hz = generator.uniform(50, 400), 3000 * 2 ** generator.uniform(0, 1.4)
    frequencies = np.maximum(_FREQUENCIES_HZ, 1)
    return np.asarray(
        1 / np.sqrt((1 + (low_hz / frequencies) ** 4) * (1 + (frequencies / high_hz) ** 8))
    )


def _scaled(sound: Floats, level_dbfs: float) -> Waveform:
    peak = max(float(np.max(np.abs(sound))), 1e-9)
    scaled = sound * (32767 * 10 ** (level_dbfs / 20) / peak)
    return np.clip(np.round(scaled), -32768, 32767).astype(np.int16)


def _rms(sound: Floats) -> float:
    return float(np.sqrt(np.mean(sound**2)))
