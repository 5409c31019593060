"""`pio test -e nano33`: every output byte of the board, or of its simulator, against TFLM's.

This is `tinydeploy deploy` with PlatformIO's manners. With `--upload-port` or `--test-port` it
flashes and asks the board that is there; `-a --vectors=10` and the like are options of `deploy`.
"""

import json
import subprocess
import sys
from pathlib import Path

import click
from platformio.public import TestCase, TestRunnerBase, TestStatus

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "start"))
import handover


class CustomTestRunner(TestRunnerBase):
    """Building and uploading are parts of the deployment, and not done if nothing has changed."""

    def stage_building(self):
        """Nothing: see the class."""

    def stage_uploading(self):
        """Nothing: see the class."""

    def stage_testing(self):
        """Deploy, and turn the report into a test case."""
        if self.options.without_testing:
            return
        options = self.project_config.items(env=self.test_suite.env_name, as_dict=True)
        done = subprocess.run(
            handover.python_argv(*_deploy(options, self.options)),
            cwd=str(handover.ROOT),
            capture_output=True,
            check=False,
        )
        said = done.stderr.decode("utf-8", "replace").strip()
        passed = done.returncode == 0
        text = _summary(done.stdout) if passed else said
        click.secho(text, fg="green" if passed else "red")
        self.test_suite.add_case(
            TestCase(
                name="every output byte is TFLM's",
                status=TestStatus.PASSED if passed else TestStatus.FAILED,
                message=text,
                stdout=said,
            )
        )


def _deploy(options, wanted):
    port = wanted.test_port or wanted.upload_port
    return [
        *("-m", "tinydeploy", "deploy", "--json"),
        *("--board", options["board"], "--model", options["custom_model"]),
        *("--engine", options.get("custom_engine", "auto")),
        *("--toolchain", handover.toolchain_of(options)),
        *(("--target", port) if port else ()),
        *(wanted.program_args or ()),
    ]


def _summary(report):
    parity = json.loads(report.decode("utf-8"))["parity"]
    return "{vectors} vectors, {bytes_compared} output bytes, {mismatching_bytes} differ".format(
        **parity
    )
