"""Reads a user's model: Keras's formats, old and new, and SavedModel folders."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import re
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from tinydeploy import bounds, whole
from tinydeploy.errors import ModelFileError, UsageError
from tinydeploy.stages import train_tensorflow

HDF5 = b"\x89HDF"
_OF_EVERY_LAYER = {"name", "trainable", "dtype"}


def load(source: Path, custom_objects: Path | None, warnings: list[str]) -> Any:
    """A Keras model, or what `tf.saved_model.load` gives.

    Args:
        custom_objects: a Python file with the model's own layers and functions.

    Raises:
        ModelFileError: it cannot be read; the message has Keras's reason.
        UsageError: `custom_objects` cannot be run.
    """
    if source.is_dir():
        return _load_saved_model(source)
    _require_bounds(source)
    keras = train_tensorflow.keras()
    known = _custom_objects(custom_objects, source) if custom_objects else {}
    try:
        with _named_by_format(source) as path, train_tensorflow.quiet():
            return _load_keras(keras, path, known, custom_objects is not None, warnings)
    except Exception as error:
        text = reason(error)
        raise ModelFileError(
            f"Keras {keras.__version__} cannot read {source}: {text}", _hint(text)
        ) from error


def _require_bounds(source: Path) -> None:
    """A .keras file is an archive, and may be one that unpacks without end."""
    with suppress(OSError, zipfile.BadZipFile):  # Keras has its own words for those
        if zipfile.is_zipfile(source):
            bounds.check_archive(source, ModelFileError)


def reason(error: BaseException) -> str:
    """What went wrong, whole and in one line: Keras puts it after the configuration of a layer."""
    text = str(error).split("Exception encountered:")[-1]
    text = re.split(r"Full object config:|Received config=|config=\{", text)[0]
    inner = re.search(r"Error encountered during deserialization: (.*)", str(error))
    joined = " ".join(f"{text} {inner[1] if inner else ''}".split())
    return joined or type(error).__name__


@contextmanager
def _named_by_format(source: Path) -> Iterator[Path]:
    """The file under a name that ends as its bytes are: Keras goes by the name."""
    with source.open("rb") as file:
        suffix = ".h5" if file.read(4) == HDF5 else ".keras"
    if source.suffix == suffix:
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="tinydeploy-") as folder:
        copy = Path(folder) / f"model{suffix}"
        whole.copy(source, copy)
        yield copy


def _load_keras(
    keras: Any, path: Path, known: dict[str, Any], trusted: bool, warnings: list[str]
) -> Any:
    options = {"compile": False, "custom_objects": known, "safe_mode": not trusted}
    if path.suffix != ".h5":
        return keras.models.load_model(path, **options)
    with tempfile.TemporaryDirectory(prefix="tinydeploy-") as folder:
        while True:
            try:
                return keras.models.load_model(path, **options)
            except TypeError as error:
                copy = Path(folder) / "model.h5"
                if path != copy:
                    whole.copy(path, copy)
                if not _leave_out(copy, str(error), warnings):
                    raise
                path = copy


def _leave_out(path: Path, message: str, warnings: list[str]) -> bool:
    """Take arguments of Keras 2 from a .h5 that Keras 3 refuses, if they say nothing.

    Returns:
        Whether something was taken away.
    """
    import h5py

    found = re.search(r"Unrecognized keyword arguments passed to (\w+): (\{.*\})", message)
    if found is None:
        return False
    layer, arguments = found[1], ast.literal_eval(found[2])
    if not all(_says_nothing(value) for value in arguments.values()):
        return False
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        taken = sum(_strip(entry, arguments) for entry in _layers(config, layer))
        file.attrs["model_config"] = json.dumps(config).encode()
    said = ", ".join(f"{name}={value}" for name, value in arguments.items())
    warnings.append(f"{layer}: {said} of Keras 2 means nothing in Keras 3 and is left out")
    return taken > 0


def _strip(config: dict[str, Any], arguments: dict[str, Any]) -> bool:
    there = [name for name in arguments if name in config]
    for name in there:
        del config[name]
    return bool(there)


def _says_nothing(value: Any) -> bool:
    """Whether an argument that Keras 3 no longer knows asks for what it does anyway."""
    return value is not True and value in (None, False, 0, 1, "", [], {})


def _layers(config: Any, class_name: str) -> Iterator[dict[str, Any]]:
    """The configurations of all layers of a class, in models within models too."""
    if isinstance(config, dict):
        if config.get("class_name") == class_name and isinstance(config.get("config"), dict):
            yield config["config"]
        for value in config.values():
            yield from _layers(value, class_name)
    elif isinstance(config, list):
        for value in config:
            yield from _layers(value, class_name)


def _custom_objects(path: Path, source: Path) -> dict[str, Any]:
    """Classes and functions of a user's file by their names, and by those that `source` uses."""
    module = _run(path)
    known = {
        name: value
        for name, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", None) == module.__name__
    }
    for value in known.values():
        _accept_config(value)
    registered = re.findall(r'"registered_name": "([^"]+>(\w+))"', _config_text(source))
    return known | {name: known[bare] for name, bare in registered if bare in known}


def _run(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"no file {path}", "--custom-objects takes a Python file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is no Python file", "--custom-objects takes a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's code does
        raise UsageError(
            f"{path} cannot be run: {type(error).__name__}: {' '.join(str(error).split())}",
            "it needs no more than the definitions of the model's own layers and functions",
        ) from error
    finally:
        sys.path.remove(str(path.parent))
    return module


def _accept_config(value: Any) -> None:
    """Let a class without **kwargs be made again: Keras gives every layer its name and type."""
    if not inspect.isclass(value) or "from_config" in vars(value):
        return
    parameters = inspect.signature(value.__init__).parameters
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return
    refused = _OF_EVERY_LAYER - set(parameters)

    def from_config(cls: Any, config: dict[str, Any]) -> Any:
        return cls(**{name: given for name, given in config.items() if name not in refused})

    value.from_config = classmethod(from_config)  # type: ignore[attr-defined]


def _config_text(source: Path) -> str:
    try:
        with zipfile.ZipFile(source) as file:
            return file.read("config.json").decode("utf-8", "replace")
    except (zipfile.BadZipFile, KeyError):
        return ""


def _hint(text: str) -> str:
    if "Could not locate" in text or "Unknown layer" in text:
        return "give the Python file that defines it: --custom-objects FILE.py"
    if "Lambda" in text:
        return (
            "replace it by a layer such as Rescaling, or export a SavedModel where the model was "
            "made: model.export('folder'); --custom-objects FILE.py also lets its code run"
        )
    if "deserializ" in text or "__init__" in text or "keyword argument" in text:
        return "give the Python file of the model's own layers: --custom-objects FILE.py"
    return "save it with model.save('model.keras'), or export a SavedModel with model.export()"


def _load_saved_model(folder: Path) -> Any:
    tf = train_tensorflow.tensorflow()
    try:
        with train_tensorflow.quiet():
            return tf.saved_model.load(str(folder))
    except Exception as error:
        raise ModelFileError(
            f"{folder} is not a SavedModel: {reason(error)}", "write it with model.export()"
        ) from error
