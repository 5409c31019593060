"""Recordings from a folder: reading, speakers, splits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tinydeploy.errors import ModelFileError, UsageError
from tinydeploy.models import ModelSpec, no_progress


@pytest.fixture
def folder(kws: ModelSpec) -> ModuleType:
    return kws.module("folder")


@pytest.fixture
def audio(kws: ModelSpec) -> ModuleType:
    pytest.importorskip("soundfile", reason="recordings need soundfile")
    return kws.module("audio")


def test_recording_at_16_khz_is_read_as_it_is(
    audio: ModuleType, write_wav: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_wav(tmp_path / "a.wav", np.array([0, 1, -1, 32767, -32768], "<i2"))
    assert audio.read(path).waveform.tolist() == [0, 1, -1, 32767, -32768]


def test_stereo_becomes_the_mean(
    audio: ModuleType, write_wav: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_wav(tmp_path / "a.wav", np.array([100, 300, -50, 50], "<i2"), channels=2)
    assert audio.read(path).waveform.tolist() == [200, 0]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (np.array([128, 129, 0], "u1"), [0, 256, -32768]),
        (np.array([0, 65536, -65536], "<i4"), [0, 1, -1]),
    ],
)
def test_other_widths(
    audio: ModuleType,
    write_wav: Callable[..., Path],
    tmp_path: Path,
    frames: Any,
    expected: list[int],
) -> None:
    assert audio.read(write_wav(tmp_path / "a.wav", frames)).waveform.tolist() == expected


def test_24_bits(audio: ModuleType, tmp_path: Path) -> None:
    import wave

    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 3, 16000, 0, "NONE", ""))
        file.writeframes(bytes.fromhex("000100 00ff7f 00ffff"))  # 1, 32767 and -1 times 256
    assert audio.read(tmp_path / "a.wav").waveform.tolist() == [1, 32767, -1]


def test_8_khz_is_resampled_and_keeps_its_pitch(
    audio: ModuleType, write_wav: Callable[..., Path], tmp_path: Path
) -> None:
    pytest.importorskip("scipy")
    tone = (10000 * np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)).astype("<i2")
    samples = audio.read(write_wav(tmp_path / "a.wav", tone, rate_hz=8000)).waveform
    assert len(samples) == 16000
    assert np.argmax(np.abs(np.fft.rfft(samples))) == 1000


def test_flac_is_read_as_it_is(audio: ModuleType, tmp_path: Path) -> None:
    import soundfile

    samples = np.array([[0, 10], [32767, 32767], [-32768, -32768]], "<i2")
    soundfile.write(tmp_path / "a.flac", samples, 16000)
    found = audio.read(tmp_path / "a.flac")
    assert found.waveform.tolist() == [5, 32767, -32768]
    assert (found.rate_hz, found.channels) == (16000, 2)


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"not a wav, but long enough for a header of one"]
)
def test_what_is_no_recording(audio: ModuleType, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ModelFileError, match="cannot be read"):
        audio.read(tmp_path / "a.wav")


def test_short_recording_is_centred(speech: ModuleType) -> None:
    clip = speech.centred(np.ones(8000, np.int16))
    assert len(clip) == 16000
    assert np.flatnonzero(clip)[[0, -1]].tolist() == [4000, 11999]


def test_long_recording_keeps_its_loudest_second(speech: ModuleType) -> None:
    samples = np.ones(48000, np.int16)
    samples[20000:30000] = 1000
    assert np.sum(speech.centred(samples) == 1000) == 10000


def test_split_of_speech_commands_speakers(speech: ModuleType) -> None:
    """These two are in the testing_list.txt and validation_list.txt of Speech Commands v2."""
    assert speech.split_of("bb05582b") == "test"
    assert speech.split_of("a69b9b3e") == "validation"


@pytest.fixture
def recordings(write_wav: Callable[..., Path], tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for word in ("yes", "no", "tree"):
        for speaker in range(40):
            frames = generator.integers(-9000, 9000, 8000).astype("<i2")
            write_wav(tmp_path / word / f"speaker{speaker}_0.wav", frames)
    noise = generator.integers(-900, 900, 5 * 16000).astype("<i2")
    write_wav(tmp_path / "_background_noise_" / "rain.wav", noise)
    return tmp_path


def test_clips_of_a_folder(
    folder: ModuleType, speech: ModuleType, recordings: Path, request_for: Callable[..., Any]
) -> None:
    clips = list(folder.FolderSource(recordings).clips(request_for(10), no_progress))
    words = [clip.word for clip in clips]
    assert set(words) == {"yes", "no", "tree", speech.SILENCE}
    assert all(len(clip.waveform) == 16000 for clip in clips)
    assert sum(c.word == "yes" and c.split == "train" for c in clips) == 10
    speakers = {s: {c.speaker for c in clips if c.split == s} for s in speech.SPLITS}
    spoken = [names - {"rain"} for names in speakers.values()]
    assert sum(len(names) for names in spoken) == len(set.union(*spoken))


def test_names_as_in_speech_commands_are_split_as_it_is(
    folder: ModuleType,
    write_wav: Callable[..., Path],
    request_for: Callable[..., Any],
    tmp_path: Path,
) -> None:
    for speaker in ("bb05582b", "a69b9b3e", "0a2b400e"):
        for word in ("yes", "no"):
            write_wav(tmp_path / word / f"{speaker}_nohash_0.wav", np.full(8000, 999, "<i2"))
    source = folder.FolderSource(tmp_path)
    split = {clip.speaker: clip.split for clip in source.clips(request_for(5), no_progress)}
    assert split == {"bb05582b": "test", "a69b9b3e": "validation", "0a2b400e": "train"}
    assert "as in Speech Commands" in source.description


def test_noise_to_train_in_is_the_first_part(folder: ModuleType, recordings: Path) -> None:
    (noise,) = folder.FolderSource(recordings).noises()
    assert len(noise) == 3 * 16000


def test_same_request_same_clips(
    folder: ModuleType, recordings: Path, request_for: Callable[..., Any]
) -> None:
    source = folder.FolderSource(recordings)
    first, second = (list(source.clips(request_for(5), no_progress)) for _ in range(2))
    assert [c.speaker for c in first] == [c.speaker for c in second]
    assert all(np.array_equal(a.waveform, b.waveform) for a, b in zip(first, second, strict=True))
    other = list(source.clips(request_for(5, seed=2), no_progress))
    assert [c.speaker for c in first] != [c.speaker for c in other]


def test_empty_folder(folder: ModuleType, request_for: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no recordings"):
        list(folder.FolderSource(tmp_path).clips(request_for(1), no_progress))


def test_sources_by_name(kws: ModelSpec, folder: ModuleType, tmp_path: Path) -> None:
    data = kws.module("data")
    assert isinstance(data.open_source(str(tmp_path), kws.data), folder.FolderSource)
    assert data.open_source("synthetic", kws.data).is_clean
    assert "Speech Commands" in data.open_source("speech_commands", kws.data).description
    with pytest.raises(UsageError, match="no source of speech 'microphone'"):
        data.open_source("microphone", kws.data)
