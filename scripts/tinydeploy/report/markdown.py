"""`report.md`: the same figures for a pull request, a CI summary or a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tinydeploy.report import text
from tinydeploy.report.model import Report


def render(report: Report) -> str:
    """The whole document, GitHub-flavoured."""
    report = text.harmless(report)
    parts = [
        f"# {_cell(text.title(report))} on {report.board_info.name}",
        _verdict(report),
        _figures(report),
        _confusion(report),
        _operators(report),
        _receipt(report),
        _reproduce(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdict(report: Report) -> str:
    mark = "✅" if report.verified else "❌"
    by = f"{text.target(report).lower()}; judge: {text.judge(report)}"
    line = f"{mark} **{text.verdict(report)}** ({by})"
    if report.model.source:
        line += f"\n\nModel: {_cell(report.model.source)}"
    if report.parity.first_mismatch:
        line += f"\n\n{_cell(report.parity.first_mismatch)}"
    for doubt in text.doubts(report):
        line += f"\n\n{_cell(doubt)}"
    return line


def _figures(report: Report) -> str:
    accuracy, size = report.accuracy, report.size
    rows = [
        ("one inference", text.time(report), text.counted(report, short=False)),
        ("flash", text.size(size.flash_bytes), f"model {text.size(size.model_bytes)}"),
        ("static RAM", text.size(size.ram_bytes), "without arena and stack"),
        ("arena", text.size(size.arena_bytes), ""),
        ("stack", text.size(size.stack_bytes), "high-water"),
    ]
    if accuracy.device is not None:
        host = f"host {text.score(accuracy, accuracy.host)}"
        float_model = f", float model {text.score(accuracy, accuracy.float_model)}"
        note = host + (float_model if accuracy.float_model is not None else "")
        rows.insert(0, (accuracy.metric, text.score(accuracy, accuracy.device), note))
    if report.energy:
        rows.append(("energy, estimated", text.energy(report.energy.microjoule), _energy(report)))
    return _table(("", "device", ""), rows, right=(1,))


def _energy(report: Report) -> str:
    assert report.energy is not None
    return f"{report.energy.picojoule_per_cycle:g} pJ per cycle: {report.energy.source}"


def _confusion(report: Report) -> str:
    accuracy = report.accuracy
    if not accuracy.confusion:
        return ""
    rows = [
        (label, *map(str, row))
        for label, row in zip(accuracy.labels, accuracy.confusion, strict=True)
    ]
    numbers = tuple(range(1, len(accuracy.labels) + 1))
    return _table(("true, said", *accuracy.labels), rows, right=numbers)


def _operators(report: Report) -> str:
    if not report.cycles.per_op:
        return ""
    rows = [
        (
            str(row.index),
            row.op,
            text.shape(row.output_shape),
            text.count(row.macs) if row.macs else "",
            text.count(row.cycles),
            text.ratio(row.cycles, row.macs) if row.macs else "",
            text.percent(row.cycles, report.cycles.mean),
        )
        for row in report.cycles.per_op
    ]
    header = ("#", "operator", "output", "MACs", report.cycles.unit, "per MAC", "share")
    slower = "\n".join(
        f"- {row.index} {row.op}: {row.fallback}" for row in report.cycles.per_op if row.fallback
    )
    note = f"\n\nWithout a faster kernel:\n\n{slower}" if slower else ""
    return "## Operators\n\n" + _table(header, rows, right=(0, 3, 4, 5, 6)) + note


def _receipt(report: Report) -> str:
    parity = report.parity
    rows = [
        ("vectors", ", ".join(filter(None, (text.count(parity.vectors), text.ways(report))))),
        ("mismatching bytes", text.count(parity.mismatching_bytes)),
        ("engine", report.engine),
    ]
    if parity.distinct_outputs is not None and parity.vectors:
        rows.insert(2, ("distinct outputs", text.count(parity.distinct_outputs)))
    rows += [
        (name, value)
        for name, value in (
            ("quantized with", report.model.quantized_with),
            ("trained on", report.model.trained_on),
        )
        if value
    ]
    hashes = (
        ("build id", parity.build_id),
        ("model", parity.model_sha256),
        ("firmware", parity.firmware_sha256),
        ("inputs", parity.vectors_sha256),
        ("outputs", parity.outputs_sha256),
    )
    rows += [(name, f"`{value}`") for name, value in hashes if value]
    return "## Parity receipt\n\n" + _table(("", ""), rows)


def _reproduce(report: Report) -> str:
    parts = [f"    {report.command}"] if report.command else []
    if report.versions:
        versions = ", ".join(f"{name} {value}" for name, value in sorted(report.versions.items()))
        parts.append(f"With {versions}.")
    return "## Reproduce\n\n" + "\n\n".join(parts) if parts else ""


def _table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()
) -> str:
    rules = ["---:" if column in right else "---" for column in range(len(header))]
    lines = [_row(header), _row(rules), *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(content: str) -> str:
    """Text of a model or label, with what Markdown would take for its own made harmless."""
    return (
        content.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("[", "\\[")
    )
