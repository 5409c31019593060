"""The bench as a picture: an SVG with a row of bars for each model, beside the peers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from tinydeploy.bench.peers import CMSIS_NN, PUBLISHED, peers_of
from tinydeploy.bench.rows import BenchRow
from tinydeploy.lower.compile_options import BALANCED

_ROW_HEIGHT, _BAR_HEIGHT, _TOP = 84, 14, 74
_NAME_WIDTH, _PANEL_WIDTH, _BAR_WIDTH, _MARGIN = 130, 290, 190, 16
_COLOURS = {
    "compiled": "#0b7285",
    "interpreter": "#74b9c5",
    CMSIS_NN: "#adb5bd",
    PUBLISHED: "#868e96",
}
_LABELS = {"compiled": "tinydeploy, compiled", "interpreter": "tinydeploy, interpreter"}
_FIGURES = ("cycles", "flash_without_model_bytes", "arena_bytes")
_TITLES = ("cycles of an inference", "flash without the model", "arena")
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#212529}.title{font-weight:600}.small{font-size:11px}"
    "@media(prefers-color-scheme:dark){text{fill:#dee2e6}}"
)


@dataclass(frozen=True)
class _Bar:
    engine: str
    value: float


def svg(rows: Sequence[BenchRow], board: str) -> str:
    """The rows of one board; every panel has a scale of its own, less is better everywhere."""
    shown = [
        row
        for row in rows
        if row.board == board and row.optimize == BALANCED and peers_of(row.macs)
    ]
    names = list({row.macs: row.model for row in reversed(shown)}.values())[::-1]
    width = _NAME_WIDTH + len(_FIGURES) * _PANEL_WIDTH + _MARGIN
    height = _TOP + _ROW_HEIGHT * len(names) + _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="Bench on {escape(board)}">',
        f"<style>{_STYLE}</style>",
        *_legend(),
        *_headings(),
    ]
    for index, name in enumerate(names):
        lines += _model(name, [row for row in shown if row.model == name], index)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _legend() -> Iterator[str]:
    for index, (engine, colour) in enumerate(_COLOURS.items()):
        x = _MARGIN + 200 * index
        yield f'<rect x="{x}" y="14" width="12" height="12" rx="2" fill="{colour}"/>'
        yield f'<text x="{x + 18}" y="24">{escape(_LABELS.get(engine, engine))}</text>'


def _headings() -> Iterator[str]:
    for index, title in enumerate(_TITLES):
        x = _NAME_WIDTH + index * _PANEL_WIDTH
        yield f'<text class="title" x="{x}" y="56">{title}</text>'


def _model(name: str, rows: Sequence[BenchRow], index: int) -> Iterator[str]:
    top = _TOP + index * _ROW_HEIGHT
    yield f'<text class="title" x="{_MARGIN}" y="{top + 11}">{escape(name)}</text>'
    yield f'<text class="small" x="{_MARGIN}" y="{top + 27}">{rows[0].macs:,} MACs</text>'
    for column, figure in enumerate(_FIGURES):
        bars = _bars(rows, figure)
        most = max(bar.value for bar in bars)
        for place, bar in enumerate(bars):
            x, y = _NAME_WIDTH + column * _PANEL_WIDTH, top + place * (_BAR_HEIGHT + 3)
            length = max(1.0, _BAR_WIDTH * bar.value / most)
            yield (
                f'<rect x="{x}" y="{y}" width="{length:.1f}" height="{_BAR_HEIGHT}" rx="2" '
                f'fill="{_COLOURS[bar.engine]}"/>'
            )
            yield (
                f'<text class="small" x="{x + length + 5:.1f}" y="{y + 11}">'
                f"{_short(bar.value)}</text>"
            )


def _bars(rows: Sequence[BenchRow], figure: str) -> list[_Bar]:
    found = {row.engine: getattr(row, figure) for row in rows}
    found |= {peer.engine: getattr(peer, figure) for peer in peers_of(rows[0].macs)}
    return [_Bar(engine, found[engine]) for engine in _COLOURS if found.get(engine) is not None]


def _short(value: float) -> str:
    """Three figures: 3.70 M, 56.1 k, 48."""
    for size, unit in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.0f}"
