"""What a user means by `--model`: one of our models, a .tflite, a .keras file or a SavedModel."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tinydeploy import bootstrap, models
from tinydeploy.config import BUILD_DIR
from tinydeploy.errors import ModelFileError
from tinydeploy.graph import read_tflite
from tinydeploy.graph.ir import Model
from tinydeploy.keys import Keyed, key_of, package_key
from tinydeploy.models import ModelSpec
from tinydeploy.ui import Ui


@dataclass(frozen=True)
class Source:
    """A .tflite ready to compile, and where it comes from.

    Attributes:
        name: names the output folder.
        spec: the recipe of a model of ours; None for a user's model.
        origin: what the .tflite was made from, in words.
    """

    name: str
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
        return Source(_safe(path.stem), path, None, None, str(path))
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
        return Source(label, spec.tflite(chosen.name), spec, chosen.name, f"models/{name}")
    bootstrap.ensure("train")
    from tinydeploy.stages.train import train_and_convert

    with ui.stage("train") as stage:
        folder = BUILD_DIR / label / "train"
        trained = train_and_convert(spec, variant=chosen.name, seed=seed, out_dir=folder)
        stage.detail = trained.summary
    return Source(label, trained.tflite, spec, chosen.name, f"models/{name}, retrained")


def _converted(path: Path, ui: Ui) -> Source:
    name = _safe(path.stem)
    out = BUILD_DIR / name / f"{name}.tflite"
    known = Keyed(out.with_suffix(".json"), key_of(_hash(path), package_key()))
    with ui.stage("convert") as stage:
        stage.cached = out.is_file() and known.load() is not None
        if not stage.cached:
            bootstrap.ensure("train")
            from tinydeploy.stages.convert import convert

            out.parent.mkdir(parents=True, exist_ok=True)
            convert(path, out)
            known.save({"tflite": out.name})
        stage.detail = f"{path} to int8, {out.stat().st_size:,} bytes"
    return Source(name, out, None, None, str(path))


def _hash(path: Path) -> str:
    """Hash over a file, or over the files of a folder."""
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file())
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _safe(stem: str) -> str:
    """A file name that is safe as a folder and in messages."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", stem).strip(".") or "model"
