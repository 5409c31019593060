"""Fitted coefficients of cycles: a JSON file of {key: {count: cycles}}, made by
`tinydeploy estimates --fit`.

A key is words from the general to the particular; one that was not measured is answered by the
nearest group, such as `RunKernel PAD *` or `*`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from tinydeploy import whole
from tinydeploy.ops.features import Features

Table = Mapping[str, Mapping[str, float]]
ANY = "*"


@cache
def load(path: Path) -> Table:
    """The table in a file."""
    found: dict[str, dict[str, float]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def save(path: Path, entries: Table) -> None:
    """Replace a table; a line a key, so that a diff shows what changed."""
    lines = [
        f" {json.dumps(key)}: {json.dumps(dict(sorted(entries[key].items())))}"
        for key in sorted(entries)
    ]
    whole.write(path, "{\n" + ",\n".join(lines) + "\n}\n")
    load.cache_clear()


def groups(key: str) -> Iterator[str]:
    """What the key belongs to, the nearest first."""
    words = key.split()
    for count in (2, 1):
        if len(words) > count:
            yield " ".join([*words[:count], ANY])
    yield ANY


def estimate(table: Table, key: str, features: Features) -> float:
    """Cycles; 0 from an empty table."""
    for name in (key, *groups(key)):
        if name in table:
            return sum(cost * features.get(count, 0.0) for count, cost in table[name].items())
    return 0.0
