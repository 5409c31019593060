"""The bench's rows: what counts as worse, what is shown, what is drawn."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from tinydeploy.bench import peers
from tinydeploy.bench.plot import svg
from tinydeploy.bench.render import markdown, table
from tinydeploy.bench.rows import BenchRow, changes, load, save
from tinydeploy.errors import UsageError

ROW = BenchRow(
    model="ad", board="nano33", engine="compiled", toolchain="zig", macs=264_192, cycles=340_000,
    milliseconds=5.3, flash_bytes=297_000, model_bytes=285_000, arena_bytes=1_408, ram_bytes=2_644,
    stack_bytes=308, microjoule=52.0, vectors=1, mismatching_bytes=0,
)  # fmt: skip


def test_figures_derived_from_others() -> None:
    assert ROW.flash_without_model_bytes == 12_000
    assert ROW.cycles_per_mac == pytest.approx(1.287, abs=0.001)
    assert replace(ROW, macs=0).cycles_per_mac == 0


def test_nothing_changed() -> None:
    assert changes([ROW], [ROW]) == []


@pytest.mark.parametrize(
    ("figure", "value", "worse"),
    [
        ("cycles", 339_999, False),
        ("cycles", 341_000, False),  # within half a percent
        ("cycles", 342_000, True),
        ("arena_bytes", 1_416, True),
        ("arena_bytes", 1_400, False),
        ("flash_bytes", 300_000, False),
        ("flash_bytes", 305_000, True),
    ],
)
def test_every_change_shows_and_some_are_regressions(figure: str, value: int, worse: bool) -> None:
    (change,) = changes([ROW], [replace(ROW, **{figure: value})])
    assert change.is_regression is worse
    assert f"{figure} {getattr(ROW, figure):,} -> {value:,}" in str(change)


def test_rows_are_compared_with_their_own_kind() -> None:
    assert changes([ROW], [replace(ROW, engine="interpreter", cycles=9e9)]) == []


def test_save_and_load(tmp_path: Path) -> None:
    rows = [replace(ROW, board="sparkfun_edge"), ROW]
    save(rows, tmp_path / "bench.json")
    assert load(tmp_path / "bench.json") == [ROW, rows[0]]


def test_not_a_bench(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[{"model": 1}]')
    with pytest.raises(UsageError, match=r"x\.json"):
        load(tmp_path / "x.json")


def test_tables_have_the_peers_behind_the_model() -> None:
    lines = markdown([ROW]).splitlines()
    assert [line.split(" | ")[2] for line in lines[2:]] == [
        "compiled, zig", peers.REFERENCE, peers.CMSIS_NN, peers.PUBLISHED,
    ]  # fmt: skip
    assert "340,000" in table([ROW])


def test_plot_is_a_picture_with_a_bar_for_every_figure() -> None:
    root = ElementTree.fromstring(svg([ROW], "nano33"))
    bars = list(root.iter("{http://www.w3.org/2000/svg}rect"))
    legend, cycles, flash, arena = 4, 3, 2, 2  # published: cycles alone
    assert len(bars) == legend + cycles + flash + arena
    assert svg([ROW], "nano33") == svg([ROW], "nano33")
