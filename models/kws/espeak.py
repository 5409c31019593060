"""The speech synthesizer espeak-ng, from the shared library in the package `espeakng-loader`.

espeak-ng is under GPL-3. It makes training data and is no part of what is built or flashed.
"""

from __future__ import annotations

import ctypes
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tinydeploy.errors import SetupError, TrainingError

ACCENTS = (
    "en-us",
    "en-us-nyc",
    "en",  # Great Britain
    "en-gb-scotland",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-gb-x-rp",
    "en-029",
)

_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: the callback gets all samples before Synth returns
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4  # espeak_PARAMETER
_BY_CHARACTER, _UTF8 = 1, 1


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Espeak:
    """A synthesizer in its first state: the same calls in the same order give the same samples.

    The library keeps state that nothing can reset (the phase of the voice's flutter), so that each
    synthesizer is a copy of the library of its own.
    """

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError as error:
            raise SetupError(
                "the Python package 'espeakng-loader' is not installed",
                "synthetic speech needs it: pip install espeakng-loader",
            ) from error
        self._library = _copy(Path(espeakng_loader.get_library_path()))
        data = str(espeakng_loader.get_data_path()).encode()
        self.sample_rate_hz: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, 0)
        if self.sample_rate_hz <= 0:
            raise SetupError("espeak-ng does not start", "reinstall the package espeakng-loader")
        self._blocks: list[npt.NDArray[np.int16]] = []
        self._callback = _CALLBACK(self._collect)  # kept: C holds no reference
        self._library.espeak_SetSynthCallback(self._callback)
        self._voice = ""

    def variants(self) -> list[str]:
        """Names of the voices that can speak each accent, sorted."""
        listed = self._library.espeak_ListVoices
        listed.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        voices = listed(ctypes.byref(_Voice(languages=b"variant")))
        names: list[str] = []
        while voices[len(names)]:
            names.append(voices[len(names)].contents.identifier.decode().removeprefix("!v/"))
        return sorted(names)

    def say(
        self, text: str, *, accent: str, variant: str, rate_wpm: int, pitch: int, intonation: int
    ) -> npt.NDArray[np.int16]:
        """Speak.

        Args:
            rate_wpm: words a minute, 80 to 450.
            pitch, intonation: 0 to 100, 50 is the voice's own.

        Returns:
            Samples at `sample_rate_hz`.

        Raises:
            TrainingError: there is no such voice.
        """
        voice = f"{accent}+{variant}"
        if voice != self._voice and self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise TrainingError(f"espeak-ng has no voice {voice!r}")
        self._voice = voice
        for parameter, value in ((_RATE, rate_wpm), (_PITCH, pitch), (_RANGE, intonation)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._blocks.clear()
        encoded = text.encode() + b"\0"
        self._library.espeak_Synth(
            encoded, ctypes.c_size_t(len(encoded)), 0, _BY_CHARACTER, 0, _UTF8, None, None
        )
        return np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.int16)

    def _collect(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count:
            self._blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0


def _copy(library: Path) -> Any:
    """Load a copy of a shared library, with a state and random numbers of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        loaded = ctypes.CDLL(shutil.copy(library, folder))  # Windows keeps the file: it is in use
    loaded.espeak_ng_SetRandSeed(ctypes.c_long(1))
    with suppress(AttributeError):  # breath noise is from C's rand(); Windows does not show it
        loaded.srand(1)
    return loaded
