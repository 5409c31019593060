"""TFLM's micro_speech front end: the same features to the byte, frame after frame.

On the model that `audio_preprocessor` builds, and on TFLM's own file where it is; a test says that
the two have the same operators, options and tables.
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from audio_preprocessor import CHANNELS, WINDOW, frames, preprocessor
from flatbuffers import flexbuffers
from runner import Runner
from tinydeploy.fuzz.build import cortex_m4_runner
from tinydeploy.fuzz.runner import CortexM4Runner
from tinydeploy.graph import read_tflite
from tinydeploy.graph.ir import Op
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge
from tinydeploy.ops.support import check_supported

Frames = list[npt.NDArray[np.int16]]
RECORDINGS = ("0_george_0.wav", "3_jackson_5.wav", "7_nicolas_1.wav")


@pytest.fixture(scope="module")
def original(shared_data: Path) -> bytes:
    """The file of TFLM's repository."""
    path = shared_data / "tflm" / "audio_preprocessor_int8.tflite"
    if not path.is_file():
        pytest.skip(f"TFLM's own front end is not at {path}")
    return path.read_bytes()


@pytest.fixture(scope="module", params=["built", "original"])
def model(request: pytest.FixtureRequest) -> bytes:
    if request.param == "built":
        return dump(preprocessor())
    data: bytes = request.getfixturevalue("original")
    return data


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


def test_loud_tones_equal_tflm(model: bytes, runner: Runner) -> None:
    """Square waves of full scale: sums of the transform that need 17 bits."""
    time = np.arange(WINDOW)
    inputs = [
        np.where(np.sin(2 * np.pi * time / period) >= 0, 32767, -32768).astype(np.int16)[None]
        for period in (2, 4, 8, 16, 17, 32, 33.3, 64, 128, 256, 480, 960)
    ]
    reply = runner.run(model, [[frame] for frame in inputs])
    assert reply.outputs == _judged(model, inputs), reply.reason


def test_it_is_tflms_own_front_end(original: bytes) -> None:
    theirs, ours = read_tflite.load(original).main, preprocessor().main
    assert [op.name for op in ours.ops] == [op.name for op in theirs.ops]
    for op, built in zip(theirs.ops, ours.ops, strict=True):
        assert _options(built) == _options(op), op.name
        for tensor, made in zip(op.inputs, built.inputs, strict=True):
            assert tensor is not None
            assert made is not None
            assert (tensor.data is None) == (made.data is None), op.name
            if tensor.data is not None and made.data is not None:
                assert np.array_equal(tensor.data.ravel(), made.data.ravel()), op.name


def _options(op: Op) -> object:
    return flexbuffers.Loads(op.custom_options) if op.code == "CUSTOM" else None


def test_the_front_end_is_supported() -> None:
    assert check_supported(preprocessor()) == []
