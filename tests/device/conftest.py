"""The fixtures `app`, `serial` and `dut` are ours here, not pytest-embedded's."""

from __future__ import annotations

from tinydeploy.pytest_plugin import app, dut, serial

__all__ = ["app", "dut", "serial"]
