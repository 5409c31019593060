"""The short summary at the end of `deploy`: verdict, figures, the operators that cost most."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tinydeploy.report import text
from tinydeploy.report.model import Report

_TOP_OPS = 5
_BAR_WIDTH = 24
_WIDE = 72  # columns that leave room for bars


def show(report: Report, console: Console) -> None:
    """Print the summary."""
    console.print(summary(report, console.width))


def summary(report: Report, width: int = _WIDE) -> RenderableType:
    """The summary for a terminal of `width` columns, to be printed."""
    report = text.harmless(report)
    parts: list[RenderableType] = [_headline(report)]
    if report.parity.first_mismatch:
        parts.append(Text(f"  {report.parity.first_mismatch}", style="red"))
    for doubt in text.doubts(report):
        parts.append(Padding(Text(doubt, style="yellow"), (0, 0, 0, 2)))
    parts.append(Padding(_figures(report), (1, 0, 0, 2)))
    if report.cycles.per_op:
        parts.append(Padding(_operators(report, width >= _WIDE), (1, 0, 0, 2)))
        parts += _slower(report)
    return Group("", *parts, "")


def _headline(report: Report) -> Text:
    style, mark = ("bold green", "✓") if report.verified else ("bold red", "✗")
    line = Text.assemble(
        (f"{mark} {text.verdict(report)}", style),
        f"  {report.model.name} on {report.board_info.name}",
    )
    origin = f"{report.model.source}, " if report.model.source else ""
    line.append(f"\n  {origin}{text.target(report)}, judged by {text.judge(report)}", style="dim")
    if ways := text.ways(report):
        line.append(f"\n  {ways}", style="dim")
    return line


def _figures(report: Report) -> Table:
    accuracy, size, board = report.accuracy, report.size, report.board_info
    grid = Table.grid(padding=(0, 3, 0, 0))
    grid.add_column(style="dim")
    grid.add_column(justify="right", style="bold")
    grid.add_column(style="dim")
    if accuracy.device is not None:
        note = f"host {text.score(accuracy, accuracy.host)}"
        if accuracy.float_model is not None:
            note += f", float model {text.score(accuracy, accuracy.float_model)}"
        grid.add_row(accuracy.metric, text.score(accuracy, accuracy.device), note)
    grid.add_row("one inference", text.time(report), text.counted(report, short=True))
    model = f"model {text.size(size.model_bytes)}{_of(board.flash_bytes)}"
    grid.add_row("flash", text.size(size.flash_bytes), model)
    ram_bytes = size.ram_bytes + size.arena_bytes + size.stack_bytes
    parts = (
        f"arena {text.size(size.arena_bytes)}, stack {text.size(size.stack_bytes)}, "
        f"static {text.size(size.ram_bytes)}{_of(board.ram_bytes)}"
    )
    grid.add_row("RAM", text.size(ram_bytes), parts)
    if report.energy:
        note = f"estimate, {report.energy.picojoule_per_cycle:g} pJ per cycle"
        grid.add_row("energy", text.energy(report.energy.microjoule), note)
    return grid


def _of(limit_bytes: int) -> str:
    return f", of {text.size(limit_bytes)}" if limit_bytes else ""


def _operators(report: Report, with_bars: bool) -> Table:
    grid = Table.grid(padding=(0, 3 if with_bars else 1, 0, 0))
    grid.add_column(justify="right", style="dim")
    grid.add_column()
    grid.add_column(justify="right")
    grid.add_column(justify="right", style="dim")
    grid.add_column(style="cyan")
    ranked = sorted(report.cycles.per_op, key=lambda row: -row.cycles)
    for row in ranked[:_TOP_OPS]:
        length = round(_BAR_WIDTH * row.cycles / max(ranked[0].cycles, 1))
        grid.add_row(
            str(row.index),
            escape(row.op),
            text.short_count(row.cycles),
            text.percent(row.cycles, report.cycles.mean),
            "━" * max(length, 1) * with_bars,
        )
    rest = ranked[_TOP_OPS:]
    if rest:
        cycles = sum(row.cycles for row in rest)
        share_text = text.percent(cycles, report.cycles.mean)
        grid.add_row("", f"{len(rest)} more", text.short_count(cycles), share_text, "")
    return grid


def _slower(report: Report) -> list[Text]:
    """Why operators have no faster kernel: the costliest of them."""
    rows = [row for row in report.cycles.per_op if row.fallback]
    rows.sort(key=lambda row: -row.cycles)
    lines = [f"{row.index} {row.op}, no faster kernel: {row.fallback}" for row in rows[:_TOP_OPS]]
    lines += [f"{len(rows) - _TOP_OPS} more of these"] if len(rows) > _TOP_OPS else []
    return [Text(f"  {line}", style="dim") for line in lines]
