from __future__ import annotations

import pytest
from tinydeploy.bootstrap.progress import Progress

OUTPUT = """\
Ignoring tomli: markers 'python_full_version < "3.11"' don't match your environment
Collecting numpy==2.4.6 (from -r requirements.lock (line 502))
  Downloading numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl (16.8 MB)
Progress 4200000 of 16800000
"""


def test_line_shows_package_share_and_count(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = Progress("base", packages=3)
    for line in OUTPUT.splitlines(keepends=True):
        progress.feed(line)
    assert "1/2  downloading numpy 2.4.6, 16.8 MB  25%" in progress._line()


def test_without_a_terminal_only_large_downloads_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = Progress("base", packages=3)
    for line in OUTPUT.splitlines(keepends=True):
        progress.feed(line)
    progress.feed("  Downloading cobs-1.2.0-py3-none-any.whl (12 kB)\n")
    progress.feed("Installing collected packages: numpy, cobs\n")
    assert capsys.readouterr().err.splitlines() == [
        "  downloading numpy 2.4.6, 16.8 MB",
        "  unpacking 2 packages",
    ]
