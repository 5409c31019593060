"""From whichever PlatformIO was started to the checkout's own Python environment.

`.venv` has what a build needs: compiler, SCons, `tinydeploy`. A PlatformIO from elsewhere (VS
Code's, another virtual environment's) hands its builds over, and shows what they print. So this
file uses nothing but the standard library, and works in every Python that PlatformIO runs on.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# As in platformio.ini, for whichever PlatformIO; and for builds inside, by the one of `.venv`.
CORE_DIRS = [ROOT / "build" / "platformio" / name for name in ("core", "core-inside")]
INSIDE = "TINYDEPLOY_INSIDE"  # set for the PlatformIO that builds itself instead of handing over
PROGRAM = "TINYDEPLOY_PROGRAM"
TOOLCHAIN = "TINYDEPLOY_TOOLCHAIN"

_NEEDED = ("SCons", "platformio", "rich", "tflite_micro", "tinydeploy", "unicorn", "ziglang")
_CLEANING = {"clean", "cleanall", "fullclean"}
_WITHOUT_MODEL = {"__idedata", "envdump", "erase", "nobuild"}  # they take the last one
_NO_MODEL = {"model.h": "", "plan.cc": ""}  # for an editor's index, before there is any


def run(options, variables, targets, silent, verbose, jobs, echo=None):
    """Do what `pio run` asks for one environment; returns the exit code.

    Args:
        options: of the environment in platformio.ini.
        variables, targets, silent, verbose, jobs: as PlatformIO gives them to a platform.
        echo: gets each line; None lets the programs print by themselves.
    """
    name = variables["pioenv"]
    if _CLEANING & set(targets):
        return _clean(options["board"])
    code, program = _program(name, options, targets, silent)
    if code:
        return code
    job = {
        "variables": variables,
        "targets": targets,
        "silent": bool(silent),
        "verbose": bool(verbose),
        "jobs": jobs,
    }
    inside = str(Path(__file__).with_name("inside.py"))
    return _show(python_argv(inside, json.dumps(job)), {PROGRAM: str(program)}, echo)


def compile_model(model, board, engine, toolchain, silent=False):
    """`tinydeploy compile`; returns its exit code and the program's folder."""
    command = python_argv(
        *("-m", "tinydeploy", "compile", "--model", model, "--board", board),
        *("--engine", engine, "--toolchain", toolchain),
        *(["--quiet"] if silent else []),
    )
    done = subprocess.run(command, cwd=str(ROOT), stdout=subprocess.PIPE, check=False)
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return done.returncode, Path(lines[0]).parent if lines else None


def python_argv(*arguments):
    """The command that runs Python with `arguments` where everything is there.

    That is the running Python if it has all; else `.venv`'s, made first if there is none.
    """
    if all(importlib.util.find_spec(name) for name in _NEEDED):
        return [sys.executable, *arguments]
    starter = str(ROOT / "scripts" / "starter.py")
    own = ROOT / ".venv" / "bin" / "python"
    fits = (3, 10) <= sys.version_info[:2] <= (3, 13)
    return [str(own) if not fits and own.exists() else sys.executable, starter, "base", *arguments]


def toolchain_of(options):
    """The compiler that the environment variable or platformio.ini names."""
    return os.environ.get(TOOLCHAIN) or options.get("custom_toolchain", "zig")


def _program(name, options, targets, silent):
    """An exit code, and the folder with the model as C++: compiled now where it has to be."""
    if os.environ.get(PROGRAM):
        return 0, Path(os.environ[PROGRAM])
    note = ROOT / "build" / "platformio" / name / "program.txt"
    if _WITHOUT_MODEL & set(targets):
        return 0, _last_program(note)
    code, folder = compile_model(
        *(options["custom_model"], options["board"], options.get("custom_engine", "auto")),
        *(toolchain_of(options), silent),
    )
    if not code:
        note.parent.mkdir(parents=True, exist_ok=True)
        beside = note.with_suffix(".new")
        beside.write_text(str(folder), encoding="utf-8")
        os.replace(str(beside), str(note))
    return code, folder


def _last_program(note):
    if note.is_file():
        folder = Path(note.read_text(encoding="utf-8"))
        if (folder / "model.h").is_file():
            return folder
    folder = ROOT / "build" / "platformio" / "no_model"
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in _NO_MODEL.items():
        (folder / file).write_text(text, encoding="utf-8")
    return folder


def _clean(board):
    """Objects of all engines, compilers and links of a board; models and reports stay."""
    for folder in sorted((ROOT / "build" / "pio").glob(board + "-*")):
        print("Removed " + str(folder.relative_to(ROOT)))
        shutil.rmtree(str(folder), ignore_errors=True)
    return 0


def _show(command, variables, echo):
    environment = dict(os.environ, **variables)
    if echo is None:
        return subprocess.call(command, cwd=str(ROOT), env=environment)
    with subprocess.Popen(
        command,
        cwd=str(ROOT),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        for line in process.stdout:
            echo(line.decode("utf-8", "replace"))
    return process.returncode
