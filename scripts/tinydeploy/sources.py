"""What a user means by `--model`: one of our models, or a file, known by its bytes."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.markup import escape

from tinydeploy import bootstrap, locks, models, records, whole
from tinydeploy.config import BUILD_DIR, ROOT
from tinydeploy.errors import ModelFileError, UsageError
from tinydeploy.foreign import shown
from tinydeploy.graph import c_array, read_tflite, schema, signatures
from tinydeploy.graph.ir import Model
from tinydeploy.keys import CachedResult, key_of, package_key
from tinydeploy.models import ModelSpec
from tinydeploy.records import Record
from tinydeploy.ui import Ui
from tinydeploy.words import did_you_mean

_NAME_CHARACTERS = 40  # of a file's name in a folder's
_HASH_DIGITS = 8
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Source:
    """A .tflite ready to compile, and where it comes from.

    Attributes:
        name: for people.
        folder: of what is made from it, under build/: no two models share one.
        spec: the recipe of a model of ours; None for a user's model.
        origin: what the .tflite was made from, in words.
        record: of the training that made it; None for a user's model.
        quantized_with: the data by which it was quantized, in words, where that was done here.
        warnings: what a user should know of the model, for the report.
    """

    name: str
    folder: str
    tflite: Path
    spec: ModelSpec | None
    variant: str | None
    origin: str
    record: Record | None = None
    quantized_with: str = ""
    warnings: tuple[str, ...] = ()

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
        return self.record.metrics if self.record is not None else {}

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, where known."""
        return self.record.labels if self.record is not None else ()

    @cached_property
    def model(self) -> Model:
        """The .tflite as a graph."""
        return read_tflite.load(self.tflite)


@dataclass(frozen=True)
class Given:
    """What a user says of a model beside its name.

    Attributes:
        trained: take what `train` or `--retrain` left in build/, not the committed model.
        representative: typical inputs to quantize by, or "noise".
        data: test data, which serve as representative if nothing else is given.
        signature: the function of a model that has several.
        custom_objects: Python file with the layers of the model's own.
    """

    trained: bool = False
    representative: Path | str | None = None
    data: Path | None = None
    signature: str | None = None
    custom_objects: Path | None = None


NOTHING = Given()


def resolve(
    name: str,
    variant: str | None,
    retrain: bool,
    seed: int | None,
    ui: Ui,
    given: Given = NOTHING,
) -> Source:
    """Find, convert or train the model that `name` stands for.

    Raises:
        ModelFileError: no such model or file, or not of a format that we take, or a model of ours
            whose parts do not belong together.
        UsageError: an option that the model has no use for.
        TrainingError: training or conversion failed.
    """
    path = Path(name)
    if name in models.names() and not path.is_file():
        _require_unused(name, given, "representative", "signature", "custom_objects")
        return _own(name, variant, retrain, seed, ui, given.trained)
    if not path.exists():
        known = f"models are: {', '.join(models.names())}; or give a .tflite, .keras or SavedModel"
        raise ModelFileError(
            f"no model or file {name!r}", did_you_mean(name, models.names(), known)
        )
    _require_unused(name, given, "trained")
    if variant or retrain:
        option = "variant" if variant else "retrain"
        raise UsageError(
            f"--{option} does not go with the file {name}", "it is for models of ours: leave it out"
        )
    return _of_file(path, ui, given)


def _require_unused(name: str, given: Given, *options: str) -> None:
    used = [option for option in options if getattr(given, option)]
    if used:
        raise UsageError(
            f"--{used[0].replace('_', '-')} does not go with the model {name}", "leave it out"
        )


def _of_file(path: Path, ui: Ui, given: Given) -> Source:
    kind = kind_of(path)
    if kind in (KERAS, SAVED_MODEL):
        return _converted(path, ui, given)
    _require_unused(str(path), given, "representative", "custom_objects")
    if kind == C_SOURCE:
        data, array = c_array.read(path)
        return _written(path, data, f"{_origin(path)}, {array}[]", ui, given)
    if path.suffix == ".tflite" or kind == TFLITE:
        data = read_tflite.read_bytes(path)
        source = Source(readable_name(path), folder_name(path), path, None, None, _origin(path))
        chosen = signatures.chosen(data, given.signature, path.name)
        return source if chosen is data else _written(path, chosen, source.origin, ui, given)
    raise ModelFileError(
        f"{path} is neither a .tflite, nor a Keras file (.keras, .h5), nor a SavedModel folder, "
        f"nor C source with a model: {read_tflite.looks_like(path)}",
        "save the model with model.save('model.keras') or convert it to .tflite",
    )


TFLITE, KERAS, SAVED_MODEL, C_SOURCE, UNKNOWN = ".tflite", "Keras", "SavedModel", "C", ""


def kind_of(path: Path) -> str:
    """The format of a file or folder by its first bytes; C source by its name."""
    if path.is_dir():
        return SAVED_MODEL if (path / "saved_model.pb").is_file() else UNKNOWN
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError:
        return UNKNOWN
    if start[4:8] == schema.IDENTIFIER:
        return TFLITE
    if start.startswith((b"PK\x03\x04", b"\x89HDF")) or path.suffix in (".keras", ".h5", ".hdf5"):
        return KERAS
    return C_SOURCE if path.suffix.lower() in c_array.SUFFIXES else UNKNOWN


def _written(path: Path, data: bytes, origin: str, ui: Ui, given: Given) -> Source:
    """A .tflite that was taken out of the file at `path`, in the model's build folder."""
    name, folder = readable_name(path), _build_folder(path, given)
    if given.signature:
        data, origin = signatures.chosen(data, given.signature, path.name), _of(origin, given)
    else:
        signatures.chosen(data, None, path.name)
    out = folder / f"{name}.tflite"
    with locks.held(folder, ui.warn):
        whole.write_if_changed(out, data)
    return Source(name, folder.name, out, None, None, origin)


def _build_folder(path: Path, given: Given) -> Path:
    """Each function of a model has a folder of its own."""
    signature = f"-{readable_name(Path(given.signature))}" if given.signature else ""
    return BUILD_DIR / f"{folder_name(path)}{signature}"


def _of(origin: str, given: Given) -> str:
    return f"{origin}, signature {given.signature}" if given.signature else origin


def _own(
    name: str, variant: str | None, retrain: bool, seed: int | None, ui: Ui, trained: bool
) -> Source:
    spec = models.load(name)
    chosen = spec.variant(variant).name
    if retrain and trained:
        raise UsageError("--retrain and --trained do not go together", "leave one of them out")
    if retrain:
        return _trained(_retrained(spec, chosen, seed, ui), "retrained")
    if trained:
        found = records.training(spec, chosen)
        if found is None:
            folder = records.shown(records.training_folder(spec, chosen))
            raise ModelFileError(
                f"{folder} has no training of {name} for the labels of its recipe",
                f"`tinydeploy train {name}` makes one, --retrain deploys it, too",
            )
        return _trained(found, "as it was trained last")
    return _committed(records.committed(spec, chosen), ui)


def _retrained(spec: ModelSpec, variant: str, seed: int | None, ui: Ui) -> Record:
    bootstrap.ensure("train")
    from tinydeploy.stages.train import Training, train_and_convert

    folder = records.training_folder(spec, variant)
    with locks.held(folder, ui.warn), ui.stage("train") as stage:
        trained = train_and_convert(spec, Training(variant, seed), out_dir=folder)
        stage.detail = trained.summary
    return records.of_folder(spec, variant, folder)


def _trained(record: Record, how: str) -> Source:
    record.check()
    return _source(record, f"models/{record.spec.name}, {how}")


def _committed(record: Record, ui: Ui) -> Source:
    """The model in the folder of its recipe, and word of a training that is not it."""
    spec, last = record.spec, records.training(record.spec, record.variant)
    source = _source(record, f"models/{spec.name}")
    if last is None or last.sha256 == record.sha256:
        return source
    note = (
        f"{spec.name} was trained since ({last.figure}), and that is not the committed model "
        f"({record.figure}) which is taken here: --trained takes it"
    )
    ui.say(f"[yellow]note:[/yellow] {escape(note)}")
    return replace(source, warnings=(note,))


def _source(record: Record, origin: str) -> Source:
    label = records.training_folder(record.spec, record.variant).parent.name
    return Source(
        *(label, label, record.tflite, record.spec, record.variant, origin, record),
        quantized_with=record.metrics.get("quantized_with", ""),
    )


def _converted(path: Path, ui: Ui, given: Given) -> Source:
    name, folder = readable_name(path), _build_folder(path, given)
    representative = given.representative or _usable(given.data)
    key = key_of(
        *(_hash(path), package_key(), given.signature or "", _hash_of(given.custom_objects)),
        representative if isinstance(representative, str) else _hash_of(representative),
    )
    out = folder / f"{name}.{key[:8]}.tflite"  # another conversion may be in use
    known = CachedResult(out.with_suffix(".json"), key, (out,))
    with locks.held(folder, ui.warn), ui.stage("convert") as stage:
        said = known.load()
        stage.cached = said is not None
        if said is None:
            bootstrap.ensure("train")
            said = known.made(lambda: _convert(path, out, representative, given))
        stage.detail = (
            f"{path} to int8, {out.stat().st_size:,} bytes, quantized with {said['ranges']}"
        )
    for warning in said["warnings"]:
        ui.warn(warning)
    return Source(
        *(name, folder.name, out, None, None, _of(_origin(path), given)),
        quantized_with=said["ranges"],
        warnings=tuple(said["warnings"]),
    )


def _convert(
    path: Path, out: Path, representative: Path | str | None, given: Given
) -> dict[str, Any]:
    """What the conversion to `out` said, see `stages.convert.Conversion`."""
    from tinydeploy.stages.convert import Loading, convert_all

    done = convert_all(
        *(path, [(out, "int8")], representative),
        loading=Loading(given.custom_objects, given.signature),
        warn=lambda _: None,
    )
    return {"ranges": done.ranges, "warnings": list(done.warnings)}


def _usable(data: Path | None) -> Path | None:
    """Test data by which a model can be quantized; a folder holds quantized bytes."""
    return data if data is not None and not data.is_dir() else None


def _hash_of(path: Path | None) -> str:
    return _hash(path) if path is not None and path.exists() else str(path or "")


def _hash(path: Path) -> str:
    """Hash over a file, or over the files of a folder."""
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file())
    for file in files:
        digest.update(os.fsencode(file.name) + b"\0")
        with file.open("rb") as stream:
            while piece := stream.read(_PIECE_BYTES):
                digest.update(piece)
    return digest.hexdigest()


def readable_name(path: Path) -> str:
    """What a user's file is called: its name in letters, digits, `_`, `-` and `.` of any script."""
    path = _absolute(path)
    plain = unicodedata.normalize("NFC", path.name if path.is_dir() else path.stem)
    return re.sub(r"[^\w.-]+", "_", plain).strip(".-")[:_NAME_CHARACTERS] or "model"


def folder_name(path: Path) -> str:
    """The folder of a user's file under build/: its name, and a hash of where the file lies.

    The hash makes it the file's own: two files of one name, two names that read the same, and a
    model of ours that is called so, too. A file that is trained again keeps its folder.
    """
    where = hashlib.sha256(os.fsencode(_absolute(path))).hexdigest()
    return f"{readable_name(path)}-{where[:_HASH_DIGITS]}"


def _origin(path: Path) -> str:
    """Where the file lies, from the checkout where it lies in there."""
    whole = _absolute(path)
    return shown(str(whole.relative_to(ROOT) if whole.is_relative_to(ROOT) else whole), 4096)


def _absolute(path: Path) -> Path:
    """Where `path` lies; a link keeps its own name, which says more than a cache's."""
    return path.resolve() if path.name in ("", "..") else path.parent.resolve() / path.name
