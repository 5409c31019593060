"""PlatformIO as it is elsewhere: a Python environment with it and what it needs, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

VARIABLES = ("PLATFORMIO_", "TINYDEPLOY_", "PYTHON", "VIRTUAL_ENV", "ZIG_")


class ForeignPlatformio:
    """An environment in `folder` that shares PlatformIO's packages with this one, by links."""

    def __init__(self, folder: Path) -> None:
        self.python = folder / "venv" / "bin" / "python"
        self.home = folder / "home"
        self.home.mkdir()
        subprocess.run(
            [sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True
        )
        site = next((folder / "venv" / "lib").glob("python*/site-packages"))
        for path in _top_levels("platformio"):
            (site / path.name).symlink_to(path)

    def has(self, module: str) -> bool:
        """Whether it can import a module."""
        return subprocess.run([self.python, "-c", f"import {module}"], check=False).returncode == 0

    def environment(self) -> dict[str, str]:
        """Variables of its user."""
        found = {k: v for k, v in os.environ.items() if not k.startswith(VARIABLES)}
        return found | {"HOME": str(self.home), "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "false"}

    def says(self, *arguments: str, wanted: str, cwd: Path, **variables: str) -> bool:
        """Whether it prints a line with `wanted`; it is ended then, whatever it would do next."""
        with subprocess.Popen(
            [self.python, "-m", "platformio", *arguments],
            cwd=cwd,
            env=self.environment() | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            found = any(wanted in line for line in process.stdout)
            process.kill()
        return found

    def run(
        self, *arguments: str, cwd: Path, check: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """`pio ARGUMENTS` by a user who has never heard of our variables."""
        done = subprocess.run(
            [self.python, "-m", "platformio", *arguments],
            cwd=cwd,
            env=self.environment() | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=500,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout
        return done


def _top_levels(name: str) -> set[Path]:
    """Modules, packages and metadata of a distribution and of all that it needs."""
    found: set[Path] = set()
    seen: set[str] = set()
    wanted = [name]
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # for another system or Python
            continue
        for file in distribution.files or ():
            if file.parts[0] not in ("..", "__pycache__"):
                found.add(Path(str(distribution.locate_file(file.parts[0]))))
        wanted += [_name_of(text) for text in distribution.requires or () if "extra ==" not in text]
    return found


def _name_of(requirement: str) -> str:
    end = next((i for i, c in enumerate(requirement) if not (c.isalnum() or c in "-_.")), None)
    return requirement[:end]
