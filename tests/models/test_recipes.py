"""Recipes: what `tinydeploy.models` reads, and what it says of wrong ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tinydeploy import models, tools
from tinydeploy.errors import ModelFileError, UsageError
from tinydeploy.models import ModelSpec

RECIPE = """
name = "tiny"
title = "Tiny"
task = "regression"
default_variant = "a"
[variants.a]
quantization = "int8"
tflite = "a.tflite"
[variants.b]
quantization = "float"
tflite = "b.tflite"
[training]
epochs = 1
"""


@pytest.fixture
def tiny(tmp_path: Path) -> ModelSpec:
    (tmp_path / "model.toml").write_text(RECIPE, encoding="utf-8")
    return models.load_folder(tmp_path)


def test_both_models_are_there() -> None:
    assert {"kws", "sine"} <= set(models.names())


def test_keyword_recipe(kws: ModelSpec) -> None:
    assert kws.labels == ("silence", "unknown", "yes", "no")
    assert {variant.name for variant in kws.variants} == {"tiny_conv", "ds_cnn"}
    assert not kws.is_regression


def test_default_variant_and_others(tiny: ModelSpec) -> None:
    assert tiny.variant().name == "a"
    assert tiny.variant("b").quantization == "float"
    with pytest.raises(UsageError, match="no variant 'c'") as caught:
        tiny.variant("c")
    assert "a, b" in caught.value.hint


def test_unknown_model() -> None:
    with pytest.raises(ModelFileError, match="no model 'nope'"):
        models.load("nope")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('task = "regression"', 'task = "guess"', "task is 'guess'"),
        ('quantization = "int8"', 'quantization = "int4"', "quantization is 'int4'"),
        ('default_variant = "a"', 'default_variant = "z"', "default_variant is 'z'"),
        ('title = "Tiny"', "", "'title' is missing"),
        ('tflite = "a.tflite"', "", "'tflite' is missing"),
        ("[training]", "[training", "model.toml: "),
    ],
)
def test_wrong_recipes(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "model.toml").write_text(RECIPE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ModelFileError, match=message):
        models.load_folder(tmp_path)


def test_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no recipe"):
        models.load_folder(tmp_path)


def test_recipes_and_training_code_load_without_tensorflow() -> None:
    code = (
        "import sys; from tinydeploy import models; from tinydeploy.stages import convert, train\n"
        "spec = models.load('kws'); spec.module('data')\n"
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    path = str(Path(models.__file__).parents[1])
    done = tools.run([sys.executable, "-c", code], what="the import", env={"PYTHONPATH": path})
    assert done.stdout.strip() == "[]"
