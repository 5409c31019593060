"""Pieces of other words, cut and glued: what a keyword must be told from in talk that goes on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .noise import Floats, Generator
from .speech import CLIP_SAMPLES, Waveform

_FRAME = 320
_LONGEST_PAUSE = 2500
_BACKWARDS_SHARE, _CUT_SHARE = 0.2, 0.3


def glued(words: Sequence[Waveform], generator: Generator) -> Waveform:
    """A second out of a row of `words`, int16 [16000]; some are cut short, some run backwards."""
    parts: list[Floats] = []
    while sum(map(len, parts)) < 2 * CLIP_SAMPLES:
        parts += [_piece(words[int(generator.integers(len(words)))], generator)]
        parts += [np.zeros(int(generator.integers(1, _LONGEST_PAUSE)), np.float32)]
    row = np.concatenate(parts)
    start = int(generator.integers(len(row) - CLIP_SAMPLES))
    return row[start : start + CLIP_SAMPLES].astype(np.int16)


def _piece(word: Waveform, generator: Generator) -> Floats:
    spoken = _trimmed(word.astype(np.float32))
    spoken *= 6000 * generator.uniform(0.5, 1) / max(float(np.max(np.abs(spoken), initial=0)), 1)
    if generator.random() < _BACKWARDS_SHARE:
        spoken = spoken[::-1]
    if generator.random() < _CUT_SHARE:
        spoken = spoken[: int(len(spoken) * generator.uniform(0.4, 1))]
    return spoken


def _trimmed(samples: Floats) -> Floats:
    """Without what is quiet before and after the word."""
    energy = np.add.reduceat(np.square(samples), np.arange(0, len(samples), _FRAME))
    loud = np.flatnonzero(energy > 0.015 * energy.max())  # -18 dB
    if not energy.max():
        return samples[:_FRAME]
    return samples[max(loud[0] - 1, 0) * _FRAME : (loud[-1] + 2) * _FRAME]
