"""Programs that run any model: of the interpreter engine, for this PC and for a bare Cortex-M4.

Kept in the cache folder under a digest of everything they were made from.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from tinydeploy.config import FIRMWARE_DIR, cache_dir
from tinydeploy.errors import SetupError
from tinydeploy.lower.emit import cross_compile

WARNINGS = cross_compile.WARNINGS
DIALECT = cross_compile.DIALECT
INCLUDES = cross_compile.INCLUDES
CORTEX_M4 = cross_compile.CORTEX_M4
BARE_LINK = cross_compile.BARE_LINK
objects = cross_compile.objects
digest = cross_compile.digest
RED_ZONES = "-DTINYDEPLOY_RED_ZONES"  # firmware/runtime/red_zones.h
_FOLDERS = ("runtime", "kernels", "tflm")

Replaced = Mapping[Path, Path]


def runtime_sources() -> list[Path]:
    """All C++ files of runtime, kernels and TFLM's interface."""
    return sorted(path for folder in _FOLDERS for path in (FIRMWARE_DIR / folder).rglob("*.cpp"))


def host_runner(replaced: Replaced | None = None) -> Path:
    """The interpreter on this PC, with the undefined-behaviour sanitizer.

    Args:
        replaced: files of firmware/ to compile others instead of; for tests of the tests.
    """
    flags = ["-O2", "-g", "-fsanitize=undefined", "-fno-sanitize-recover=undefined"]
    return _program("host", [*cross_compile.zig(), *flags], "host.cpp", ["-lm"], replaced or {})


def host_runner_32() -> Path:
    """The interpreter on this PC in 32 bits: its arena use is that of a 32-bit device."""
    command = [*cross_compile.zig(), "-O2", "-target", "x86-linux-musl"]
    return _program("host32", command, "host.cpp", ["-lm"], {})


def sanitized_runner(replaced: Replaced | None = None) -> Path:
    """The same with the address sanitizer too, and red zones in the arena.

    Args:
        replaced: as for `host_runner`.

    Raises:
        SetupError: there is no g++.
    """
    if shutil.which("g++") is None:
        raise SetupError("g++ is not on the PATH", "the address sanitizer comes with it")
    flags = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", RED_ZONES]
    return _program("asan", ["g++", *flags], "host.cpp", ["-lm"], replaced or {})


def cortex_m4_runner(replaced: Replaced | None = None) -> Path:
    """The interpreter as a bare ELF for `simulate.cpu_harness`."""
    command = [*cross_compile.zig(), *CORTEX_M4, "-O2", "-g"]
    return _program("cortex_m4", command, "bare.cpp", [*BARE_LINK, "-Wl,-e,RunJob"], replaced or {})


def _program(name: str, command: list[str], face: str, link: list[str], replaced: Replaced) -> Path:
    common = FIRMWARE_DIR / "any_model"
    files = [*runtime_sources(), common / "any_model.cpp", common / face]
    files = [replaced.get(path, path) for path in files]
    key = digest([*command, *link], ["abi", *_FOLDERS, "any_model"], replaced.values())
    program = cache_dir() / "fuzz" / f"{name}-{key}" / "runner"

    def make(scratch: Path, target: Path) -> None:
        cross_compile.link(command, cross_compile.objects(scratch, command, files), link, target)

    return cross_compile.build_cached(program, make)
