"""`models`: those that there are, with their figures."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tinydeploy.commands import common
from tinydeploy.ui import Ui

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinydeploy.models import ModelSpec, Variant


def add(commands: common.Commands) -> None:
    """Add the command."""
    common.add_json(
        common.add(commands, "models", run, "list the models with their variants and figures")
    )


def run(options: argparse.Namespace, ui: Ui) -> None:
    """Run the command."""
    from tinydeploy import models

    specs = [models.load(name) for name in models.names()]
    rows = [_model_row(spec, variant) for spec in specs for variant in spec.variants]
    common.print_result(options, rows, *(line for spec in specs for line in _model_lines(spec)))


def _model_row(spec: ModelSpec, variant: Variant) -> dict[str, object]:
    from tinydeploy import records

    return {
        "model": spec.name,
        "title": spec.title,
        "variant": variant.name,
        "default": variant.name == spec.default_variant,
        "quantization": variant.quantization,
        "tflite": _committed(spec, variant),
        "metrics": records.metrics_of(spec.folder, variant.name),
    }


def _model_lines(spec: ModelSpec) -> Iterator[str]:
    yield f"{spec.name}: {spec.title}"
    for variant in spec.variants:
        mark = "*" if variant.name == spec.default_variant else " "
        yield f"  {mark} {variant.name:<12}{_figures(spec, variant)}"


def _committed(spec: ModelSpec, variant: Variant) -> Path | None:
    """The .tflite of a variant; None where it has not been trained yet."""
    path = spec.folder / variant.tflite
    return path if path.is_file() else None


def _figures(spec: ModelSpec, variant: Variant) -> str:
    """Size, and what training measured, as far as they are known."""
    from tinydeploy import records

    path, record = _committed(spec, variant), records.of_folder(spec, variant.name, spec.folder)
    if path is None:
        return f"not trained yet: `tinydeploy train {spec.name} --variant {variant.name} --update`"
    size = f"{path.stat().st_size:,} bytes, {variant.quantization}"
    return f"{size}, {record.figures}" if record.metrics else size
