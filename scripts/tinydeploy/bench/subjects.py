"""The models of the bench by name: our own, the real published files that are at hand,
architectures with random weights for the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tinydeploy import models
from tinydeploy.bench import architectures
from tinydeploy.config import BUILD_DIR, ROOT
from tinydeploy.errors import UsageError

SHARED = ROOT.parent / "shared" / "data"
# Published files by their names here, and the architecture that stands for each where it is absent.
REAL = {
    "kws_ref_model": "",
    "vww_96_int8": "vww",
    "pretrainedResnet_quant": "ic",
    "ad01_int8": "ad",
    "tflm/person_detect": "person_detect",
}
_FOLDERS = ("mlperf_tiny", "tflm")  # of SHARED
QUICK = ("sine", "wake_word")  # seconds on a slow machine, and the same everywhere


@dataclass(frozen=True)
class Subject:
    """What to deploy: `model` and `variant` are those of `pipeline.Job`."""

    name: str
    model: str
    variant: str | None = None


def default_names() -> list[str]:
    """Every model that is at hand, in the order of the table."""
    real = [name for name in REAL if real_file(name)]
    stands_in = {REAL[name] for name in real}
    others = [name for name in architectures.BUILDERS if name not in stands_in]
    return [*(subject.name for subject in _own()), *real, *others]


def find(name: str) -> Subject:
    """The subject called `name`; any other name is left to the pipeline, as a file."""
    own = next((subject for subject in _own() if subject.name == name), None)
    if own is not None:
        return own
    file = real_file(name)
    if file is not None:
        return Subject(name, str(file))
    if name in architectures.BUILDERS:
        return Subject(name, str(architectures.write(name, BUILD_DIR / "bench")))
    return Subject(_short_name(name), name)


def expanded(names: Iterable[str]) -> list[str]:
    """The same with every folder replaced by the .tflite files in it, by name.

    Raises:
        UsageError: a folder without any.
    """
    return [each for name in names for each in _expanded(name)]


def real_file(name: str) -> Path | None:
    """The published file of that name if it lies beside the checkout."""
    if name not in REAL:
        return None
    files = (SHARED / folder / f"{Path(name).name}.tflite" for folder in _FOLDERS)
    return next((file for file in files if file.is_file()), None)


def _expanded(name: str) -> list[str]:
    folder = Path(name)
    if not folder.is_dir() or (folder / "saved_model.pb").is_file():
        return [name]
    files = sorted(folder.rglob("*.tflite"))
    if not files:
        raise UsageError(f"no .tflite in the folder {name}", "name a folder of models, or models")
    return list(map(str, files))


def _short_name(name: str) -> str:
    """Of a file: as the published ones are called, where it is one of them."""
    path = Path(name)
    published = {Path(real).name: real for real in REAL}
    return published.get(path.stem, path.stem) if path.suffix == ".tflite" else name


def _own() -> Iterator[Subject]:
    """All int8 variants of our models; float ones have no compiled engine."""
    for name in models.names():
        spec = models.load(name)
        for variant in spec.variants:
            default = variant.name == spec.default_variant
            if variant.quantization == "int8":
                yield Subject(name if default else f"{name}_{variant.name}", name, variant.name)
