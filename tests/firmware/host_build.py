"""Builds the runtime for this PC: by Zig's clang (64 and 32 bits) and by GCC with sanitizers."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Sequence
from pathlib import Path

from tinydeploy.config import FIRMWARE_DIR
from tinydeploy.fuzz import build
from tinydeploy.lower.emit import cross_compile

HERE = Path(__file__).parent
DIALECT, INCLUDES = cross_compile.DIALECT, cross_compile.INCLUDES
ZIG = cross_compile.zig()
DEVICE = [
    *ZIG,
    *["-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m4+vfp4d16sp", "-fhosted"],
    "-ffunction-sections",
    "-fdata-sections",
    f"-I{FIRMWARE_DIR / 'platformio' / 'libc'}",  # Zig has no C headers for a bare machine
]


@functools.cache
def zig_runner() -> Path:
    """Optimised 64-bit runner with the undefined-behaviour sanitizer: the fuzzer's."""
    return build.host_runner()


@functools.cache
def zig_runner_32() -> Path:
    """32-bit runner: its arena use is that of a 32-bit device."""
    return build.host_runner_32()


@functools.cache
def sanitized_runner() -> Path | None:
    """Runner with address and undefined-behaviour sanitizers, None without g++: the fuzzer's."""
    return None if shutil.which("g++") is None else build.sanitized_runner()


def compile_device(out_dir: Path, flags: Sequence[str] = ("-Os",)) -> list[Path]:
    """Cortex-M4 objects of all sources."""
    return compile_with([*DEVICE, *flags], out_dir)


def compile_with(command: list[str], out_dir: Path) -> list[Path]:
    """Objects of all sources by any compiler."""
    return cross_compile.objects(out_dir, command, build.runtime_sources())
