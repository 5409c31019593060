"""First step of the scripts beside it: refuse a Python that does not fit, then make `.venv`.

Every Python since 2.7 must be able to read this file and the scripts, or their users would see a
syntax error in place of the message. So: no annotations, no f-strings.
"""

import sys

OLDEST = (3, 10)
NEWEST = (3, 13)
SETUP_ERROR = 4  # exit code, as tinydeploy.errors.SetupError


def start(layer, arguments):
    """Run Python with `arguments` in `.venv`, made first where it lacks the packages of `layer`."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        refuse_python()
    from tinydeploy.bootstrap import start_in_environment

    sys.exit(start_in_environment(layer, arguments))


def refuse_python():
    """Say which Python would do, and whether there is one, and exit."""
    found = ".".join(map(str, sys.version_info[:3]))
    sys.stderr.write(
        "error: tinydeploy runs on Python 3.10 to 3.13, but this is " + found + "\n"
        "       (" + sys.executable + ")\n"
        "hint:  " + _advice() + "\n"
    )
    sys.exit(SETUP_ERROR)


def _advice():
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        name = "python3." + str(minor)
        if _runs(name):
            return name + " is installed: run `" + " ".join([name] + sys.argv) + "`"  # noqa: RUF005
    return "install Python 3.12, then run `" + " ".join(["python3.12"] + sys.argv) + "`"  # noqa: RUF005


def _runs(name):
    """Whether `name` starts. Finding it is not enough: pyenv has shims for what it won't run."""
    import os
    import subprocess

    with open(os.devnull, "w") as nowhere:
        try:
            return subprocess.call([name, "-c", ""], stdout=nowhere, stderr=nowhere) == 0
        except (OSError, ValueError):
            return False


if __name__ == "__main__":  # starter.py LAYER ARGUMENTS...
    start(sys.argv[1], sys.argv[2:])
