"""Which word may have been meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(wrong: str, known: Iterable[str], otherwise: str) -> str:
    """A hint: the known word that is nearest to `wrong`, where one is near, and `otherwise`."""
    close = difflib.get_close_matches(wrong, list(known), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`? {otherwise}" if close else otherwise
