"""The fixtures `app`, `serial` and `dut` are ours here, not pytest-embedded's."""

from __future__ import annotations

import pytest
from tinydeploy.pytest_plugin import app, dut, serial

__all__ = ["app", "dut", "serial"]


@pytest.fixture
def firmware_mode() -> str:
    return "mlperf"
