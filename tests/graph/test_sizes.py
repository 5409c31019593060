"""How large functions and files may get (CONTRIBUTING.md)."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tinydeploy.config import ROOT

MOST_LINES, MOST_PARAMETERS, MOST_FILE_LINES = 60, 7, 450
FOLDERS = ("scripts", "tests", "firmware", "boards")
SOURCES = (".py", ".h", ".cpp", ".c", ".cc", ".S", ".def")
# A function as clang-format writes it, at the margin: all but what stands in a class.
CPP = re.compile(r"^[A-Za-z_][^{};#]*?(\([^{};#]*\))(?: const)? \{$.*?^\}$", re.M | re.S)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _files() -> list[Path]:
    """Sources of ours, committed or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *FOLDERS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    files = (ROOT / line for line in sorted(set(done.stdout.splitlines())))
    return [file for file in files if file.suffix in SOURCES and file.is_file()]


def _functions(text: str) -> Iterator[Function]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Function):
            yield node


def _length(function: Function) -> int:
    """Lines from `def` on."""
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


def _parameters(function: Function) -> int:
    """Without `self` and `cls`; `*args` and `**options` count as one each."""
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    rest = [each for each in (given.vararg, given.kwarg) if each]
    return len(names) - (names[:1] in (["self"], ["cls"])) + len(rest)


def _is_large(function: Function) -> bool:
    return _length(function) > MOST_LINES or _parameters(function) > MOST_PARAMETERS


def _large_cpp(text: str) -> Iterator[str]:
    """Where C++ functions start that are longer or take more than they may."""
    for found in CPP.finditer(text):
        flat = re.sub(r"<[^<>]*>|\([^()]*\)", "", found[1][1:])  # no commas within a parameter
        commas = flat.partition(")")[0].count(",")  # what follows initializes members
        if found[0].count("\n") >= MOST_LINES or commas >= MOST_PARAMETERS:
            yield found[0].splitlines()[0]


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    """Texts by path, but for what is not there yet."""
    try:
        found = _files()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"what is ours is asked of git: {error}")
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in found}


def test_files_are_small(files: dict[str, str]) -> None:
    assert len(files) > 500
    lines = {name: len(text.splitlines()) for name, text in files.items()}
    assert {name: count for name, count in lines.items() if count > MOST_FILE_LINES} == {}


def test_functions_are_small_and_take_few_parameters(files: dict[str, str]) -> None:
    large = [
        f"{name}: {function.name}"
        for name, text in files.items()
        if name.endswith(".py")
        for function in _functions(text)
        if _is_large(function)
    ]
    assert large == []


def test_so_are_those_of_the_firmware(files: dict[str, str]) -> None:
    sources = {name: text for name, text in files.items() if name.endswith((".cpp", ".h"))}
    assert sum(len(CPP.findall(text)) for text in sources.values()) > 500
    assert [f"{name}: {one}" for name, text in sources.items() for one in _large_cpp(text)] == []


@pytest.mark.parametrize(
    ("parameters", "lines", "large"),
    [
        ("A<int, 2> a, void (*b)(int, int), int c, int d, int e, int f, int g", 58, False),
        ("int a, int b, int c, int d, int e, int f, int g, int h", 1, True),
        ("", 58, False),
        ("", 59, True),
    ],
)
def test_what_is_large_in_cpp(parameters: str, lines: int, large: bool) -> None:
    text = f"int F({parameters}) {{\n" + "  G();\n" * lines + "}\n"
    assert bool([*_large_cpp(text)]) is large


@pytest.mark.parametrize(
    ("text", "large"),
    [
        ("def f(a, b, c, d, e, f, g): pass", False),
        ("def f(a, b, c, d, e, f, g, h): pass", True),
        ("def f(a, b, c, d, /, e, *, f, g, **h): pass", True),
        ("def f(self, a, b, c, d, e, f, g): pass", False),
        ("async def f(a, b, c, d, e, f, g, *h): pass", True),
        ("def f():\n" + "    f()\n" * 59, False),
        ("def f():\n" + "    f()\n" * 60, True),
    ],
)
def test_what_is_large(text: str, large: bool) -> None:
    (function,) = _functions(text)
    assert _is_large(function) is large
