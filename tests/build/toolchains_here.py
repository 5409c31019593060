"""Which of the optional compilers this machine has."""

from __future__ import annotations

import shutil

import pytest


def require_toolchain(board: str, toolchain: str) -> None:
    """Skip where the optional compiler is absent."""
    program = "g++" if board == "host" else "arm-none-eabi-g++"
    if toolchain == "gcc" and shutil.which(program) is None:
        pytest.skip(f"no {program} on the PATH")
