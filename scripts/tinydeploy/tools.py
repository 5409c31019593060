"""The only place that starts programs: compilers, PlatformIO, pip, flash tools."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tinydeploy import interrupts, supervise
from tinydeploy.config import BUILD_DIR, cache_dir
from tinydeploy.errors import BuildError, SetupError, TinyDeployError, of_program

_TAIL_LINES = 20
_GRACE_S = 0.5  # between asking a program to end and ending it
_running: set[subprocess.Popen[Any]] = set()


def find(program: str) -> Path | None:
    """Where `program` is: beside the running Python (its virtual environment), else on the PATH."""
    here = Path(sys.executable).parent
    found = shutil.which(program, path=str(here)) or shutil.which(program)
    return Path(found) if found else None


def has_newlib(compiler: str | os.PathLike[str]) -> bool:
    """Whether a GNU Arm compiler has its C library beside it; it prints a bare name if not."""
    asked = [compiler, "-print-file-name=nano.specs"]
    return Path(run(asked, what=f"asking {compiler} for newlib").stdout.strip()).is_absolute()


def python_module_argv(module: str, *arguments: str) -> list[str]:
    """The command line of `python -m module arguments…` with the running Python.

    Raises:
        SetupError: the module is not installed here.
    """
    if importlib.util.find_spec(module) is None:
        raise SetupError(
            f"the Python package {module!r} is not installed in {sys.prefix}",
            "start through `python scripts/deploy.py`, which installs what a command needs",
        )
    return [sys.executable, "-m", module, *arguments]


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    what: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    check: bool = True,
    capture: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end. On Ctrl-C its whole process group ends before this returns.

    Args:
        argv: program and arguments; no shell is involved.
        what: what this is for, as it reads in "<what> failed": "the firmware build".
        env: variables on top of this process's; None changes nothing.
        check: raise BuildError when the exit status is not 0.
        capture: collect standard output and error (as one text, in `.stdout`) instead of passing
            them through.

    Raises:
        SetupError: there is no such program, or no room on the disk.
        BuildError: it failed or took longer than `timeout_s`.
    """
    interrupts.check()
    command = [os.fspath(part) for part in argv]
    process = _start(command, what, cwd, env, capture)
    _running.add(process)
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        _end(process)
        raise BuildError(
            f"{what} did not finish within {timeout_s:g} s", f"it ran: {_shown(command)}"
        ) from error
    except BaseException:
        _end(process)
        raise
    finally:
        _running.discard(process)
    interrupts.check()
    if check and process.returncode != 0:
        raise _failed(what, command, process.returncode, output or "")
    return subprocess.CompletedProcess(command, process.returncode, output or "", "")


def start_piped(
    argv: Sequence[str | os.PathLike[str]], *, what: str, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a program to exchange bytes with over its unbuffered pipes; the caller ends it, by
    `kill` if by force.

    Args:
        env: variables to set besides the present ones.

    Raises:
        SetupError: there is no such program, or it may not run.
    """
    command = [os.fspath(part) for part in argv]
    pipe = subprocess.PIPE
    with _explained(command, what):
        return subprocess.Popen(
            command,
            env=None if env is None else {**os.environ, **env},
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            bufsize=0,
            **_of_its_own(),
        )


def _start(
    command: list[str],
    what: str,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    capture: bool,
) -> subprocess.Popen[str]:
    with _explained(command, what):
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=None if env is None else {**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if capture else None,
            stderr=subprocess.STDOUT if capture else None,
            text=True,
            encoding="utf-8",
            errors="replace",
            **_of_its_own(),
        )


def _of_its_own() -> dict[str, Any]:
    """A group that Ctrl-C in a terminal does not reach: we end it, with its children. It does not
    outlive us, however we end, and nothing that it has started outlives it.
    """
    if os.name != "posix":
        return {}
    return {"start_new_session": True, "preexec_fn": partial(supervise.guard, os.getpid())}


@contextmanager
def _explained(command: list[str], what: str) -> Iterator[None]:
    """Turn the system's refusal to start a program into an error for people."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SetupError(
            f"{what} needs {command[0]!r}, which is not on this machine",
            "`tinydeploy doctor` lists what is missing and how to get it",
        ) from error
    except PermissionError as error:
        raise SetupError(f"{command[0]} may not be executed", "check its permissions") from error


def _end(process: subprocess.Popen[str]) -> None:
    """End the program and what it started: politely, then by force."""
    for ask in (_terminate, kill):
        ask(process)
        try:
            process.wait(_GRACE_S)
            break
        except subprocess.TimeoutExpired:
            continue
    if process.stdout is not None:
        process.stdout.close()


def _end_all() -> None:
    """Ask all that run to end; who waits for them finishes it."""
    for process in list(_running):
        _terminate(process)


interrupts.on_request(_end_all)


def kill(process: subprocess.Popen[Any]) -> None:
    """End a program of ours by force, and what it has started; it is still to be waited for."""
    if sys.platform == "linux":
        process.send_signal(supervise.END)
    else:
        _signal(process, getattr(signal, "SIGKILL", signal.SIGTERM))


def _terminate(process: subprocess.Popen[Any]) -> None:
    _signal(process, signal.SIGTERM)


def _signal(process: subprocess.Popen[Any], number: int) -> None:
    try:
        if os.name == "posix":
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
    except ProcessLookupError:
        pass


def full_disk(output: str) -> SetupError | None:
    """That a disk is full, if it is why a program that said `output` has failed."""
    return of_program(output, BUILD_DIR, cache_dir(), tempfile.gettempdir())


def _failed(what: str, command: list[str], status: int, output: str) -> TinyDeployError:
    if full := full_disk(output):
        return full
    tail = "\n".join(output.strip().splitlines()[-_TAIL_LINES:])
    return BuildError(
        f"{what} failed with exit status {status}" + (f":\n{tail}" if tail else ""),
        f"it ran: {_shown(command)}",
    )


def _shown(command: list[str]) -> str:
    text = " ".join(command)
    return text if len(text) <= 300 else text[:297] + "..."
