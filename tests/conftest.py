"""What tests of every area share."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

pytest_plugins = ["pytester", "tinydeploy.pytest_plugin"]

# A shell that starts the tests in its background has them ignore Ctrl-C, nohup the end of the
# terminal, and whatever they start inherits that: tests that send these would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the checkout; tests that need it skip where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real data at {SHARED_DATA}")
    return SHARED_DATA
