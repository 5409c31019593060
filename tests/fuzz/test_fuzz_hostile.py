"""Damaged models do not crash the runtime; one that does is kept."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tinydeploy.fuzz import hostile
from tinydeploy.fuzz.runner import HostRunner, RunnerCrashError

MUTANTS = int(os.environ.get("TINYDEPLOY_MUTANTS", "1000"))

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="no g++ for the sanitizers")


def test_mutants_do_not_crash_the_runtime(tmp_path: Path) -> None:
    found = hostile.run(MUTANTS, 1, tmp_path)
    assert found.crashes == []
    assert 0 < found.accepted < found.mutants == MUTANTS  # both paths were walked


def test_a_crash_is_kept_with_its_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise RunnerCrashError("heap-buffer-overflow")

    monkeypatch.setattr(HostRunner, "run", crash)
    found = hostile.run(50, 1, tmp_path, most_crashes=3)
    assert found.mutants == 3
    assert [problem for _, problem in found.crashes] == ["heap-buffer-overflow"] * 3
    assert all(path.is_file() for path, _ in found.crashes)
