"""A GNU Arm compiler without its C library is told from one that has it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tinydeploy import boards
from tinydeploy.errors import SetupError
from tinydeploy.stages import build


@pytest.mark.parametrize(("answer", "works"), [("nano.specs", False), ("/lib/nano.specs", True)])
def test_newlib_is_asked_for(
    answer: str, works: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "arm-none-eabi-g++"
    compiler.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo 12.2 || echo {answer}\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    build._toolchain_version.cache_clear()
    try:
        if works:
            assert build.toolchain_version("gcc", boards.load("nano33")) == "12.2"
        else:
            with pytest.raises(SetupError, match="newlib") as caught:
                build.toolchain_version("gcc", boards.load("nano33"))
            assert "libnewlib-arm-none-eabi" in caught.value.hint
    finally:
        build._toolchain_version.cache_clear()
