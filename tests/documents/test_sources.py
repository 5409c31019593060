"""What the repository cites is in the repository: links, anchors, sections, documents."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath

import pytest
from tinydeploy import boards
from tinydeploy.config import ROOT

_TEXT = {".md", ".py", ".h", ".cpp", ".c", ".def", ".toml", ".ini", ".json", ".sh", ".repl", ".yml"}
_FENCED = re.compile(r"^```.*?^```$", re.M | re.S)
_LINK = re.compile(r"\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(?P<text>.+?)\s*$", re.M)
# docs/boards/nano33.md, 1 and 8
_SECTION = re.compile(
    r"(?P<document>docs/[\w/]+\.md), (?P<numbers>\d+(?:\.\d+)*(?:(?:, | and | to )\d+(?:\.\d+)*)*)"
)
_NUMBERED = re.compile(r"^#{2,6} (\d+(?:\.\d+)*)\.? ", re.M)
_DOCUMENT = re.compile(r"(?P<name>[\w./-]*\w\.md)\b")
_WRITTEN_ELSEWHERE = {"report.md"}  # a deployment makes it
# Places that the project was written beside; shared/data is test data, which may be missing.
_OUTSIDE = re.compile(
    r"\b(?:fact|the) sheets?\b|\bshared/(?!data\b)|\bDESIGN\.md\b|\bpeers\.md\b", re.I
)


@cache
def _tracked() -> frozenset[str]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return frozenset(line for line in done.stdout.splitlines() if (ROOT / line).is_file())


@cache
def _folders() -> frozenset[str]:
    return frozenset(str(p) for name in _tracked() for p in PurePosixPath(name).parents)


def _texts() -> Iterator[tuple[str, str]]:
    """Path and text of each file that somebody wrote or reads, without this one."""
    for name in sorted(_tracked()):
        path = ROOT / name
        if path.suffix in _TEXT and path != Path(__file__).resolve():
            yield name, path.read_text(encoding="utf-8")


def _documents() -> list[str]:
    return sorted(name for name in _tracked() if name.endswith(".md"))


def slugs(text: str) -> set[str]:
    """Anchors of a document's headings, as GitHub makes them."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in _HEADING.finditer(_FENCED.sub("", text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", heading["text"]).lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def broken(name: str, text: str) -> Iterator[str]:
    """Links of a document that lead nowhere in the repository."""
    for link in _LINK.finditer(_FENCED.sub("", text)):
        target, _, anchor = link["target"].partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        path = (ROOT / name).parent / target if target else ROOT / name
        inside = path.resolve().relative_to(ROOT).as_posix() if path.exists() else ""
        if inside not in _tracked() and inside not in _folders():
            yield f"{link['target']}: no such file"
        elif anchor and anchor not in slugs(path.read_text(encoding="utf-8") if target else text):
            yield f"{link['target']}: no such heading"


@pytest.mark.parametrize("name", _documents())
def test_links_lead_somewhere(name: str) -> None:
    assert list(broken(name, (ROOT / name).read_text(encoding="utf-8"))) == []


def test_broken_links_are_found() -> None:
    text = "# A b\n[1](README.md) [2](docs) [3](#a-b)\n[4](none.md) [5](README.md#none) [6](#b)"
    found = [line.partition(":")[0] for line in broken("README.md", text)]
    assert found == ["none.md", "README.md#none", "#b"]


def test_anchors_are_those_of_github() -> None:
    text = "# 1. MCU, clocks\n## `a_b` & [c](d)\n## Twice\n## Twice\n```\n# no\n```\n"
    assert slugs(text) == {"1-mcu-clocks", "a_b--c", "twice", "twice-1"}


def test_sections_that_are_cited_exist() -> None:
    missing = []
    for name, text in _texts():
        for cited in _SECTION.finditer(text):
            document = ROOT / cited["document"]
            there = _NUMBERED.findall(document.read_text()) if document.is_file() else []
            numbers = re.findall(r"\d+(?:\.\d+)*", cited["numbers"])
            missing += [f"{name}: {cited[0]}" for number in numbers if number not in there]
    assert missing == []


def test_no_source_lies_outside_the_repository() -> None:
    assert [f"{name}: {m[0]}" for name, text in _texts() for m in _OUTSIDE.finditer(text)] == []


def test_documents_that_are_named_exist() -> None:
    known = {"/".join(PurePosixPath(name).parts[-n:]) for name in _documents() for n in range(1, 9)}
    missing = []
    for name, text in _texts():
        for named in _DOCUMENT.finditer(text):
            wanted = re.sub(r"^(\.{1,2}/)+|^/", "", named["name"])
            if wanted not in known | _WRITTEN_ELSEWHERE:
                missing.append(f"{name}: {named[0]}")
    assert missing == []


def test_the_index_has_every_document() -> None:
    """Files as well as documents: what lies in docs/ was written, or made by a command."""
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    named = {name.removeprefix("docs/") for name in re.findall(r"[\w/.-]+\.\w+", index)}
    there = {name.removeprefix("docs/") for name in _tracked() if name.startswith("docs/")}
    assert there - named == {"README.md"} - named


@pytest.mark.parametrize("board", boards.names())
def test_a_board_has_its_facts_and_its_use(board: str) -> None:
    use = ROOT / f"boards/{board}/README.md"
    assert use.is_file()
    if board != "host":
        assert f"docs/boards/{board}.md" in use.read_text(encoding="utf-8")
        assert f"boards/{board}/README.md" in (ROOT / f"docs/boards/{board}.md").read_text()
