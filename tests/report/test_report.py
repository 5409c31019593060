from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import samples
from rich.console import Console
from tinydeploy.errors import UsageError
from tinydeploy.report import (
    Report,
    charts,
    from_dict,
    html,
    markdown,
    picture,
    terminal,
    to_json,
    write,
)
from tinydeploy.report import text as shown_text
from tinydeploy.report.model import Buffer, Cycles, MemoryMap

SAMPLES = [samples.keyword_spotter, samples.sine, samples.failed]

VOID = {"meta", "br", "link", "img", "input", "hr"}
STAYING_KEYS = [
    "model.name",
    "board",
    "engine",
    "target",
    "parity.vectors",
    "parity.mismatching_bytes",
    "accuracy.device",
    "accuracy.host",
    "cycles.mean",
    "cycles.per_op",
    "size.flash_bytes",
    "size.model_bytes",
    "size.ram_bytes",
    "size.arena_bytes",
    "size.stack_bytes",
    "versions",
    "hashes",
]


def look_up(document: dict[str, Any], key: str) -> Any:
    for part in key.split("."):
        document = document[part]
    return document


def plain(report: Report) -> str:
    """What the terminal shows, without colors."""
    console = Console(width=110, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    terminal.show(report, console)
    return console.export_text()


@pytest.mark.parametrize("make", SAMPLES)
@pytest.mark.parametrize("key", STAYING_KEYS)
def test_keys_that_stay(make: Callable[[], Report], key: str) -> None:
    look_up(json.loads(to_json(make())), key)


def test_accuracy_is_null_without_labels() -> None:
    document = json.loads(to_json(samples.failed()))
    assert document["accuracy"]["device"] is None
    assert document["accuracy"]["host"] is None


def test_per_op_figures_follow_from_cycles() -> None:
    row = json.loads(to_json(samples.sine()))["cycles"]["per_op"][1]
    assert row["percent"] == pytest.approx(62.5)  # 2950 of 4720
    assert row["cycles_per_mac"] == pytest.approx(11.5234375)  # 2950 / 256


@pytest.mark.parametrize("make", SAMPLES)
def test_json_restores_the_report(make: Callable[[], Report]) -> None:
    report = make()
    assert from_dict(json.loads(to_json(report))) == report


def test_milliseconds_at_the_boards_clock() -> None:
    assert samples.failed().milliseconds == pytest.approx(31.25)  # 1.5 M cycles at 48 MHz


def test_no_vectors_is_not_verified() -> None:
    report = samples.keyword_spotter()
    assert report.verified
    assert not replace(report, parity=replace(report.parity, vectors=0)).verified


class Page(HTMLParser):
    """Fails on tags that do not close in order; collects text and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        names = dict(attrs)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.addresses += [str(names[name]) for name in ("src", "href") if name in names]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def parsed(report: Report) -> Page:
    page = Page()
    page.feed(html.render(report))
    page.close()
    assert page.open == []
    return page


@pytest.mark.parametrize("make", SAMPLES)
def test_page_is_self_contained_and_well_formed(make: Callable[[], Report]) -> None:
    page = parsed(make())
    text = html.render(make())
    assert page.addresses == []
    assert "script" not in page.tags
    assert "url(" not in text
    assert "@import" not in text
    assert len(page.ids) == len(set(page.ids))


def test_page_shows_the_figures() -> None:
    words = " ".join(" ".join(parsed(samples.keyword_spotter()).words).split())
    for figure in ("bit-exact on 400 vectors", "93.8 %", "114 ms", "86.3 KiB", "1.13 mJ", "9.32"):
        assert figure in words
    assert "Verified" in words


def test_page_of_a_failure_says_where() -> None:
    words = " ".join(parsed(samples.failed()).words)
    assert "vector 12, output 0, byte 3: op 4 CONV_2D differs first" in words
    assert "Differs" in words
    assert "Verified" not in words


def test_names_from_the_model_are_data() -> None:
    page = parsed(samples.failed())
    assert "b" not in page.tags[: page.tags.index("h1") + 1]
    assert '<b>odd</b> & "name"' in " ".join(page.words)
    assert "<b>odd" not in markdown.render(samples.failed())


def test_buffers_are_drawn_where_they_lie() -> None:
    memory = MemoryMap(
        (Buffer("a<b", 0, 512, 0, 1), Buffer("c", 512, 256, 1, 3)), 1024, 0, ("OP",) * 4
    )
    drawing = ElementTree.fromstring(str(charts.memory_map(memory, {"OP": 1})))
    first, second = (
        {name: float(value) for name, value in rect.attrib.items()} for rect in drawing.iter("rect")
    )
    column = (960 - 64 - 12) / 4
    height = 400 - 14 - 44
    assert first["x"] == pytest.approx(64 + 1.5, abs=0.1)
    assert first["width"] == pytest.approx(2 * column - 3, abs=0.1)
    assert first["height"] == pytest.approx(height / 2, abs=0.1)
    assert first["y"] == pytest.approx(14 + height / 2, abs=0.1)  # at the bottom half
    assert second["x"] == pytest.approx(64 + column + 1.5, abs=0.1)
    assert second["y"] + second["height"] == pytest.approx(first["y"], abs=0.1)  # on top of it


IN_PLACE = MemoryMap(
    (
        Buffer("input", 0, 512, 0, 0, kind="input"),
        Buffer("a", 512, 256, 0, 1),
        Buffer("over a", 512, 256, 1, 2),
        Buffer("scratch", 0, 64, 1, 1, kind="scratch"),
        Buffer("later", 0, 256, 3, 3),
    ),
    *(1024, 128, ("OP",) * 4),
)


def test_in_place_is_told_and_nothing_overlaps() -> None:
    drawing = str(charts.memory_map(IN_PLACE, {"OP": 1}))
    assert drawing.count("in place over") == drawing.count("inplace") == 1
    assert "written in place over a<" in drawing
    boxes = [
        {name: float(value) for name, value in rect.attrib.items()}
        for rect in ElementTree.fromstring(drawing).iter("rect")
    ]
    for index, one in enumerate(boxes):
        for other in boxes[index + 1 :]:
            apart_x = (
                one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
            )
            apart_y = (
                one["y"] + one["height"] <= other["y"] + 0.2
                or other["y"] + other["height"] <= one["y"] + 0.2
            )
            assert apart_x or apart_y


def test_the_legend_has_what_is_drawn() -> None:
    report = samples.keyword_spotter()
    assert charts.kinds(IN_PLACE) == {"input", "in place", "scratch", "runtime"}
    page = html.render(replace(report, memory=IN_PLACE))
    for word in ("input", "in place: written", "scratch", "runtime"):
        assert f"</span>{word}" in page
    plain_map = MemoryMap((Buffer("a", 0, 16, 0, 0),), 16, 0, ("OP",))
    page = html.render(replace(report, memory=plain_map))
    assert not re.search(r"key k(in|place|out|run)\"", page)


def test_a_drawing_for_phones() -> None:
    page = html.render(samples.keyword_spotter())
    assert page.count('class="narrow-only"') == page.count('class="wide-only"') == 1
    assert "min-width: 620px" not in page


def test_no_cycles_at_all() -> None:
    """A clock that is too coarse counts 0."""
    report = samples.keyword_spotter()
    rows = tuple(replace(row, cycles=0.0) for row in report.cycles.per_op)
    report = replace(report, cycles=Cycles(0.0, 0.0, 0.0, rows, 0.0))
    assert html.render(report)
    assert markdown.render(report)
    assert plain(report)
    assert to_json(report)


def test_distinct_outputs_are_told() -> None:
    report = samples.keyword_spotter()
    report = replace(report, parity=replace(report.parity, distinct_outputs=37))
    assert re.search(r"Distinct outputs</th><td>37<", html.render(report))
    assert re.search(r"distinct outputs +\| 37 ", markdown.render(report))


def test_the_source_is_told() -> None:
    report = samples.keyword_spotter()
    for text in (html.render(report), markdown.render(report), plain(report)):
        assert report.model.source in text


def test_one_color_per_operator_kind() -> None:
    text = html.render(samples.keyword_spotter())
    keys = set(re.findall(r'class="key (k\d)"></span>(\w+)', text))
    conv = {key for key, op in keys if op == "CONV_2D"}
    assert conv == {"k1"}  # the most costly kind


def test_terminal_summary_is_short() -> None:
    shown = plain(samples.keyword_spotter())
    assert len(shown.splitlines()) < 20
    for figure in ("bit-exact on 400 vectors", "93.8 %", "114 ms", "7.29 M cycles", "CONV_2D"):
        assert figure in shown
    assert "3 of 1,200 bytes differ" in plain(samples.failed())


def test_a_narrow_terminal_cuts_no_name() -> None:
    console = Console(width=40, record=True, file=io.StringIO())
    terminal.show(samples.keyword_spotter(), console)
    shown = console.export_text()
    assert "DEPTHWISE_CONV_2D" in shown
    assert "…" not in shown


def test_markdown_tables_are_even() -> None:
    for make in SAMPLES:
        for block in markdown.render(make()).split("\n\n"):
            if block.startswith("|"):
                widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
                assert len(widths) == 1, block


def test_three_files(tmp_path: Path) -> None:
    page = write(samples.sine(), tmp_path / "build")
    assert page.name == "report.html"
    assert {path.name for path in page.parent.iterdir()} == {
        "report.html",
        "report.json",
        "report.md",
    }


@pytest.mark.parametrize(
    ("vectors", "mismatching", "distinct", "doubtful"),
    [
        (50, 0, 1, True),
        (50, 0, 2, False),
        (50, 3, 1, False),
        (1, 0, 1, False),
        (50, 0, None, False),
    ],
)
def test_equal_outputs_prove_little(
    vectors: int, mismatching: int, distinct: int | None, doubtful: bool
) -> None:
    report = samples.keyword_spotter()
    parity = replace(
        report.parity, vectors=vectors, mismatching_bytes=mismatching, distinct_outputs=distinct
    )
    report = replace(report, parity=parity)
    assert ("prove" in shown_text.dead(report)) == doubtful
    for shown in (markdown.render(report), html.render(report), plain(report)):
        assert ("gave the same output" in " ".join(shown.split())) == doubtful


def test_vectors_that_skipped_the_link_are_told() -> None:
    report = samples.keyword_spotter()
    for linked, told in ((10, True), (report.parity.vectors, False), (None, False)):
        shown = replace(report, parity=replace(report.parity, link_vectors=linked))
        for page in (markdown.render(shown), html.render(shown), plain(shown)):
            assert ("10 over the link" in " ".join(page.split())) == told


def test_instructions_are_no_cycles() -> None:
    report = samples.keyword_spotter()
    report = replace(report, cycles=replace(report.cycles, unit="instructions"), energy=None)
    assert report.milliseconds is None
    for page in (markdown.render(report), html.render(report), plain(report)):
        assert re.search(r"[0-9]( [kM])? instructions", page)
        assert "cycles at" not in page


@pytest.mark.parametrize(
    ("commonest", "is_steady", "words"),
    [
        (45, False, "45 of 50 vectors gave the same output"),
        (44, False, ""),
        (1, True, "Over 50 vectors no output moved by more than rounding does"),
        (None, False, ""),
    ],
)
def test_nearly_dead_outputs_are_told(commonest: int | None, is_steady: bool, words: str) -> None:
    report = samples.keyword_spotter()
    parity = replace(
        report.parity,
        vectors=50,
        distinct_outputs=6,
        commonest_output=commonest,
        steady_outputs=is_steady,
    )
    model = replace(report.model, quantized_with="noise in -1 to 1")
    said = shown_text.dead(replace(report, parity=parity, model=model))
    assert said.startswith(words)
    assert bool(said) == bool(words)
    assert not said or "quantized with noise in -1 to 1: give typical inputs" in said


def test_what_it_was_quantized_with_and_warnings_are_shown() -> None:
    report = samples.keyword_spotter()
    model = replace(report.model, quantized_with="60 <b>samples</b>", trained_on="280 windows")
    report = replace(report, model=model, warnings=("a | warning",))
    for shown in (markdown.render(report), html.render(report)):
        assert "60 &lt;b" in shown
        assert "280 windows" in shown
    for shown in (html.render(report), plain(report)):
        assert "a | warning" in shown
    assert from_dict(json.loads(to_json(report))) == report


def test_the_memory_map_is_a_picture_of_its_own(tmp_path: Path) -> None:
    source, out = tmp_path / "report.json", tmp_path / "arena.svg"
    source.write_text(to_json(samples.keyword_spotter()), encoding="utf-8")
    assert picture.main([str(source), str(out)]) == 0
    drawing = out.read_text(encoding="utf-8")
    assert ElementTree.fromstring(drawing).tag == "{http://www.w3.org/2000/svg}svg"
    named = set(re.findall(r"var\((--[\w-]+)\)", drawing))
    assert named <= set(
        re.findall(r"(--[\w-]+):", drawing)
    )  # every color that it asks for is there
    classes = {name for names in re.findall(r'class="([^"]+)"', drawing) for name in names.split()}
    assert all(f".{name}" in drawing for name in classes)


def test_a_report_without_a_memory_map_has_no_picture() -> None:
    report = replace(samples.keyword_spotter(), memory=None)
    with pytest.raises(UsageError, match="no memory map"):
        picture.memory_picture(report)
