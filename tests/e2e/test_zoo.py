"""A zoo of small networks as users bring them (see make_zoo.py), deployed as they are.

Every file takes the whole way to the Nano 33 and to the PC, by the engine that `deploy` chooses.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tinydeploy.stages.inspect import inspect

Run = Callable[..., subprocess.CompletedProcess[str]]

ZOO = sorted(Path(__file__).with_name("zoo").glob("*.tflite"))
BOARDS = ("nano33", "host")
VECTORS = 3
LARGEST_BYTES = 60_000


def _deployed(tinydeploy: Run, model: Path, board: str) -> dict[str, Any]:
    done = tinydeploy(
        *("deploy", "--json", "--model", model, "--board", board, "--vectors", VECTORS)
    )
    assert done.returncode == 0, f"{board}: {done.stderr}"
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_the_zoo_is_complete() -> None:
    assert len(ZOO) == 17
    assert all(path.stat().st_size < LARGEST_BYTES for path in ZOO)


@pytest.mark.parametrize("model", ZOO, ids=lambda path: path.stem)
def test_deploys(tinydeploy: Run, model: Path) -> None:
    """On both boards at once, by the engine and in the arena that `inspect` tells."""
    with ThreadPoolExecutor(len(BOARDS)) as pool:
        reports = list(pool.map(lambda board: _deployed(tinydeploy, model, board), BOARDS))
    arena = inspect(model, "nano33").arena
    engine = "interpreter" if arena.compiled_bytes is None else "compiled"
    for report in reports:
        assert report["parity"]["mismatching_bytes"] == 0
        assert report["parity"]["vectors"] == VECTORS
        assert report["engine"] == engine
    assert reports[0]["size"]["arena_bytes"] == arena.default_bytes
