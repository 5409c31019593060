"""What a user means by `--model`: one of our models, a .tflite, a .keras file or a SavedModel."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tinydeploy import bootstrap, locks, models
from tinydeploy.config import BUILD_DIR, ROOT
from tinydeploy.errors import ModelFileError
from tinydeploy.graph import read_tflite
from tinydeploy.graph.ir import Model
from tinydeploy.keys import Keyed, key_of, package_key
from tinydeploy.models import ModelSpec
from tinydeploy.ui import Ui

_NAME_CHARACTERS = 40  # of a file's name in a folder's
_HASH_DIGITS = 8


@dataclass(frozen=True)
class Source:
    """A .tflite ready to compile, and where it comes from.

    Attributes:
        name: for people.
        folder: of what is made from it, under build/: no two models share one.
        spec: the recipe of a model of ours; None for a user's model.
        origin: what the .tflite was made from, in words.
    """

    name: str
    folder: str
    tflite: Path
    spec: ModelSpec | None
    variant: str | None
    origin: str

    @cached_property
    def data(self) -> bytes:
        """The .tflite."""
        return read_tflite.read_bytes(self.tflite)

    @cached_property
    def sha256(self) -> str:
        """Hash of the .tflite."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def metrics(self) -> dict[str, Any]:
        """Figures from training of a model of ours; empty for a user's model."""
        return self.spec.metrics(self.variant) if self.spec is not None else {}

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, where known."""
        return self.spec.labels if self.spec is not None else ()

    @cached_property
    def model(self) -> Model:
        """The .tflite as a graph."""
        return read_tflite.load(self.tflite)


def resolve(name: str, variant: str | None, retrain: bool, seed: int | None, ui: Ui) -> Source:
    """Find, convert or train the model that `name` stands for.

    Raises:
        ModelFileError: no such model or file, or not of a format that we take.
        TrainingError: training or conversion failed.
    """
    path = Path(name)
    if name in models.names() and not path.is_file():
        return _own(name, variant, retrain, seed, ui)
    if not path.exists():
        raise ModelFileError(
            f"no model or file {name!r}",
            f"models are: {', '.join(models.names())}; or give a .tflite, .keras or SavedModel",
        )
    if path.suffix == ".tflite":
        return Source(readable_name(path), folder_name(path), path, None, None, _origin(path))
    if path.suffix == ".keras" or (path / "saved_model.pb").is_file():
        return _converted(path, ui)
    raise ModelFileError(
        f"{path} is neither a .tflite, nor a .keras file, nor a SavedModel folder",
        "save the model with model.save('model.keras') or convert it to .tflite",
    )


def _own(name: str, variant: str | None, retrain: bool, seed: int | None, ui: Ui) -> Source:
    spec = models.load(name)
    chosen = spec.variant(variant)
    label = name if chosen.name == spec.default_variant else f"{name}_{chosen.name}"
    if not retrain:
        tflite = spec.tflite(chosen.name)
        return Source(label, label, tflite, spec, chosen.name, f"models/{name}")
    bootstrap.ensure("train")
    from tinydeploy.stages.train import train_and_convert

    folder = BUILD_DIR / label / "train"
    with locks.held(folder, ui.warn), ui.stage("train") as stage:
        trained = train_and_convert(spec, variant=chosen.name, seed=seed, out_dir=folder)
        stage.detail = trained.summary
    return Source(label, label, trained.tflite, spec, chosen.name, f"models/{name}, retrained")


def _converted(path: Path, ui: Ui) -> Source:
    name = readable_name(path)
    folder = BUILD_DIR / folder_name(path)
    out = folder / f"{name}.tflite"
    known = Keyed(out.with_suffix(".json"), key_of(_hash(path), package_key()))
    with locks.held(folder, ui.warn), ui.stage("convert") as stage:
        stage.cached = out.is_file() and known.load() is not None
        if not stage.cached:
            bootstrap.ensure("train")
            from tinydeploy.stages.convert import convert

            out.parent.mkdir(parents=True, exist_ok=True)
            convert(path, out)
            known.save({"tflite": out.name})
        stage.detail = f"{path} to int8, {out.stat().st_size:,} bytes"
    return Source(name, folder.name, out, None, None, _origin(path))


def _hash(path: Path) -> str:
    """Hash over a file, or over the files of a folder."""
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file())
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def readable_name(path: Path) -> str:
    """What a user's file is called: its name in letters, digits, `_`, `-` and `.` of any script."""
    path = _absolute(path)
    plain = unicodedata.normalize("NFC", path.name if path.is_dir() else path.stem)
    return re.sub(r"[^\w.-]+", "_", plain).strip(".-")[:_NAME_CHARACTERS] or "model"


def folder_name(path: Path) -> str:
    """The folder of a user's file under build/: its name, and a hash of where the file lies.

    The hash makes it the file's own: two files of one name, two names that read the same, and a
    model of ours that is called so, too. A file that is trained anew keeps its folder.
    """
    where = hashlib.sha256(os.fsencode(_absolute(path))).hexdigest()
    return f"{readable_name(path)}-{where[:_HASH_DIGITS]}"


def _origin(path: Path) -> str:
    """Where the file lies, from the checkout where it lies in there."""
    whole = _absolute(path)
    return str(whole.relative_to(ROOT) if whole.is_relative_to(ROOT) else whole)


def _absolute(path: Path) -> Path:
    """Where `path` lies; a link keeps its own name, which says more than a cache's."""
    return path.resolve() if path.name in ("", "..") else path.parent.resolve() / path.name
