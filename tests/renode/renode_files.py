"""Reads the parts of Renode's formats that our files use; refuses the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

ENTRY = re.compile(r"^(\w+)(?:: ([\w.]+) @ sysbus(?: (0x[0-9A-Fa-f]+))?)?:?$")
PROPERTY = re.compile(r'^ {4}(\w+): (".*"|0x[0-9A-Fa-f]+|\d+|true|false|\w+)$')
CONNECTION = re.compile(r"^ {4}-> (\w+)@(\d+)$")
INIT = re.compile(r"^ {8}Write(?:Word|DoubleWord) (0x[0-9A-Fa-f]+) (0x[0-9A-Fa-f]+)$")
USING = re.compile(r'^using "(.+)"$')


@dataclass
class Entry:
    """A peripheral of a .repl, or additions to one of a platform that it uses."""

    type: str | None
    address: int | None
    properties: dict[str, str] = field(default_factory=dict)
    connections: list[tuple[str, int]] = field(default_factory=list)
    words: dict[int, int] = field(default_factory=dict)


def read_repl(path: Path) -> tuple[list[str], dict[str, Entry]]:
    """Platforms used and entries by name."""
    used: list[str] = []
    entries: dict[str, Entry] = {}
    entry: Entry | None = None
    for number, raw in enumerate(path.read_text().splitlines(), 1):
        line = raw.split("//")[0].rstrip()
        if not line:
            continue
        if found := USING.match(line):
            used.append(found.group(1))
        elif found := ENTRY.match(line):
            name, kind, address = found.groups()
            assert name not in entries, f"{path.name}:{number}: {name} twice"
            entry = entries[name] = Entry(kind, int(address, 16) if address else None)
        else:
            assert entry is not None, f"{path.name}:{number}: {line!r}"
            _add(entry, line, f"{path.name}:{number}: {line!r}")
    return used, entries


def _add(entry: Entry, line: str, where: str) -> None:
    if line == "    init:":
        return
    if found := INIT.match(line):
        entry.words[int(found.group(1), 16)] = int(found.group(2), 16)
    elif found := CONNECTION.match(line):
        entry.connections.append((found.group(1), int(found.group(2))))
    elif found := PROPERTY.match(line):
        entry.properties[found.group(1)] = found.group(2).strip('"')
    else:
        raise AssertionError(where)


def read_robot(path: Path) -> list[tuple[str, list[str]]]:
    """Keyword and arguments of each step of the one test case."""
    cases = path.read_text().split("*** Test Cases ***\n")[1]
    steps = []
    for line in cases.splitlines()[1:]:
        assert not line or line.startswith("    "), f"a second test case: {line!r}"
        if line.strip():
            keyword, *arguments = re.split(r" {2,}|\t", line.strip())
            steps.append((keyword, arguments))
    return steps
