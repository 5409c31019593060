"""Does one build of PlatformIO's in the environment that it was handed over to, see handover.py."""

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))

from tinydeploy import supervise  # noqa: E402
from tinydeploy.stages import build  # noqa: E402


def main(job):
    """Run the targets of `job`; returns the exit code."""
    if os.name == "posix":  # killing the PlatformIO that handed over ends this, too
        supervise.guard(os.getppid())
    os.chdir(ROOT)
    os.environ.pop("PYTHONEXEPATH", None)  # the Python of the PlatformIO that handed over
    os.environ.update(build.platformio_environment())
    build.forget_copied_platform()
    from platformio import app
    from platformio.platform.factory import PlatformFactory

    app.set_session_var("custom_project_conf", job["variables"]["project_config"])
    platform = PlatformFactory.from_env(
        job["variables"]["pioenv"], targets=job["targets"], autoinstall=True
    )
    with build.one_at_a_time():
        result = platform.run(
            job["variables"], job["targets"], job["silent"], job["verbose"], job["jobs"]
        )
    return result["returncode"]


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
