"""Keywords of a user's own: the recipe as it is, with other labels."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from tinydeploy import cli, models, records, sources
from tinydeploy.errors import UsageError
from tinydeploy.models import ModelSpec, no_progress
from tinydeploy.ui import Ui


def test_labels(kws: ModelSpec) -> None:
    spec = models.for_words(kws, ("zero", "one"))
    assert spec.labels == ("silence", "unknown", "zero", "one")
    assert spec.words == ("zero", "one")
    assert kws.words == ()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "names a keyword twice, or none"),
        (("one", "one"), "names a keyword twice, or none"),
        (("one", "silence"), "'silence' is no keyword"),
        (("one", ""), "'' is no keyword"),
        (("../one",), "'../one' is no keyword"),
    ],
)
def test_what_is_no_keyword(kws: ModelSpec, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        models.for_words(kws, words)


def test_a_model_that_spots_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "sine", "--words", "up,on"]) == 2
    assert "sine spots no keywords" in capsys.readouterr().err


def test_a_keyword_is_not_said_for_unknown(kws: ModelSpec) -> None:
    pytest.importorskip("espeakng_loader", reason="synthetic speech needs espeakng-loader")
    assert {"zero", "one"} <= set(kws.data["unknown_words"])
    source = kws.module("synthetic").SyntheticSpeech(kws.data)
    spec = models.for_words(kws, ("zero", "one"))
    request = kws.module("data").make_request(spec, 1)
    said = [*source._words(request, "train")]
    assert said.count("zero") == kws.data["train"]
    assert "yes" not in said


@pytest.mark.train
@pytest.mark.slow
def test_what_was_trained_for_other_words_is_the_last_training(
    kws: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorflow", reason="training needs TensorFlow")
    pytest.importorskip("espeakng_loader", reason="synthetic speech needs espeakng-loader")
    from tinydeploy.stages.train import Training, train_and_convert

    monkeypatch.setattr(records, "BUILD_DIR", tmp_path)
    small = {**kws.data, "train": 8, "validation": 2, "test": 3, "test_points": 12}
    spec = dataclasses.replace(models.for_words(kws, ("zero", "one")), data=small)
    out_dir = records.training_folder(kws, "tiny_conv")
    train_and_convert(spec, Training("tiny_conv", epochs=1), out_dir=out_dir, progress=no_progress)
    trained = sources.resolve("kws", "tiny_conv", False, None, Ui(), sources.Given(trained=True))
    assert trained.labels == ("silence", "unknown", "zero", "one")
    assert trained.spec is not None
    assert trained.spec.words == ("zero", "one")
    assert sources.resolve("kws", "tiny_conv", False, None, Ui()).labels == kws.labels
