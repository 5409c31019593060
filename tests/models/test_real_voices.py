"""Real voices, which no model here was trained on: spoken digits must not pass for yes or no."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="features need TensorFlow's front end")
pytest.importorskip("scipy")
pytest.importorskip("soundfile", reason="recordings need soundfile")

from tinydeploy.config import ROOT
from tinydeploy.models import ModelSpec
from tinydeploy.stages import train_evaluate

RECORDINGS = ROOT.parent / "shared" / "data" / "fsdd" / "recordings"
COUNT = 200
MAX_FALSE_ACCEPTS = 0.10

pytestmark = [
    pytest.mark.train,
    pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"no recordings at {RECORDINGS}"),
]


@pytest.fixture(scope="module")
def digits(kws: ModelSpec, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """Features of a seeded choice of recordings, with a noise floor as any microphone has."""
    audio, speech = kws.module("audio"), kws.module("speech")
    augment, features = kws.module("augment"), kws.module("features")
    noises = kws.module("noise").Noises()
    floor = augment.Augmentation.of(
        {
            **kws.data["augmentation"],
            "snr_db": (25, 25),
            "level_dbfs": (-12, -12),
            "noise_share": 1,
            **dict.fromkeys(("speed_share", "equalizer_share", "reverb_share"), 0),
            "band_limit_share": 0,
        }
    )
    paths = sorted(RECORDINGS.glob("*.wav"))
    generator = np.random.default_rng(0)
    clips = [
        speech.centred(audio.read(paths[i]).waveform)
        for i in generator.permutation(len(paths))[:COUNT]
    ]
    return np.stack(
        [features.features(floor.apply(clip, generator, noises, -12)) for clip in clips]
    )


@pytest.mark.parametrize("variant", ["tiny_conv", "ds_cnn"])
def test_digits_are_unknown(kws: ModelSpec, digits: np.ndarray, variant: str) -> None:
    model = kws.tflite(variant).read_bytes()
    heard = train_evaluate.run_tflm(model, digits[..., np.newaxis]).argmax(axis=1)
    accepted = np.isin(heard, [kws.labels.index("yes"), kws.labels.index("no")])
    assert accepted.mean() <= MAX_FALSE_ACCEPTS
    assert (heard == kws.labels.index("unknown")).mean() > 0.85


def test_a_folder_of_real_recordings(kws: ModelSpec, tmp_path: Path) -> None:
    """FSDD as word/speaker_number.wav: too few speakers for splits of their own (fewer than five),
    so it goes by recording: no recording is in two splits, and each split has some.
    """
    for path in sorted(RECORDINGS.glob("[0-9]_*_[0-4].wav")):
        digit, speaker, number = path.stem.split("_")
        (tmp_path / digit).mkdir(exist_ok=True)
        (tmp_path / digit / f"{speaker}_{number}.wav").symlink_to(path)
    folder, speech = kws.module("folder"), kws.module("speech")
    counts = {split: {"3": 10, "7": 10, speech.OTHER: 20} for split in speech.SPLITS}
    request = speech.Request(("3", "7"), counts)
    clips = list(folder.FolderSource(tmp_path).clips(request, lambda *_: None))
    assert {clip.speaker for clip in clips} <= {p.stem.split("_")[1] for p in RECORDINGS.iterdir()}
    of_recording: dict[bytes, set[str]] = {}
    for clip in clips:
        of_recording.setdefault(clip.waveform.tobytes(), set()).add(clip.split)
        assert np.abs(clip.waveform.astype(int)).max() > 500
    assert all(len(splits) == 1 for splits in of_recording.values())
    assert set.union(*of_recording.values()) == set(speech.SPLITS)
