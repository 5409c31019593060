"""Fixtures of the firmware tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the helpers beside the tests

import host_build
from runner import Runner


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    """The runtime on this PC, with the undefined-behaviour sanitizer."""
    runner = Runner(host_build.zig_runner())
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def runner_32() -> Iterator[Runner]:
    """The runtime as a 32-bit program, whose arena use is a device's."""
    runner = Runner(host_build.zig_runner_32())
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def sanitized() -> Iterator[Runner]:
    """The runtime with address and undefined-behaviour sanitizers."""
    program = host_build.sanitized_runner()
    if program is None:
        pytest.skip("no g++ for the address sanitizer")
    runner = Runner(program)
    yield runner
    runner.close()
