"""The models of the bench by name: our own, MLPerf Tiny's kws if it is there, architectures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tinydeploy import models
from tinydeploy.bench import architectures
from tinydeploy.config import BUILD_DIR, ROOT

MLPERF_KWS = ROOT.parent / "shared" / "data" / "mlperf_tiny" / "kws_ref_model.tflite"
QUICK = ("sine", "ad")  # a minute on a slow machine


@dataclass(frozen=True)
class Subject:
    """What to deploy: `model` and `variant` are those of `pipeline.Job`."""

    name: str
    model: str
    variant: str | None = None


def default_names() -> list[str]:
    """Every model that is at hand, in the order of the table."""
    mlperf = [MLPERF_KWS.stem] if MLPERF_KWS.is_file() else []
    return [*(subject.name for subject in _own()), *mlperf, *architectures.BUILDERS]


def find(name: str) -> Subject:
    """The subject called `name`; any other name is left to the pipeline, as a file."""
    own = next((subject for subject in _own() if subject.name == name), None)
    if own is not None:
        return own
    if name == MLPERF_KWS.stem and MLPERF_KWS.is_file():
        return Subject(name, str(MLPERF_KWS))
    if name in architectures.BUILDERS:
        return Subject(name, str(architectures.write(name, BUILD_DIR / "bench")))
    return Subject(name, name)


def _own() -> Iterator[Subject]:
    """All int8 variants of our models; float ones have no compiled engine."""
    for name in models.names():
        spec = models.load(name)
        for variant in spec.variants:
            default = variant.name == spec.default_variant
            if variant.quantization == "int8":
                yield Subject(name if default else f"{name}_{variant.name}", name, variant.name)
