"""Makes `.venv` from the pinned lock files, in layers, and hands over to it.

    requirements.lock        base   what deploying a ready .tflite needs
    requirements-train.lock  train  base and TensorFlow
    requirements-dev.lock    dev    train and what the tests and checks need

Standard library only: this runs before there is anything else. That is also why it starts programs
itself and not through `tinydeploy.tools`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tinydeploy.bootstrap.environment import Environment
from tinydeploy.errors import SetupError

ROOT = Path(__file__).resolve().parents[3]

INTERRUPTED = 130  # exit code, as the shell's for a program that SIGINT ended

# One package per layer that nothing but this layer brings.
_REPRESENTATIVE = {"base": "platformio", "train": "tensorflow", "dev": "pytest"}


def ensure(layer: str) -> None:
    """Make the packages of `layer` importable in this process.

    Installs them when this process runs in the checkout's own `.venv`. An environment that somebody
    else made is never changed: there, raises SetupError when they are missing. Costs a few
    milliseconds when there is nothing to do.
    """
    environment = Environment(ROOT)
    if environment.is_running:
        environment.prepare(layer)
    elif find_spec(_REPRESENTATIVE[layer]) is None:
        extra = "" if layer == "base" else f"[{layer}]"
        raise SetupError(
            f"{_REPRESENTATIVE[layer]} is not installed in {sys.prefix}",
            f"run `{sys.executable} -m pip install -e '.{extra}'` in {ROOT}",
        )


def start_in_environment(layer: str, arguments: Sequence[str]) -> int:
    """Run `.venv`'s Python with `arguments`, prepared for `layer`; returns its exit code.

    On POSIX it takes this process's place and the call does not return.
    """
    try:
        environment = Environment(ROOT)
        environment.prepare(layer)
        return _become([str(environment.python), *arguments])
    except SetupError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint:  {error.hint}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\ninterrupted: the next run goes on from here", file=sys.stderr)
        return INTERRUPTED


def _become(command: list[str]) -> int:
    variables = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "PYTHONHOME")  # another environment's packages
    }
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        os.execve(command[0], command, variables)
    return subprocess.run(command, env=variables, check=False).returncode
