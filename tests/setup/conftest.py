from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `checkout`

from checkout import Checkout, make_checkout

if os.name != "posix":
    collect_ignore_glob = ["test_*.py"]  # they look into .venv/bin


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout with a `.venv`; what the lock files pin is up to the test."""
    checkout = make_checkout(tmp_path_factory.mktemp("made"))
    result = checkout.run("first")
    assert result.returncode == 0, result.stderr
    return checkout
