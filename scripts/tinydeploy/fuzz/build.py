"""Programs that run any model: of the interpreter engine, for this PC and for a bare Cortex-M4.

Kept in the cache folder under a digest of everything they were made from.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tinydeploy import tools
from tinydeploy.config import FIRMWARE_DIR, cache_dir
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
    *["-ffunction-sections", "-fdata-sections", "-fno-unwind-tables"],
    *["-isystem", str(FIRMWARE_DIR / "platformio" / "libc")],
]
BARE_LINK = [
    "-nostartfiles",
    "-Wl,--gc-sections",
    "-T",
    str(FIRMWARE_DIR / "any_model" / "bare.ld"),
]
_ROOMS = ("runtime", "kernels", "tflm")
_JOBS = 2

Replaced = Mapping[Path, Path]


def runtime_sources() -> list[Path]:
    """All C++ files of runtime, kernels and TFLM face."""
    return sorted(path for room in _ROOMS for path in (FIRMWARE_DIR / room).rglob("*.cpp"))


def host_runner(replaced: Replaced | None = None) -> Path:
    """The interpreter on this PC, with the undefined-behaviour sanitizer.

    Args:
        replaced: files of firmware/ to compile others instead of; for tests of the tests.
    """
    flags = ["-O2", "-g", "-fsanitize=undefined", "-fno-sanitize-recover=undefined"]
    return _program("host", [*_zig(), *flags], "host.cpp", ["-lm"], replaced or {})


def sanitized_runner() -> Path:
    """The same with the address sanitizer too.

    Raises:
        SetupError: there is no g++.
    """
    if shutil.which("g++") is None:
        raise SetupError("g++ is not on the PATH", "the address sanitizer comes with it")
    flags = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    return _program("asan", ["g++", *flags], "host.cpp", ["-lm"], {})


def cortex_m4_runner(replaced: Replaced | None = None) -> Path:
    """The interpreter as a bare ELF for `simulate.bench`."""
    command = [*_zig(), *CORTEX_M4, "-O2", "-g"]
    return _program("cortex_m4", command, "bare.cpp", [*BARE_LINK, "-Wl,-e,RunJob"], replaced or {})


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


def digest(command: Sequence[str], rooms: Iterable[str], more: Iterable[Path] = ()) -> str:
    """Of a compiler command and of every file in these folders of firmware/."""
    known = hashlib.sha256("\0".join([*command, *DIALECT, *WARNINGS]).encode())
    files = [path for room in rooms for path in (FIRMWARE_DIR / room).rglob("*") if path.is_file()]
    for path in sorted([*files, *more]):
        known.update(str(path).encode() + b"\0" + path.read_bytes())
    return known.hexdigest()[:16]


def _program(name: str, command: list[str], face: str, link: list[str], replaced: Replaced) -> Path:
    common = FIRMWARE_DIR / "any_model"
    files = [*runtime_sources(), common / "any_model.cpp", common / face]
    files = [replaced.get(path, path) for path in files]
    key = digest([*command, *link], [*_ROOMS, "any_model"], replaced.values())
    folder = cache_dir() / "fuzz" / f"{name}-{key}"
    program = folder / "runner"
    if not program.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            made = objects(Path(scratch), command, files)
            linker = ["cc" if word == "c++" else word for word in command]  # no C++ library
            target = Path(scratch) / "runner"
            tools.run([*linker, *made, *link, "-o", target], what="linking the runner")
            folder.mkdir(exist_ok=True)
            os.replace(target, program)
    return program


def _zig() -> list[str]:
    return tools.python_module_argv("ziglang", "c++")
