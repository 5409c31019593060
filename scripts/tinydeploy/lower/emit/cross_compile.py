"""Compile parts of firmware/ apart from any board: for this PC and for a bare Cortex-M4."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tinydeploy import tools, whole
from tinydeploy.config import FIRMWARE_DIR
from tinydeploy.errors import SetupError

WARNINGS = ["-Wall", "-Wextra", "-Werror"]
DIALECT = [
    "-std=c++17",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-threadsafe-statics",
    "-ffp-contract=off",
]
INCLUDES = [f"-I{FIRMWARE_DIR}", f"-I{FIRMWARE_DIR / 'tflm'}"]
CORTEX_M4 = [
    *["-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m4+vfp4d16sp", "-fhosted"],
    *["-ffunction-sections", "-fdata-sections", "-fno-unwind-tables", "-fomit-frame-pointer"],
    *["-isystem", str(FIRMWARE_DIR / "platformio" / "libc")],
]
BARE_LINK = [
    "-nostartfiles",
    "-Wl,--gc-sections",
    "-T",
    str(FIRMWARE_DIR / "any_model" / "bare.ld"),
]
_JOBS = 2


def zig() -> list[str]:
    """The compiler that comes from PyPI."""
    return tools.python_module_argv("ziglang", "c++")


def zig_program() -> Path:
    """The compiler itself, for its `clang` and `ld.lld`, which keep nothing in Zig's cache."""
    found = importlib.util.find_spec("ziglang")
    if found is None or found.origin is None:
        raise SetupError("the Python package ziglang is not installed", "it has the compiler")
    return Path(found.origin).with_name("zig")


def objects(folder: Path, command: Sequence[str], files: Iterable[Path]) -> list[Path]:
    """Object files of `files`, compiled by `command`, two at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(file, folder / f"{index}-{file.stem}.o") for index, file in enumerate(files)]

    def compile_one(job: tuple[Path, Path]) -> Path:
        argv = [*command, *DIALECT, *WARNINGS, *INCLUDES, "-c", str(job[0]), "-o", str(job[1])]
        tools.run(argv, what=f"compiling {job[0].name}", timeout_s=600)
        return job[1]

    with ThreadPoolExecutor(_JOBS) as pool:
        return list(pool.map(compile_one, jobs))


def link(command: Sequence[str], made: Iterable[Path], flags: Sequence[str], out: Path) -> None:
    """A program of objects; without the C++ library."""
    linker = ["cc" if word == "c++" else word for word in command]
    tools.run([*linker, *made, *flags, "-o", out], what="linking the runner")


def digest(command: Sequence[str], rooms: Iterable[str], more: Iterable[Path] = ()) -> str:
    """Of a compiler, its command and every file in these folders of firmware/ and its headers."""
    flags = [*command, *DIALECT, *WARNINGS, *INCLUDES]
    known = hashlib.sha256("\0".join([*flags, _compiler_version(command[0])]).encode())
    rooms = [*rooms, "abi", "platformio/libc"]
    files = {path for room in rooms for path in (FIRMWARE_DIR / room).rglob("*") if path.is_file()}
    for path in sorted([*files, *more]):
        known.update(str(path).encode() + b"\0" + path.read_bytes())
    return known.hexdigest()[:16]


def digest_of(text: str) -> str:
    """Of a text that is compiled."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.cache
def _compiler_version(program: str) -> str:
    """Of Zig where its own Python is the program, else what the compiler says of itself."""
    if program == sys.executable:
        return importlib.metadata.version("ziglang")
    return tools.run([program, "--version"], what=f"asking {program} for its version").stdout


def build_cached(program: Path, make: Callable[[Path, Path], None]) -> Path:
    """`program`, made by `make(scratch folder, file to write)` unless it is there."""
    if not program.exists():
        folder = program.parent
        with whole.scratch(folder.parent) as scratch:
            target = scratch / program.name
            make(scratch, target)
            folder.mkdir(exist_ok=True)
            os.replace(target, program)
    return program
