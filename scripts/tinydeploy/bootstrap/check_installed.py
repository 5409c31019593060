"""Whether an environment has what a lock file pins, and can use it: run by its own Python.

    python -I check_installed.py requirements.lock

Exit code 1 with one line on standard error that says what is wrong.
"""

from __future__ import annotations

import importlib
import re
import sys
from importlib import metadata
from pathlib import Path

# Packages of compiled code, or of use from the first moment on, and a module of each.
IMPORTED = {
    "numpy": "numpy",
    "platformio": "platformio",
    "pytest": "pytest",
    "rich": "rich",
    "scons": "SCons",
    "tensorflow-cpu": "tensorflow",
    "tflite-micro": "tflite_micro.python.tflite_micro.runtime",
    "unicorn": "unicorn",
    "ziglang": "ziglang",
}
_PIN = re.compile(r"^([\w.-]+)==(\S+)(?: ; (.*?))? \\$", re.MULTILINE)


def fault(lock: str) -> str:
    """What is wrong; "" for nothing."""
    names = []
    for name, version, marker in _PIN.findall(lock):
        if marker and not _holds(marker):
            continue
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            return f"{name} is not there"
        if found != version:
            return f"{name} is there as {found} instead of {version}"
        names.append(name)
    for name in names:
        try:
            importlib.import_module(IMPORTED.get(name, "sys"))
        except Exception as error:  # whatever it is, it can't be used
            return f"{name} does not work: {error}".replace("\n", " ")
    return ""


def _holds(marker: str) -> bool:
    from pip._vendor.packaging.markers import Marker

    return bool(Marker(marker).evaluate())


if __name__ == "__main__":
    sys.exit(fault(Path(sys.argv[1]).read_text(encoding="utf-8")) or 0)
