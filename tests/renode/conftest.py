"""The parser of this folder, and our `serial` and `dut` in place of pytest-embedded's."""

from __future__ import annotations

import sys
from pathlib import Path

from tinydeploy.pytest_plugin import app, dut, serial

sys.path.insert(0, str(Path(__file__).parent))

__all__ = ["app", "dut", "serial"]
