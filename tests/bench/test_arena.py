"""The arena's table: never more than TFLM takes, and what docs/arena.md says."""

from __future__ import annotations

from pathlib import Path

import pytest
from tinydeploy.bench import arena, subjects
from tinydeploy.ui import Ui

PAGE = Path(__file__).resolve().parents[2] / "docs" / "arena.md"


# Of the same shapes as a published file, with random weights: the arena is the same.
STANDS_FOR = {twin: real for real, twin in subjects.REAL.items() if twin}
MODELS = (
    "sine",
    "kws_ref_model",
    "vww",
    "ic",
    "ad",
    "person_detect",
)  # that peers were measured on


@pytest.mark.parametrize("name", MODELS)
def test_never_more_than_tflm_and_as_committed(name: str) -> None:
    if name in subjects.REAL and subjects.real_file(name) is None:
        pytest.skip(f"{name} is not here")
    row = arena.measure(name, Ui(quiet=True))
    least = min(filter(None, (row.tflm_cortex_m4, row.tflm_pc)))
    assert row.interpreter <= least
    assert row.compiled is None or row.compiled <= least
    assert row.tensors <= row.tensors_apart
    line = (
        arena.table([row])
        .splitlines()[-1]
        .replace(f"| {name} |", f"| {STANDS_FOR.get(name, name)} |")
    )
    assert line in PAGE.read_text(encoding="utf-8")
