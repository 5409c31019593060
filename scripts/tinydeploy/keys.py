"""Results of stages on disk, each valid for one key: the hash of what it was made from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


def key_of(*parts: str) -> str:
    """One hash over the parts, in order."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache
def package_key() -> str:
    """Hash over this package's own sources: another version of the tool trusts no old result."""
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Keyed:
    """A JSON object in a file, valid only while its key is the wanted one."""

    path: Path
    key: str

    def load(self) -> dict[str, Any] | None:
        """The object, or None if there is none, it is unreadable, or of another key."""
        try:
            stored = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return (
            stored["value"] if isinstance(stored, dict) and stored.get("key") == self.key else None
        )

    def save(self, value: dict[str, Any]) -> None:
        """Replace the file; a reader never sees half of it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps({"key": self.key, "value": value}), encoding="utf-8")
        beside.replace(self.path)
