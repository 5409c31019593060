"""The local PlatformIO development platform: our boards, and compilers that need no registry."""

import atexit
import json
import os
import shutil
import sys
from pathlib import Path

import click
from platformio import app
from platformio.dependencies import get_core_dependencies
from platformio.exception import UserSideException
from platformio.public import PlatformBase

sys.path.insert(0, str(Path(__file__).resolve().parent / "start"))
import handover

# The core folder is the project's own, so these settings touch no other PlatformIO project.
_SETTINGS = {"enable_telemetry": False, "check_platformio_interval": 36500}  # days: never

_CHECK = (
    "pio check takes its tool from PlatformIO's registry. Where that is out of reach: each build "
    "is checked with -Wall -Wextra -Werror, `pio run -e host` with sanitizers, too, and "
    "`python scripts/test.py` runs all tests."
)


class TinydeployPlatform(PlatformBase):
    """Needs no packages: Zig and SCons come from PyPI, GNU Arm from the PATH."""

    def is_embedded(self):
        """Whether `upload` has a board to go to."""
        return True

    def configure_default_packages(self, options, targets):
        """Called before a build, and by whatever else looks at the packages: builds nothing."""
        self._require_this_checkout()
        if Path(self.config.get("platformio", "core_dir")) in handover.CORE_DIRS:
            _keep_settings()
            _provide_scons(Path(self.config.get("platformio", "packages_dir")))
        return super().configure_default_packages(options, targets)

    def run(self, variables, targets, silent, verbose, jobs):
        """Build, upload, ...: in the checkout's own environment, whichever PlatformIO this is."""
        if handover.INSIDE in os.environ:
            return super().run(variables, targets, silent, verbose, jobs)
        self.silent, self.verbose = silent, verbose
        dump = [] if "__idedata" in targets else None
        if dump is not None and "check" in sys.argv[1:]:
            sys.__stderr__.write(_CHECK + "\n")
        options = self.config.items(env=variables["pioenv"], as_dict=True)
        echo = _echo(dump)
        code = handover.run(options, variables, targets, silent, verbose, jobs, echo)
        if dump:
            self._keep_dump(variables["pioenv"], dump)
        return {"returncode": code}

    def _require_this_checkout(self):
        """PlatformIO notes where a platform lies: in a copied checkout it takes the original's."""
        project = Path(self.config.path).resolve().parent
        links = Path(self.config.get("platformio", "platforms_dir")).glob("*.pio-link")
        if project != handover.ROOT and (project / "firmware" / "platformio").is_dir():
            for link in links:
                link.unlink()
            raise UserSideException("This checkout was copied or moved. Please run that once more.")

    def _keep_dump(self, name, lines):
        """Where PlatformIO's `check`, `--list-targets` and editors look for it."""
        for line in lines:
            if line.startswith("{") and '"includes":' in line:
                folder = Path(self.config.get("platformio", "build_dir")) / name
                folder.mkdir(parents=True, exist_ok=True)
                (folder / "idedata.json").write_text(line, encoding="utf-8")


def _echo(dump):
    """What shows a line; None where the terminal can be left to the programs themselves."""
    if dump is None and sys.stdout is sys.__stdout__ and sys.stdout.isatty():
        return None

    def show(line):
        click.echo(line, nl=False)
        if dump is not None:
            dump.append(line)

    return show


def _keep_settings():
    for name, value in _SETTINGS.items():
        if app.get_setting(name) != value:
            app.set_setting(name, value)


def _provide_scons(packages):
    """The package tool-scons, in the version that this PlatformIO asks for, without a registry.

    It is there only while this process runs: a PlatformIO that finds it after its own update would
    ask the registry for news of it, and an environment that has the registry gets the real one.
    """
    if "SCons" in sys.modules:  # started from it
        return
    version = get_core_dependencies()["tool-scons"].lstrip("~^=<> ")
    folder = packages / f"tool-scons@{version}-{os.getpid()}"
    if folder.is_dir():
        return
    _remove_left_scons(packages)
    folder.mkdir(parents=True)
    atexit.register(shutil.rmtree, str(folder), ignore_errors=True)
    program = str(Path(handover.__file__).with_name("scons.py"))
    manifest = {"name": "tool-scons", "version": version, "system": "*"}
    spec = {"owner": "platformio", "id": None, "name": "tool-scons"}
    spec.update(requirements=None, uri=None)
    files = {
        "scons.py": f"import runpy\n\nrunpy.run_path({program!r}, run_name='__main__')\n",
        "package.json": json.dumps(manifest),
        ".piopm": json.dumps(
            {"type": "tool", "name": "tool-scons", "version": version, "spec": spec}
        ),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _remove_left_scons(packages):
    """What killed processes have left."""
    for folder in packages.glob("tool-scons@*-*"):
        try:
            os.kill(int(folder.name.rpartition("-")[2]), 0)
        except (ValueError, PermissionError):
            continue
        except OSError:
            shutil.rmtree(str(folder), ignore_errors=True)
