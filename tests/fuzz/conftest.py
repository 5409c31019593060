"""Fixtures of the fuzzer's tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tinydeploy.fuzz.campaign import Campaign, Tally
from tinydeploy.fuzz.cases import subjects
from tinydeploy.fuzz.engines import Engine

Fuzz = Callable[..., Tally]


@pytest.fixture
def fuzz(tmp_path: Path) -> Fuzz:
    """Run a short campaign; what fails is kept in `tmp_path`."""

    def run(names: str, engines: Sequence[Engine], cases: int, seed: int = 1) -> Tally:
        campaign = Campaign(subjects(names.split()), seed, engines, tmp_path, most_failures=2)
        return campaign.run(cases=cases)

    return run
