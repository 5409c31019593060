"""The local PlatformIO development platform: our boards, and compilers that need no registry."""

import os
import sys
from pathlib import Path

from platformio import app
from platformio.public import PlatformBase

ROOT = Path(__file__).resolve().parents[2]

# The core folder is the project's own, so these settings touch no other PlatformIO project.
_SETTINGS = {"enable_telemetry": False, "check_platformio_interval": 36500}  # days: never


class TinydeployPlatform(PlatformBase):
    """Needs no packages: Zig comes from PyPI, GNU Arm from the PATH."""

    def is_embedded(self):
        """Whether `upload` has a board to go to."""
        return True

    def configure_default_packages(self, options, targets):
        """Called once before each build."""
        for name, value in _SETTINGS.items():
            if app.get_setting(name) != value:
                app.set_setting(name, value)
        if "TINYDEPLOY_PROGRAM" not in os.environ and "clean" not in targets:
            _compile_model(options["custom_model"], options["board"])
        return super().configure_default_packages(options, targets)


def _compile_model(model, board):
    """Bring build/<model>/<board>/program up to date, for those who start with `pio run`."""
    sys.path.insert(0, str(ROOT / "scripts"))
    from platformio.exception import UserSideException
    from tinydeploy import tools
    from tinydeploy.errors import TinyDeployError

    command = tools.python_module_argv("tinydeploy", "compile", "--model", model, "--board", board)
    environment = {"PYTHONPATH": str(ROOT / "scripts")}
    try:
        tools.run(command, what=f"compiling {model}", cwd=ROOT, env=environment, capture=False)
    except TinyDeployError as error:
        raise UserSideException(f"{error.message}\n{error.hint}") from error
