"""The bench as a terminal table and as Markdown; peers' figures in rows of their own."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from tinydeploy.bench import published, subjects
from tinydeploy.bench.peers import Peer, peers_of
from tinydeploy.bench.rows import BenchRow
from tinydeploy.lower.compile_options import BALANCED

_HEADINGS = (
    "model",
    "board",
    "engine",
    "cycles",
    "with wait states",
    "ms",
    "cycles/MAC",
    "flash",
    "without model",
    "arena",
    "static RAM",
    "stack",
    "µJ",
    "wrong bytes",
)
_TEXT_COLUMNS = 3
_PREFACE = """# Bench

To make it again:
`tinydeploy bench --json docs/bench.json --markdown-file docs/bench.md --plot docs/bench.svg`;
`tinydeploy bench --compare docs/bench.json` shows every change and fails where a figure is worse.

{models}

Cycles are modelled without wait states of the flash, and so are the peers'; beside them the same
with the simulator's estimate of its board's wait states ([cycle_model.md](cycle_model.md)).
`speed` is `--optimize speed`, the others are `balanced`. Images of ours have the link in them,
those of the peers a harness of 728 bytes. Energy is an estimate for the chip alone.
"""
_REAL = """{names}: the published files, trained weights and all."""
_STANDS_IN = """{names}: the published architectures with random weights, for the files were not at
hand; vww with as many dead channels as the published one."""
_OTHERS = {
    "vww_dense": "vww_dense is vww without dead channels, with random weights.",
    "ds_cnn_int16": "ds_cnn_int16 has the layers of kws_ref_model, int16 activations and random "
    "weights; the peers beside it are those of int8.",
    "wake_word": "wake_word is a streaming net as microWakeWord trains them, with random weights.",
}
_AGAINST = """## Against published hardware

{method}
"""
_WIDTH = 190


def table(rows: Sequence[BenchRow]) -> str:
    """A table for a terminal of 190 columns."""
    drawn = Table(*_HEADINGS[:_TEXT_COLUMNS])
    for heading in _HEADINGS[_TEXT_COLUMNS:]:
        drawn.add_column(heading, justify="right")
    for cells in _lines(rows):
        drawn.add_row(*cells, style="dim" if not cells[1] else None)
    out = io.StringIO()
    Console(file=out, width=_WIDTH).print(drawn)
    return out.getvalue().rstrip("\n")


def markdown(rows: Sequence[BenchRow]) -> str:
    """A table for a README."""
    rule = ["---"] * _TEXT_COLUMNS + ["---:"] * (len(_HEADINGS) - _TEXT_COLUMNS)
    lines = [_HEADINGS, rule, *_lines(rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def page(rows: Sequence[BenchRow], picture: str) -> str:
    """The tables as a page of the documentation, under a picture if there is one."""
    shown = f"![Cycles, flash and arena beside the peers]({picture})\n\n" if picture else ""
    parts = [_PREFACE.format(models=_about(rows)), shown + markdown(rows)]
    if against := published.against_published(rows):
        _, method = (published.__doc__ or "").split("\n\n", 1)
        parts += ["", _AGAINST.format(method=method.strip()), against]
    return "\n".join(parts) + "\n"


def _about(rows: Sequence[BenchRow]) -> str:
    """What the models are, by where their weights come from."""
    names = list(dict.fromkeys(row.model for row in rows))
    kinds = (
        (_REAL, [name for name in names if name in subjects.REAL]),
        (_STANDS_IN, [name for name in names if name in subjects.REAL.values()]),
    )
    parts = [text.format(names=", ".join(known)) for text, known in kinds if known]
    parts += [_OTHERS[name] for name in names if name in _OTHERS]
    return "\n\n".join(map(_filled, parts))


def _filled(text: str) -> str:
    return textwrap.fill(text, 100)


def _lines(rows: Sequence[BenchRow]) -> list[list[str]]:
    """A line a row, and after the last row of a model the peers', once for an architecture."""
    lines: list[list[str]] = []
    met: set[int] = set()
    for index, row in enumerate(rows):
        lines.append(_cells(row))
        last = index + 1 == len(rows) or rows[index + 1].model != row.model
        if last and row.macs not in met:
            met.add(row.macs)
            lines += [_peer_cells(row.model, peer) for peer in peers_of(row.macs)]
    return lines


def _cells(row: BenchRow) -> list[str]:
    return [
        row.model,
        row.board,
        _engine(row),
        f"{row.cycles:,.0f}",
        f"{row.wait_cycles:,.0f}" if row.wait_cycles else "",
        f"{row.milliseconds:.3g}",
        f"{row.cycles_per_mac:.2f}",
        f"{row.flash_bytes:,}",
        f"{row.flash_without_model_bytes:,}",
        f"{row.arena_bytes:,}",
        f"{row.ram_bytes:,}",
        f"{row.stack_bytes:,}",
        f"{row.microjoule:,.0f}" if row.microjoule is not None else "",
        f"{row.mismatching_bytes}",
    ]


def _engine(row: BenchRow) -> str:
    words = [row.engine, row.toolchain]
    return ", ".join(words if row.optimize == BALANCED else [*words, row.optimize])


def _peer_cells(model: str, peer: Peer) -> list[str]:
    static = None
    if peer.ram_bytes is not None:
        static = peer.ram_bytes - (peer.arena_bytes or 0)
    sizes = (
        peer.flash_bytes,
        peer.flash_without_model_bytes,
        peer.arena_bytes,
        static,
        peer.stack_bytes,
    )
    return [
        model,
        "",
        peer.engine,
        f"{peer.cycles:,}",
        f"{peer.cycles * peer.wait_factor:,.0f}" if peer.wait_factor else "",
        "",
        f"{peer.cycles / peer.macs:.2f}",
        *("" if size is None else f"{size:,}" for size in sizes),
        "",
        "",
    ]
