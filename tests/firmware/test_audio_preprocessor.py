"""TFLM's micro_speech front end on speech: the same features to the byte, frame after frame."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from audio_preprocessor import CHANNELS, frames, preprocessor
from runner import Runner
from tinydeploy.fuzz.build import cortex_m4_runner
from tinydeploy.fuzz.runner import CortexM4Runner
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge
from tinydeploy.ops.support import check_supported

Frames = list[npt.NDArray[np.int16]]
RECORDINGS = ("0_george_0.wav", "3_jackson_5.wav", "7_nicolas_1.wav")


@pytest.fixture(scope="module")
def model() -> bytes:
    return dump(preprocessor())


@pytest.fixture(scope="module")
def speech(shared_data: Path) -> Frames:
    """Spoken digits one after the other, from 8 to 16 kHz by straight lines."""
    folder = shared_data / "fsdd" / "recordings"
    if not folder.is_dir():
        pytest.skip("no recordings of spoken digits here")
    parts = []
    for name in RECORDINGS:
        with wave.open(str(folder / name)) as file:
            parts.append(np.frombuffer(file.readframes(file.getnframes()), np.int16))
    slow = np.concatenate(parts)
    places = np.arange(2 * len(slow) - 1) / 2
    return frames(np.interp(places, np.arange(len(slow)), slow).astype(np.int16))


def _synthetic() -> Frames:
    """Noise that swells, clips and falls silent."""
    rng = np.random.default_rng(1)
    loudness = np.repeat([0.0, 10.0, 300.0, 9000.0, 60000.0, 0.0, 50.0], 1600)
    samples = rng.normal(size=len(loudness)) * loudness
    return frames(np.clip(samples, -32768, 32767).astype(np.int16))


def _judged(model: bytes, inputs: Frames) -> bytes:
    judge = Judge(model)
    return b"".join(judge.run([frame])[0].tobytes() for frame in inputs)


def test_features_of_speech_equal_tflm(model: bytes, speech: Frames, runner: Runner) -> None:
    reply = runner.run(model, [[frame] for frame in speech])
    expected = _judged(model, speech)
    assert reply.outputs == expected, reply.reason
    features = np.frombuffer(expected, np.int8).reshape(-1, CHANNELS)
    assert len(features) > 50
    assert features.std() > 10  # speech, not silence


def test_features_of_noise_equal_tflm(model: bytes, runner: Runner) -> None:
    inputs = _synthetic()
    reply = runner.run(model, [[frame] for frame in inputs])
    assert reply.outputs == _judged(model, inputs), reply.reason


def test_features_on_a_cortex_m4_equal_tflm(model: bytes, speech: Frames) -> None:
    inputs = speech[10:40]
    reply = CortexM4Runner(cortex_m4_runner()).run(model, [[frame] for frame in inputs])
    assert reply.outputs == _judged(model, inputs), reply.reason


def test_the_front_end_is_supported() -> None:
    assert check_supported(preprocessor()) == []
