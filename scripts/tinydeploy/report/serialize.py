"""`report.json`, there and back."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, is_dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from tinydeploy.report.model import Report


def to_dict(report: Report) -> dict[str, Any]:
    """The report's fields by their names, and the figures that follow from them."""
    document = asdict(report)
    document["verified"] = report.verified
    document["milliseconds"] = report.milliseconds
    for row in document["cycles"]["per_op"]:
        row["percent"] = 100 * row["cycles"] / report.cycles.mean if report.cycles.mean else 0.0
        row["cycles_per_mac"] = row["cycles"] / row["macs"] if row["macs"] else None
    return document


def to_json(report: Report) -> str:
    """Text of `report.json`."""
    return json.dumps(to_dict(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def from_dict(document: dict[str, Any]) -> Report:
    """The report that `to_dict` was given; keys that are not fields are left out."""
    report: Report = _restore(Report, document)
    return report


def _restore(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        known = [field.name for field in fields(kind) if field.name in value]
        return kind(**{name: _restore(hints[name], value[name]) for name in known})  # type: ignore[operator]
    if get_origin(kind) is tuple:
        return tuple(_restore(get_args(kind)[0], item) for item in value)
    if get_origin(kind) is UnionType:
        return _restore(next(part for part in get_args(kind) if part is not type(None)), value)
    return value
