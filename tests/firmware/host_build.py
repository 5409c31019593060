"""Builds the runtime for this PC: by Zig's clang (64 and 32 bits) and by GCC with sanitizers."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tinydeploy.config import FIRMWARE_DIR, cache_dir
from tinydeploy.fuzz import build

HERE = Path(__file__).parent
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
DIALECT = [
    "-std=c++17",
    "-fno-exceptions",
    "-fno-rtti",
    "-fno-threadsafe-statics",
    "-ffp-contract=off",
]
INCLUDES = [f"-I{FIRMWARE_DIR}", f"-I{FIRMWARE_DIR / 'tflm'}"]
ZIG = [sys.executable, "-m", "ziglang", "c++"]
DEVICE = [
    *ZIG,
    *["-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m4+vfp4d16sp", "-fhosted"],
    "-ffunction-sections",
    "-fdata-sections",
    f"-I{FIRMWARE_DIR / 'platformio' / 'libc'}",  # Zig has no C headers for a bare machine
]


def sources() -> list[Path]:
    """All C++ files of runtime, kernels and TFLM face."""
    rooms = (FIRMWARE_DIR / room for room in ("runtime", "kernels", "tflm"))
    return sorted(path for room in rooms for path in room.rglob("*.cpp"))


@functools.cache
def zig_runner() -> Path:
    """Optimised 64-bit runner with the undefined-behaviour sanitizer: the fuzzer's."""
    return build.host_runner()


@functools.cache
def zig_runner_32() -> Path:
    """32-bit runner: its arena use is that of a 32-bit device."""
    return _runner("zig32", [*ZIG, "-O2", "-target", "x86-linux-musl"])


@functools.cache
def sanitized_runner() -> Path | None:
    """Runner with address and undefined-behaviour sanitizers, None without g++: the fuzzer's."""
    return None if shutil.which("g++") is None else build.sanitized_runner()


def compile_device(out_dir: Path, flags: Sequence[str] = ("-Os",)) -> list[Path]:
    """Cortex-M4 objects of all sources."""
    return compile_with([*DEVICE, *flags], out_dir)


def compile_with(command: list[str], out_dir: Path) -> list[Path]:
    """Objects of all sources by any compiler."""
    return _objects(out_dir, command, sources())


def _runner(name: str, command: list[str]) -> Path:
    """Runner built by `command`, kept in the cache until a source changes."""
    face = FIRMWARE_DIR / "any_model"
    files = [*sources(), face / "any_model.cpp", face / "host.cpp"]
    folder = cache_dir() / "firmware-tests" / f"{name}-{_digest(command)}"
    program = folder / "runner"
    if not program.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            objects = _objects(Path(scratch), command, files)
            link = ["cc" if word == "c++" else word for word in command]  # no C++ library
            _run([*link, *map(str, objects), "-o", str(Path(scratch) / "runner"), "-lm"])
            folder.mkdir(exist_ok=True)
            os.replace(Path(scratch) / "runner", program)
    return program


def _objects(folder: Path, command: list[str], files: Sequence[Path]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    objects = [folder / f"{index}-{file.stem}.o" for index, file in enumerate(files)]
    jobs = [
        [*command, *DIALECT, *WARNINGS, *INCLUDES, "-c", str(file), "-o", str(target)]
        for file, target in zip(files, objects, strict=True)
    ]
    for first in range(0, len(jobs), 2):  # two at a time
        running = [subprocess.Popen(job, stderr=subprocess.PIPE) for job in jobs[first : first + 2]]
        for process in running:
            _, errors = process.communicate()
            if process.returncode != 0:
                raise RuntimeError(errors.decode())
    return objects


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)


def _digest(command: list[str]) -> str:
    """Of the compiler command and everything that gets compiled."""
    rooms = [FIRMWARE_DIR / room for room in ("runtime", "kernels", "tflm", "any_model")]
    digest = hashlib.sha256("\0".join([*command, *DIALECT, *WARNINGS]).encode())
    for path in sorted(path for room in rooms for path in room.rglob("*") if path.is_file()):
        digest.update(str(path).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
