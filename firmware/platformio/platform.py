"""The local PlatformIO development platform: our boards, and compilers that need no registry."""

from platformio import app
from platformio.public import PlatformBase

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
        return super().configure_default_packages(options, targets)
