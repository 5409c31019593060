"""Every command that a document or a message names is one: the command line takes it as it is."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tinydeploy import cli
from tinydeploy.commands import combinations
from tinydeploy.config import ROOT

# In documents: a line of a code block, or between backticks. In sources: between backticks.
_BLOCK = re.compile(r"^    (?:\$ )?(?P<command>(?:tinydeploy|python scripts/deploy\.py) .*)$", re.M)
_INLINE = re.compile(r"`(?P<command>(?:tinydeploy|python scripts/deploy\.py) [^`\n]+)`")
_STARTERS = {"tinydeploy": [], "python scripts/deploy.py": ["deploy"]}
# What stands for something else: <name>, SEED, {value}, ..., [option].
_HOLE = re.compile(r"<[^>]*>|\{[^}]*\}|\.\.\.|…|\[[^\]]*\]|\$\w+|\b[A-Z]{3,}\b(?!\.)")
_SHELL = re.compile(r"\s+#.*$|\s*(?:&&|\||>|;|2>).*$")
_SPLIT = re.compile(r'"\s*\n\s*f?"')  # a text that goes on in the next line of Python


def _files(*patterns: str) -> list[Path]:
    """Of the repository, as git has them."""
    done = subprocess.run(
        ["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / line for line in done.stdout.splitlines()]


def _commands() -> Iterator[tuple[str, str]]:
    """Where it stands, and the command."""
    for path in _files("*.md"):
        text = path.read_text(encoding="utf-8")
        for pattern in (_BLOCK, _INLINE):
            yield from ((_where(path), found["command"]) for found in pattern.finditer(text))
    for path in _files("scripts/tinydeploy/*.py", "firmware/*.h", "firmware/*.cpp", "*.ini"):
        text = _SPLIT.sub("", path.read_text(encoding="utf-8"))
        yield from ((_where(path), found["command"]) for found in _INLINE.finditer(text))


def _where(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _arguments(command: str) -> list[str]:
    """As the shell would hand them over, with something in place of what is left open."""
    plain = _HOLE.sub("1", _SHELL.sub("", command))
    starter = next(name for name in _STARTERS if plain.startswith(name))
    return _STARTERS[starter] + shlex.split(plain.removeprefix(starter))


COMMANDS = sorted(set(_commands()))


def test_there_are_many() -> None:
    assert len(COMMANDS) > 120


@pytest.mark.parametrize(("where", "command"), COMMANDS, ids=lambda text: text[:70])
def test_the_command_line_takes_it(where: str, command: str) -> None:
    arguments = _arguments(command)
    parser = cli.make_parser()
    if arguments[1:] in ([], ["--help"]):  # named, not called
        assert arguments[0] in cli.command_names(parser)
        return
    combinations.check(parser.parse_args(arguments))
