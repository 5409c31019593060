"""Results of stages on disk, each valid for one key: the hash of what it was made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tinydeploy import whole


def key_of(*parts: str) -> str:
    """One hash over the parts, in order."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def sha256_of(paths: Iterable[Path]) -> str:
    """One hash over the bytes of files, in order.

    Raises:
        OSError: one is not there.
    """
    return key_of(*(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths))


@cache
def package_key() -> str:
    """Hash over this package's own sources: another version of the tool trusts no old result."""
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class CachedResult:
    """A JSON object in a file, valid only while its key is the wanted one.

    Attributes:
        products: files that it vouches for, by their bytes.
    """

    path: Path
    key: str
    products: tuple[Path, ...] = ()

    def load(self) -> dict[str, Any] | None:
        """The object, or None if there is none, it is unreadable or of another key, or if a product
        is not the one it was saved for.
        """
        try:
            stored = json.loads(self.path.read_text(encoding="utf-8"))
            is_ours = stored["key"] == self.key and stored["products"] == sha256_of(self.products)
            return dict(stored["value"]) if is_ours else None
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def made(self, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The object that `make` returns, kept once the products are there.

        While they change, nothing vouches for them: a run that is killed then leaves no key.
        """
        self.path.unlink(missing_ok=True)
        value = make()
        self.save(value)
        return value

    def save(self, value: dict[str, Any]) -> None:
        """Keep the object, with the products as they are."""
        stored = {"key": self.key, "products": sha256_of(self.products), "value": value}
        whole.write(self.path, json.dumps(stored))
