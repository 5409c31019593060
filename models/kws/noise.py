"""Sound without speech: recorded, or made. Any length; the energy is the caller's business.

All of it is drawn from one generator: the same generator state gives the same noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .speech import CLIP_SAMPLES, SAMPLE_RATE_HZ, Waveform

Floats = npt.NDArray[np.floating]
Generator = np.random.Generator

_NOTHING_SHARE = 0.05  # of silences
_CLICKS_SHARE = 0.3


@dataclass(frozen=True)
class Noises:
    """Where noise comes from.

    Attributes:
        recorded: int16 recordings, may be none.
        recorded_share: how often one of them is taken, if there are any.
    """

    recorded: Sequence[Waveform] = ()
    recorded_share: float = 0.0

    def background(self, generator: Generator, samples: int = CLIP_SAMPLES) -> Floats:
        """One kind of noise, or two, [samples] with an RMS of 1."""
        first = self._one(generator, samples)
        if generator.random() < 0.6:
            return first
        return scaled_to(first + self._one(generator, samples) * generator.random(), 1)

    def silence(self, generator: Generator) -> Floats:
        """A second without speech, on any scale; now and then nothing at all."""
        if generator.random() < _NOTHING_SHARE:
            return np.zeros(CLIP_SAMPLES)
        sound = self.background(generator)
        if generator.random() < _CLICKS_SHARE:
            sound = sound + 0.7 * _clicks(generator)
        return sound

    def _one(self, generator: Generator, samples: int) -> Floats:
        if self.recorded and generator.random() < self.recorded_share:
            return scaled_to(_excerpt(self.recorded, generator, samples), 1)
        kind = _KINDS[int(generator.integers(len(_KINDS)))]
        return scaled_to(kind(generator, samples), 1)


def rms(sound: Floats) -> float:
    """The root of the mean square."""
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))


def scaled_to(sound: Floats, level: float) -> Floats:
    """With that RMS; nothing stays nothing."""
    return np.asarray(sound * np.float32(level / max(rms(sound), 1e-9)))


def _excerpt(recorded: Sequence[Waveform], generator: Generator, samples: int) -> Floats:
    """A random piece of a random recording, again and again if it is too short."""
    recording = recorded[int(generator.integers(len(recorded)))]
    start = int(generator.integers(max(1, len(recording) - samples)))
    return np.resize(recording[start : start + samples], samples).astype(np.float32)


def _coloured(generator: Generator, samples: int) -> Floats:
    """From violet (+6 dB an octave) over white to brown (-6) and beyond."""
    slope = generator.uniform(-1.5, 1)
    spectrum = np.fft.rfft(generator.standard_normal(samples, dtype=np.float32))
    frequencies_hz = np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ), 20)
    shaped = spectrum * (frequencies_hz**slope).astype(np.float32)
    return np.asarray(np.fft.irfft(shaped, samples))


def _gusts(generator: Generator, samples: int) -> Floats:
    """Wind, cars, cloth: coloured noise that swells."""
    knots = generator.uniform(0, 1, int(generator.integers(3, 12)) * samples // CLIP_SAMPLES) ** 2
    envelope = np.interp(np.linspace(0, 1, samples), np.linspace(0, 1, len(knots)), knots)
    return np.asarray(_coloured(generator, samples) * envelope)


def _hum(generator: Generator, samples: int) -> Floats:
    """Mains or a motor: a tone with harmonics, on a little noise."""
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    base_hz = generator.choice([50.0, 60.0, generator.uniform(40, 400)])
    hum = np.zeros(samples)
    for harmonic in range(1, int(generator.integers(2, 16))):
        phase = generator.uniform(0, 2 * np.pi)
        hum += np.sin(2 * np.pi * base_hz * harmonic * time_s + phase) / harmonic
    return np.asarray(hum + scaled_to(_coloured(generator, samples), 0.1))


def _tones(generator: Generator, samples: int) -> Floats:
    """Beeps and music: tones that come and go, gliding or not, on a little noise."""
    length_s = samples / SAMPLE_RATE_HZ
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    sound = np.zeros(samples)
    for _ in range(int(generator.integers(1, 5) * np.ceil(length_s))):
        start_hz = 100 * 2 ** generator.uniform(0, 5)
        end_hz = start_hz * generator.choice([1.0, 1.0, generator.uniform(0.5, 2)])
        phase = np.cumsum(np.linspace(start_hz, end_hz, samples)) / SAMPLE_RATE_HZ
        begin, length = generator.uniform(-0.2, length_s - 0.1), generator.uniform(0.05, 1)
        envelope = np.clip(np.minimum(time_s - begin, begin + length - time_s) * 50, 0, 1)
        sound += envelope * np.sin(2 * np.pi * phase)
    return np.asarray(sound + scaled_to(_coloured(generator, samples), 0.1))


def _clicks(generator: Generator) -> Floats:
    """Keys, knocks, claps in a second: short bursts that fade."""
    sound = np.zeros(CLIP_SAMPLES)
    for _ in range(int(generator.integers(1, 6))):
        start = int(generator.integers(CLIP_SAMPLES - 1600))
        length = int(generator.integers(40, 1600))
        burst = generator.standard_normal(length) * 10 ** (-2 * np.arange(length) / length)
        sound[start : start + length] += generator.uniform(1, 8) * burst
    return sound


_KINDS: tuple[Callable[[Generator, int], Floats], ...]
_KINDS = (_coloured, _coloured, _gusts, _hum, _tones)
