"""`evaluate`: recordings of any form in, a confusion matrix out; and folders that are wrong."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="features need TensorFlow's front end")
pytest.importorskip("soundfile", reason="recordings need soundfile")
import soundfile
from tinydeploy import cli, evaluation, sources
from tinydeploy.errors import ModelFileError, UsageError
from tinydeploy.models import Listening, ModelSpec, no_progress
from tinydeploy.ui import Ui

pytestmark = pytest.mark.train

GENERATOR = np.random.default_rng(0)


def noise(seconds: float, rate_hz: int = 16000, channels: int = 1) -> np.ndarray:
    samples = GENERATOR.integers(-3000, 3000, (int(seconds * rate_hz), channels))
    return samples.astype(np.int16)


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """One of each form."""
    for name, samples, rate_hz in (
        ("yes/a_0.wav", noise(1), 16000),
        ("no/a_0.flac", noise(1, channels=2), 16000),
        ("tree/b_0.wav", noise(0.5), 16000),
        ("tree/b_1.wav", noise(2, 8000), 8000),
        ("_silence_/c_0.wav", 0 * noise(1), 16000),
        ("_background_noise_/rain.wav", noise(10), 16000),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, samples, rate_hz)
    return tmp_path


ALONE = Listening()


def heard(kws: ModelSpec, folder: Path, how: Listening = ALONE) -> Any:
    return kws.module("recorded").load(kws, folder, how, no_progress)


def test_words_labels_and_what_was_done_to_them(kws: ModelSpec, recordings: Path) -> None:
    found = heard(kws, recordings)
    assert found.x.shape == (5, 49, 40, 1)
    assert found.words == ("_silence_", "no", "tree", "tree", "yes")
    assert [kws.labels[at] for at in found.y] == ["silence", "no", "unknown", "unknown", "yes"]
    assert set(found.notes) == {
        "1 recordings of 8,000 Hz resampled to 16,000 Hz",
        "1 recordings of 2 channels: their mean is heard",
        "1 recordings shorter than a second: silence is put around them",
        "1 recordings longer than a second: the loudest second of each is heard",
    }


def test_a_recording_is_heard_as_training_hears_it(kws: ModelSpec, recordings: Path) -> None:
    features, audio = kws.module("features"), kws.module("audio")
    clip = audio.read(recordings / "yes" / "a_0.wav").waveform
    expected = features.to_model(features.features(clip))
    assert np.array_equal(heard(kws, recordings).x[-1, ..., 0], expected)


def test_what_was_before_and_noise_change_what_is_heard(kws: ModelSpec, recordings: Path) -> None:
    plain = heard(kws, recordings).x
    after = heard(kws, recordings, Listening(after_speech=True)).x
    noisy = heard(kws, recordings, Listening(noise_db=0)).x
    assert not np.array_equal(plain, after)
    assert not np.array_equal(plain, noisy)
    assert np.array_equal(after, heard(kws, recordings, Listening(after_speech=True)).x)


def test_figures_by_hand(kws: ModelSpec, recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that always says "yes" is right once in five."""
    source = sources.resolve("kws", None, False, None, Ui())
    answers = np.tile([0.0, 0.1, 0.8, 0.1], (5, 1))
    monkeypatch.setattr(evaluation.train_evaluate, "run_tflm", lambda *_: answers)
    found = evaluation.evaluate(source, recordings, Listening(), None, Ui())
    assert found.confusion == [[0, 0, 1, 0], [0, 0, 2, 0], [0, 0, 1, 0], [0, 0, 1, 0]]
    assert (found.samples, found.accuracy) == (5, 0.2)
    assert found.words["tree"] == [0, 0, 2, 0]
    assert evaluation.table(found).splitlines()[-1] == "accuracy 20.0 % of 5 recordings"


def test_split_by_speaker(kws: ModelSpec, recordings: Path) -> None:
    (recordings / "_silence_" / "c_0.wav").unlink()
    for path in list(recordings.glob("[a-z]*/*_[01].*")):
        path.unlink()
    for speaker in ("bb05582b", "a69b9b3e"):  # of the test, of validation
        soundfile.write(recordings / "yes" / f"{speaker}_nohash_0.wav", noise(1), 16000)
    assert len(heard(kws, recordings, Listening(split="validation")).y) == 1
    with pytest.raises(UsageError, match="no recordings of the train speakers"):
        heard(kws, recordings, Listening(split="train"))


def test_what_is_no_folder_of_recordings(kws: ModelSpec, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder of recordings at"):
        heard(kws, tmp_path / "nowhere")
    with pytest.raises(UsageError, match="has no recordings"):
        heard(kws, tmp_path)
    (tmp_path / "yes").mkdir()
    soundfile.write(tmp_path / "yes" / "a_0.wav", noise(0), 16000)
    with pytest.raises(ModelFileError, match=r"a_0\.wav is empty"):
        heard(kws, tmp_path)
    (tmp_path / "yes" / "a_0.wav").write_bytes(b"RIFF")
    with pytest.raises(ModelFileError, match=r"a_0\.wav cannot be read"):
        heard(kws, tmp_path)


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("--data {0}/nowhere", 2, "no folder of recordings at"),
        ("--data {0} --model sine", 2, "sine is no model of ours that hears recordings"),
        ("--data {0} --model nope", 3, "no model or file 'nope'"),
        ("--data {0} --noise-db loud", 2, "'loud' is no number of decibels"),
        ("--data {0} --target host", 2, "--target host does not go with --board nano33"),
    ],
)
def test_wrong_command_lines(
    recordings: Path, capsys: pytest.CaptureFixture[str], line: str, code: int, message: str
) -> None:
    assert cli.main(["evaluate", *line.format(recordings).split()]) == code
    assert message in capsys.readouterr().err.replace("\n", " ")


def test_json(recordings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", "--data", str(recordings), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["labels"] == ["silence", "unknown", "yes", "no"]
    assert found["samples"] == 5 == np.sum(found["confusion"])
    assert found["accuracy"] == np.trace(found["confusion"]) / 5
    assert found["engine"] == "tflm"


@pytest.mark.slow
def test_simulated_board_answers_as_tflm(
    recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = []
    for target in ("tflm", "simulator"):
        line = ["evaluate", "--data", str(recordings), "--json", "--target", target]
        assert cli.main(line) == 0
        results.append(json.loads(capsys.readouterr().out))
    assert results[1].pop("engine") == "simulator"
    assert results[0].pop("engine") == "tflm"
    assert results[0] == results[1]


def test_board_that_answers_otherwise_is_told(
    kws: ModelSpec, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tinydeploy import boards, targets
    from tinydeploy.errors import ParityError
    from tinydeploy.stages import verify as verify_stage
    from tinydeploy.stages.build_options import BuildOptions

    verify = verify_stage.verify

    def wrong(*arguments: Any, **options: Any) -> Any:
        return dataclasses.replace(
            verify(*arguments, **options), mismatching_bytes=3, first_mismatch="vector 0"
        )

    monkeypatch.setattr(verify_stage, "verify", wrong)
    board = boards.load("nano33")
    boarding = evaluation.Boarding(board, targets.choose("simulator", board), BuildOptions())
    source = sources.resolve("kws", None, False, None, Ui())
    with pytest.raises(ParityError, match="3 of 20 output bytes differ"):
        evaluation.evaluate(source, recordings, Listening(), boarding, Ui())
