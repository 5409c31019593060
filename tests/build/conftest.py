"""Firmware images for the tests: the sine model, built once for each board and compiler."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from tinydeploy import boards
from tinydeploy.config import MODELS_DIR
from tinydeploy.stages.build import Image, build
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.stages.compile import compile_model

sys.path.insert(0, str(Path(__file__).parent))

from toolchains_here import require_toolchain

SINE = MODELS_DIR / "sine" / "sine_int8.tflite"
ARENA_BYTES = 4096


@pytest.fixture(scope="session")
def make_program(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a program folder of the sine model with a given arena."""

    def make(arena_bytes: int = ARENA_BYTES) -> Path:
        folder = tmp_path_factory.mktemp("program")
        return compile_model(SINE, None, folder, name="sine", arena_bytes=arena_bytes).folder

    return make


@pytest.fixture(scope="session")
def make_image(
    make_program: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Image]:
    """Builds the sine model, once for each set of arguments."""

    @cache
    def make(board: str, toolchain: str = "zig", arena_bytes: int = ARENA_BYTES) -> Image:
        require_toolchain(board, toolchain)
        out = tmp_path_factory.mktemp(f"{board}-{toolchain}")
        options = BuildOptions(toolchain=toolchain)
        return build(make_program(arena_bytes), boards.load(board), options, out_dir=out)

    return make
