"""Who may import whom (CONTRIBUTING.md), read from the source without running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path

import pytest
from tinydeploy import boards
from tinydeploy.config import MODELS_DIR, ROOT

PACKAGE = ROOT / "scripts/tinydeploy"
BOARDS = [boards.load(name) for name in boards.names()]

# Lowest first; rooms in one line may not import each other.
LAYERS = [
    {"errors", "__init__", "first_fit", "foreign", "interrupts", "supervise", "whole", "words"},
    {"abi", "bounds", "config", "confine", "ui", "keys"},
    {"graph", "locks"},
    {"kernels"},
    {"ops"},
    {"passes"},
    {"memory"},
    {"arena"},
    {"boards", "models", "tools", "judge", "bootstrap"},
    {"segments"},
    {"guarded", "protection", "records"},
    {"link"},
    {"flash", "simulate"},
    {"lower"},
    {"kernel_lab"},
    {"report"},
    {"stages", "doctor"},
    {"sources", "targets"},
    {"programs"},
    {"images"},
    {"deployment"},
    {"evaluation", "report_builder"},
    {"pipeline"},
    {"mlperf"},
    {"hardware"},
    {"bench", "fuzz", "push", "pytest_plugin"},
    {"versus"},
    {"estimates"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
# Where a package may be imported.
ONLY_IN = {
    "tensorflow": ("stages",),
    "keras": ("stages",),
    "subprocess": ("tools.py", "bootstrap"),  # bootstrap runs before there are packages
    "serial": ("link/transport.py",),
}


def _files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def _imports(path: Path, *, checking: bool = True) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if not checking:
        tree.body = [node for node in tree.body if not _is_checking(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _is_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _our_imports(path: Path, *, checking: bool = True) -> set[str]:
    """Names after `tinydeploy.` that `path` imports; `checking`: those for types alone, too."""
    names = (name.removeprefix("tinydeploy.") for name in _imports(path, checking=checking))
    return {name for name in names if name.split(".")[0] in LEVEL}


@pytest.mark.parametrize("path", _files(PACKAGE), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_downward(path: Path) -> None:
    room = _room(path)
    assert room in LEVEL, f"say in LAYERS where {room} belongs"
    for name in _our_imports(path):
        other = name.split(".")[0]
        assert other == room or LEVEL[other] < LEVEL[room], f"{room} must not import {name}"


@pytest.mark.parametrize("path", _files(PACKAGE), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_packages_only_where_they_belong(path: Path) -> None:
    where = path.relative_to(PACKAGE).as_posix()
    for name in _imports(path):
        allowed = ONLY_IN.get(name.split(".")[0])
        assert allowed is None or where.startswith(allowed), f"{where} must not import {name}"


@pytest.mark.parametrize("path", _files(PACKAGE), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_relative_imports(path: Path) -> None:
    assert not [name for name in _imports(path) if name.startswith(".")]


@pytest.mark.parametrize(
    ("room", "members"),
    [
        ("passes", {path.stem for path in _files(PACKAGE / "passes")} - {"__init__"}),
        ("flash", {board.flasher for board in BOARDS}),
        ("simulate", {board.simulator for board in BOARDS}),
    ],
)
def test_members_do_not_know_each_other(room: str, members: set[str]) -> None:
    """A pass, a flash tool or a simulated chip is one file; the others don't know of it."""
    for path in _files(PACKAGE / room):
        others = {f"{room}.{member}" for member in members - {path.stem, ""}}
        for name in _our_imports(path) if path.stem in members else ():
            assert ".".join(name.split(".")[:2]) not in others, f"{path.name} imports {name}"


def _module(path: Path) -> str:
    """The name that others import it by."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def _circle(knows: Mapping[str, set[str]]) -> list[str]:
    """Modules that import one another in a ring; empty if there is no ring."""
    done: set[str] = set()

    def follow(module: str, way: list[str]) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return []
        rings = (follow(other, [*way, module]) for other in sorted(knows[module]))
        found = next(filter(None, rings), [])
        done.add(module)
        return found

    return next(filter(None, (follow(module, []) for module in knows)), [])


def _known(path: Path, names: Iterable[str], modules: Set[str], own: str) -> set[str]:
    """The modules, not just names in them, that a file imports."""
    found = {name if name in modules else name.rpartition(".")[0] for name in names}
    return (found & modules) - {own}


def test_nobody_imports_in_a_ring() -> None:
    """At run time; what is only for types may look up."""
    files = {_module(path): path for path in _files(PACKAGE)}
    knows = {
        name: _known(path, _our_imports(path, checking=False), files.keys(), name)
        for name, path in files.items()
    }
    assert _circle(knows) == []


@pytest.mark.parametrize("recipe", [path.parent for path in MODELS_DIR.glob("*/model.toml")])
def test_no_file_of_a_recipe_imports_in_a_ring(recipe: Path) -> None:
    files = {path.stem: path for path in recipe.glob("*.py")}
    knows = {
        name: _known(path, (one.lstrip(".") for one in _imports(path)), files.keys(), name)
        for name, path in files.items()
    }
    assert _circle(knows) == []


def test_a_ring_is_found() -> None:
    assert _circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert _circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_contributing_names_every_package() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    chain = re.search(r"\*\*Only downward imports\*\*: `([^`]*)`", text)
    assert chain
    named = [set(re.split(r",\s+", layer)) for layer in re.split(r"\s+→\s+", chain[1])]
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    there = [rooms & packages for rooms in LAYERS]
    assert named == [layer for layer in there if layer]


def test_no_test_imports_a_conftest() -> None:
    """Several have that name: which one it is would depend on which tests run together."""
    for path in _files(ROOT / "tests"):
        names = _imports(path, checking=False)
        assert not [name for name in names if name.split(".")[0] == "conftest"], path


def test_models_do_not_reach_above_the_stages() -> None:
    for path in _files(MODELS_DIR):
        for name in _our_imports(path):
            assert LEVEL[name.split(".")[0]] <= LEVEL["stages"], f"{path.name} imports {name}"


def test_the_check_can_fail(tmp_path: Path) -> None:
    source = tmp_path / "x.py"
    source.write_text("import subprocess\nfrom tinydeploy.cli import main\nfrom . import y\n")
    assert list(_imports(source)) == ["subprocess", "tinydeploy.cli.main", "..y"]
    assert _our_imports(source) == {"cli.main"}
