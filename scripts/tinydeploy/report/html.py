"""`report.html`: one file, no scripts, nothing fetched; light and dark, desk and phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tinydeploy.report import charts, colors, text
from tinydeploy.report.model import Report

_FOLDER = Path(__file__).parent


def render(report: Report) -> str:
    """The whole page."""
    report = text.harmless(report)
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("template.html").render(**_context(report))


def _context(report: Report) -> dict[str, Any]:
    op_colors = colors.of_ops(report)
    curve = report.accuracy.curve
    return {
        "report": report,
        "text": text,
        "op_colors": op_colors,
        "memory_map": report.memory and charts.memory_maps(report.memory, op_colors),
        "kinds": charts.kinds(report.memory) if report.memory else set(),
        "curve": curve and charts.curve(curve),
        "flash": _flash_parts(report),
        "ram": _ram_parts(report),
        "model_sizes": _model_sizes(report),
        "costliest": max((row.cycles for row in report.cycles.per_op), default=1) or 1,
        "confusion": _confusion_rows(report),
    }


def _flash_parts(report: Report) -> list[tuple[str, int]]:
    """Name and bytes of what fills the flash, free space last."""
    size = report.size
    parts = [(section.name, section.size_bytes) for section in size.flash_sections] or [
        ("model", size.model_bytes),
        ("code", size.flash_bytes - size.model_bytes),
    ]
    return [part for part in parts if part[1] > 0]


def _ram_parts(report: Report) -> list[tuple[str, int]]:
    size = report.size
    return [
        ("arena", size.arena_bytes),
        ("stack, high-water", size.stack_bytes),
        ("static data", size.ram_bytes),
    ]


def _model_sizes(report: Report) -> list[tuple[str, int]]:
    model = report.model
    sizes = [
        ("Keras", model.keras_bytes),
        ("float32 TFLite", model.float_bytes),
        ("int8 TFLite", model.int8_bytes),
    ]
    return [(name, size) for name, size in sizes if size]


def _confusion_rows(report: Report) -> list[tuple[str, list[tuple[int, float]]]]:
    """Label, and for each prediction the count and its share of the row."""
    accuracy = report.accuracy
    return [
        (label, [(count, count / max(sum(row), 1)) for count in row])
        for label, row in zip(accuracy.labels, accuracy.confusion, strict=True)
    ]
